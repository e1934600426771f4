"""Labelled data that suit a model: chips with labels, or scenes with their truth.

Example:
    >>> labelled = open_labelled(request, data, contract, scratch)
    >>> labelled.place, labelled.score(settings, backend.predict).evaluation.scores["iou"]
    ('data/test/chips', 0.71)
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from segmint.contract import ModelContract
from segmint.data.categories import categorical, count_codes, unknown_codes
from segmint.data.chips import Chip
from segmint.data.fingerprint import fingerprint
from segmint.data.pairs import without_mask
from segmint.data.tiles import Tile
from segmint.evaluation.chips import score_chips
from segmint.evaluation.outcome import Outcome, Settings
from segmint.evaluation.reading import labelled_chips
from segmint.evaluation.request import Request
from segmint.evaluation.scenes import score_scenes
from segmint.evaluation.truths import Truths, open_truths
from segmint.inference.inputs import find_scenes
from segmint.inference.protocols import Predict
from segmint.recipe import DataRecipe


class Labelled(Protocol):
    """What a model can be scored on."""

    @property
    def place(self) -> str:
        """Where the data are, for the person."""

    @property
    def digest(self) -> str:
        """SHA-256 over names and contents."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found, repaired and left out, in sentences."""

    def score(self, settings: Settings, predict: Predict) -> Outcome:
        """Answer and score everything."""


def open_labelled(request: Request, data: DataRecipe, contract: ModelContract, scratch: Path) -> Labelled:
    """Open what was asked for and check it, before anything is predicted.

    Args:
        request: What was asked for.
        data: How labels are read.
        contract: The model's.
        scratch: An existing folder.

    Raises:
        DataError: Data that cannot be used.
        SceneError: Images that do not suit the model.
    """
    if request.input is None:
        return LabelledChips(labelled_chips(data, contract), data, contract)
    scenes = find_scenes(request.input)
    truths = open_truths(scenes, request, data, contract, scratch)
    return LabelledScenes(scenes, truths, request, data, contract, scratch)


@dataclass(frozen=True)
class LabelledChips:
    """Chips with labels.

    Attributes:
        chips: The chips.
        data: How they are read.
        contract: The model's.
    """

    chips: list[Chip]
    data: DataRecipe
    contract: ModelContract

    @property
    def place(self) -> str:
        """Where the data are, for the person."""
        return self.data.chips_dir

    @property
    def digest(self) -> str:
        """SHA-256 over names and contents, as training states it of its dataset."""
        return fingerprint(self.chips).digest

    @property
    def notes(self) -> tuple[str, ...]:
        """How many chips have no mask, and codes that the model does not know; what cannot be used is refused."""
        bare, bands = without_mask(self.chips, self.data), self.contract.input.bands
        tiles = [Tile(number, 0, 0, chip.height, chip.width) for number, chip in enumerate(self.chips)]
        unknown = unknown_codes(bands, count_codes(categorical(bands), self.chips, tiles))
        return (*((bare,) if bare else ()), *unknown)

    def score(self, settings: Settings, predict: Predict) -> Outcome:
        """Answer and score every chip."""
        return score_chips(self.chips, self.contract, settings, predict, self.data.pooled)


@dataclass(frozen=True)
class LabelledScenes:
    """Scenes with their truth.

    Attributes:
        scenes: Name -> address.
        truths: Their truth.
        request: How they are read.
        data: How labels are read.
        contract: The model's.
        scratch: Where rows are kept while they are scored.
    """

    scenes: dict[str, str]
    truths: Truths
    request: Request
    data: DataRecipe
    contract: ModelContract
    scratch: Path

    @property
    def place(self) -> str:
        """Where the data are, for the person."""
        return f"{self.request.input} with {self.request.labels}"

    @property
    def digest(self) -> str:
        """SHA-256 over names and contents of scenes and truths."""
        return self.truths.digest

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found, repaired and left out, in sentences."""
        return self.truths.notes

    def score(self, settings: Settings, predict: Predict) -> Outcome:
        """Answer and score every scene."""
        return score_scenes(
            self.scenes,
            self.truths.by_stem,
            self.contract,
            settings,
            predict,
            self.data.pooled,
            self.request,
            self.scratch,
        )
