"""The pictures, the report and the model card of a run, written into its staging folder.

Example:
    >>> dossier = Dossier(contract, evaluation, calibration, history, best, worst, example)
    >>> painter = dossier.begin()  # then export and prove
    >>> dossier.write(staging, painter, prepared.statistics, proofs, stages.seconds, run_facts)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.image import imsave

from segmint.contract import ModelContract
from segmint.data.statistics import Statistics
from segmint.drawing import figures, pictures
from segmint.drawing.painter import Painter
from segmint.evaluation.results import counts_table
from segmint.export import card
from segmint.export.publication import Staging
from segmint.export.tolerance import Proof
from segmint.files import replace_file
from segmint.tracking import report

if TYPE_CHECKING:
    from segmint.evaluation.results import Evaluation, Example
    from segmint.training.calibration import Calibration


@dataclass(frozen=True)
class Dossier:
    """What people read about a trained model.

    Attributes:
        contract: The contract.
        evaluation: Scores on the test split.
        calibration: Temperature, threshold, calibration error.
        history: Metrics of every epoch.
        best: Best test tiles, best first.
        worst: Worst test tiles, worst first.
        typical: The test tile with the median IoU; the example pictures show it.
    """

    contract: ModelContract
    evaluation: Evaluation
    calibration: Calibration
    history: list[dict[str, float]]
    best: list[Example]
    worst: list[Example]
    typical: Example

    def begin(self) -> Painter:
        """Let a process of its own draw the figures meanwhile."""
        before, after = self.calibration.ece_before, self.calibration.ece_after
        title = f"Calibration error {before:.3f} before, {after:.3f} after scaling"
        label = f"temperature {self.calibration.temperature:.2f}"
        sketches = {
            "curves": partial(figures.curves, self.history),
            "confusion_matrix": partial(figures.confusion_matrix, self.evaluation),
            "reliability": partial(figures.reliability, self.calibration.bins, label, title),
        }
        if self.evaluation.pr_curve:
            threshold = self.calibration.threshold
            sketches["precision_recall"] = partial(figures.precision_recall, self.evaluation, threshold)
        return Painter.start(sketches | self._panels())

    def _panels(self) -> dict[str, partial[Figure]]:
        """Best, median and worst tiles; two may be of one chip."""
        shown = [("best", tile) for tile in self.best] + [("median", self.typical)]
        shown += [("worst", tile) for tile in self.worst]
        return {
            f"tile {number}": partial(
                figures.chip_panel,
                tile.raw,
                tile.target,
                tile.probability,
                tile.prediction,
                self.contract,
                f"{word}: {tile.stem}",
            )
            for number, (word, tile) in enumerate(shown)
        }

    def write(
        self,
        staging: Staging,
        painter: Painter,
        statistics: Statistics,
        proofs: list[Proof],
        seconds: dict[str, float],
        run_facts: dict[str, str],
    ) -> None:
        """Write the confusion matrix, an example in three pictures, the counts per chip, the report and the card."""
        drawings = painter.finish()
        panels = [drawings.pop(name) for name in self._panels()]
        replace_file(staging["confusion_matrix.png"], drawings["confusion_matrix"].png)
        shown = self.typical
        imsave(staging["example_input.png"], pictures.picture(shown.raw, self.contract.input))
        imsave(staging["example_pred.png"], pictures.class_picture(shown.prediction, self.contract.output.classes))
        imsave(staging["example_target.png"], pictures.class_picture(shown.target, self.contract.output.classes))
        replace_file(staging["test_chips.csv"], counts_table(self.evaluation))
        proven = [asdict(proof) | {"passed": proof.passed} for proof in proofs]
        report.write(
            staging["report.html"],
            self.contract,
            self.evaluation,
            self.calibration,
            self.history,
            statistics,
            proven,
            seconds,
            drawings,
            panels,
            run_facts,
        )
        card.write(staging["model_card.md"], self.contract, self.evaluation, proven)
