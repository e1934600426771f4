"""Labelled chips for a file of less precision: what its ranges come from, and what it costs in test IoU.

A file whose ranges came from test chips would be measured on what it was made for, so the two sides never mix.

Example:
    >>> sides = Sides.of(contract, "chips", "labels", Path("test_chips.csv"))
    >>> sides.ranges().shape
    (32, 3, 256, 256)
    >>> sides.iou_change(Path("best_model.onnx"), Path("best_model_int8.onnx"))
    -0.0021
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.data.chips import Chip
from segmint.errors import DataError
from segmint.evaluation.chips import as_input, tallied
from segmint.evaluation.held_out import HeldOutCounts
from segmint.evaluation.reading import labelled_chips, reading
from segmint.evaluation.tally import tiles_of
from segmint.export import onnx

RANGE_TILES = 32
"""Tiles that ranges come from, where there are so many."""


@dataclass(frozen=True)
class Sides:
    """Labelled chips, those of the model's test split apart.

    Attributes:
        place: The folder that they come from.
        contract: The model's.
        tested: Chips of the test split.
        others: Chips of training and validation.
    """

    place: str
    contract: ModelContract
    tested: tuple[Chip, ...]
    others: tuple[Chip, ...]

    @classmethod
    def of(cls, contract: ModelContract, chips_dir: str, labels_dir: str | None, counts: Path | None) -> "Sides":
        """Read labelled chips and tell them apart.

        Args:
            contract: The model's.
            chips_dir: Labelled chips.
            labels_dir: Their labels, or None where they lie beside the chips.
            counts: ``test_chips.csv``, which names the chips of the test split.

        Raises:
            DataError: Nothing names the test split, none of the chips is of it, or all are.
        """
        if counts is None:
            raise DataError("the model has no test_chips.csv", "the chips of its test split", "Train it again")
        names = set(HeldOutCounts.read(counts, contract, "").chips)
        chips = labelled_chips(reading(contract, (), chips_dir, labels_dir), contract)
        tested = tuple(chip for chip in chips if chip.stem in names)
        others = tuple(chip for chip in chips if chip.stem not in names)
        remedy = "Name the folder that the model was trained on"
        if not tested:
            wanted = f"some of the {len(names)} of the test split, such as {min(names)}"
            raise DataError(f"{chips_dir}: {len(chips)} chips, none that the model was tested on", wanted, remedy)
        if not others:
            wanted = "some of training or validation too, which onnx_int8 takes its ranges from"
            raise DataError(f"{chips_dir}: {len(chips)} chips, all of the test split", wanted, remedy)
        return cls(chips_dir, contract, tested, others)

    def ranges(self) -> NDArray[np.float32]:
        """Tiles ``[N, C, H, W]`` in raw values, at most 32, evenly spaced over the chips that are no test chips."""
        tiles = [(chip, part) for chip in self.others for part in tiles_of(self.contract, chip.height, chip.width)]
        places = np.linspace(0, len(tiles) - 1, min(len(tiles), RANGE_TILES)).round().astype(int)
        taken = (tiles[place] for place in places)
        return np.stack([as_input(chip, part, self.contract)[0] for chip, part in taken])

    def iou_change(self, original: Path, reduced: Path) -> float:
        """Test IoU of a reduced ONNX file less that of the file in full precision, on the chips of the test split."""
        before, after = (
            tallied(self.tested, self.contract, onnx.reopen(path, self.contract))
            .evaluation("test", pooled=None)
            .scores["iou"]
            for path in (original, reduced)
        )
        return after - before
