"""What an evaluation leaves for people and programs: ``report.html``, ``metrics.json``, counts and pictures.

The page is made of the same parts as the report of a training.

Example:
    >>> write(Path("evaluation"), contract, outcome, about)
    ['report.html', 'metrics.json', 'test_chips.csv', 'confusion_matrix.png', 'best_1.png', ...]
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segmint.contract import ModelContract
from segmint.drawing import figures
from segmint.drawing.figures import Drawing, drawn
from segmint.drawing.page import template
from segmint.errors import SceneError
from segmint.evaluation.labelled import Labelled
from segmint.evaluation.outcome import SPLIT, Outcome, Settings, total
from segmint.evaluation.request import Request
from segmint.evaluation.results import counts_table
from segmint.export import card
from segmint.files import replace_file
from segmint.inference.objects import MIN_IOU, ObjectScores

METRICS = "metrics.json"

_NAMES = (
    METRICS,
    f"{SPLIT}_chips.csv",
    "confusion_matrix.png",
    "report.html",
    "best_[1-9].png",
    "worst_[1-9].png",
    "scene_[1-9]*.png",
)
"""Files that an evaluation writes."""

_LISTED = 60
"""Chips or scenes on the page; ``test_chips.csv`` has all."""


@dataclass(frozen=True)
class About:
    """What was evaluated, and how.

    Attributes:
        model: What identifies the model.
        data: What the labelled data are, for the person.
        digest: SHA-256 over the names and contents of chips and labels, or scenes and truth.
        backend: What ran the model.
        parameters: What was asked for.
        notes: What was found, repaired and left out, in sentences.
        created: When, ISO 8601 UTC.
    """

    model: dict[str, str]
    data: str
    digest: str
    backend: str
    parameters: dict[str, Any]
    notes: tuple[str, ...]
    created: str

    @classmethod
    def of(
        cls, request: Request, settings: Settings, labelled: Labelled, model: dict[str, str], backend: str
    ) -> "About":
        """Of an evaluation that has just been done."""
        chosen = {"threshold": settings.threshold, "stride": settings.stride}
        created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        parameters = request.parameters() | chosen
        return cls(model, labelled.place, labelled.digest, backend, parameters, labelled.notes, created)

    @property
    def seen_in_training(self) -> bool:
        """Whether the data are all that the model was trained, validated and tested on."""
        return self.digest == self.model["dataset"]


@dataclass(frozen=True)
class Row:
    """One chip or scene in the table."""

    stem: str
    iou: float | None
    pixels: int
    objects: ObjectScores


def require_output(given: str) -> Path:
    """The output folder, made where it is missing.

    Raises:
        SceneError: It is a file, or holds files of our names that no evaluation wrote.
    """
    output = Path(given)
    if output.exists() and not output.is_dir():
        raise SceneError(f"output_dir: {output} is a file", "a folder", "Choose another -P output_dir")
    ours = {path.name for pattern in _NAMES for path in output.glob(pattern)}
    if foreign := sorted(ours - _written(output)):
        raise SceneError(
            f"output_dir: {output} holds {', '.join(foreign[:3])}, which no evaluation wrote",
            "a folder where nothing else is replaced",
            "Choose another -P output_dir",
        )
    output.mkdir(parents=True, exist_ok=True)
    return output


def _written(folder: Path) -> set[str]:
    """Names of the files that an earlier evaluation wrote."""
    try:
        content = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        return {str(name) for name in content["files"]}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return set()


def write(folder: Path, contract: ModelContract, outcome: Outcome, about: About) -> list[str]:
    """Write every file, each whole or not at all, the page last; gives their names."""
    evaluation = outcome.evaluation
    pictures = dict(_pictures(contract, outcome))
    confusion = drawn(figures.confusion_matrix(evaluation))
    files: dict[str, str | bytes] = {
        f"{SPLIT}_chips.csv": counts_table(evaluation),
        "confusion_matrix.png": confusion.png,
        **{f"{name}.png": picture.png for name, picture in pictures.items()},
        "report.html": _page(contract, outcome, about, confusion, pictures),
    }
    names = [METRICS, *files]
    stale = _written(folder) - set(names)
    replace_file(folder / METRICS, json.dumps(_plain(outcome, about, names), indent=2) + "\n")
    for name, content in files.items():
        replace_file(folder / name, content)
    for name in stale:
        (folder / Path(name).name).unlink(missing_ok=True)
    return names


def _plain(outcome: Outcome, about: About, names: list[str]) -> dict[str, Any]:
    return {
        "metrics": outcome.metrics(),
        "model": about.model,
        "data": {"place": about.data, "digest": about.digest, "seen_in_training": about.seen_in_training},
        "backend": about.backend,
        "parameters": about.parameters,
        "notes": about.notes,
        "created": about.created,
        "files": names,
    }


def _page(
    contract: ModelContract, outcome: Outcome, about: About, confusion: Drawing, pictures: dict[str, Drawing]
) -> str:
    evaluation, error = outcome.evaluation, outcome.reliability.error()
    truth = [sum(row) for row in evaluation.confusion]
    reliability = figures.reliability(outcome.reliability.bins(), "this model", f"Calibration error {error:.3f}")
    shown = {"confusion_matrix": confusion, "reliability": drawn(reliability)}
    if evaluation.pr_curve:
        shown["precision_recall"] = drawn(figures.precision_recall(evaluation, about.parameters["threshold"]))
    return template(Path(__file__).with_name("report.html.j2"), score=card.score).render(
        contract=contract,
        found=card.found(contract),
        outcome=outcome,
        evaluation=evaluation,
        about=about,
        headlines=card.HEADLINES,
        pooled=card.pooled(evaluation),
        spread=evaluation.spread(f"{outcome.unit}s"),
        shares={name: count / max(sum(truth), 1) for name, count in zip(evaluation.classes, truth, strict=True)},
        trained_iou=contract.metrics.get("test_iou"),
        objects=outcome.objects_by_class,
        all_objects=total(outcome.objects_by_class.values()),
        min_iou=MIN_IOU,
        rows=_rows(outcome),
        listed=_LISTED,
        figures=shown,
        examples=[picture for name, picture in pictures.items() if not name.startswith("scene_")],
        overviews=[picture for name, picture in pictures.items() if name.startswith("scene_")],
    )


def _rows(outcome: Outcome) -> list[Row]:
    """Worst first; what has no IoU stands last."""
    rows = [
        Row(chip.stem, chip.iou, sum(map(sum, chip.confusion)), total(outcome.objects[chip.stem].values()))
        for chip in outcome.evaluation.chips
    ]
    return sorted(rows, key=lambda row: (row.iou is None, row.iou))


def _pictures(contract: ModelContract, outcome: Outcome) -> Iterator[tuple[str, Drawing]]:
    """Name of a file without its ending, and the picture."""
    scores = {chip.stem: card.score(chip.iou) for chip in outcome.evaluation.chips}
    for number, scene in enumerate(outcome.overviews, 1):
        title = f"{scene.stem}: IoU {scores[scene.stem]}"
        yield f"scene_{number}", drawn(figures.scene_panel(scene.raw, scene.target, scene.prediction, contract, title))
    for kind, extremes in (("best", outcome.best), ("worst", outcome.worst)):
        for number, (iou, shown) in enumerate(extremes, 1):
            title = f"{kind}: {shown.stem}, IoU {card.score(iou)}"
            rasters = shown.raw, shown.target, shown.probability, shown.prediction
            yield f"{kind}_{number}", drawn(figures.chip_panel(*rasters, contract, title))
