"""The pictures, the report and the model card of a run, written into its staging folder.

Example:
    >>> dossier = Dossier(contract, evaluation, calibration, history, best, worst)
    >>> dossier.draw(staging)
    >>> dossier.write(staging, prepared.statistics, proofs, stages.seconds, run_facts)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.image import imsave

from segmint.contract import ModelContract
from segmint.data.statistics import Statistics
from segmint.drawing import figures, pictures
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
    """

    contract: ModelContract
    evaluation: Evaluation
    calibration: Calibration
    history: list[dict[str, float]]
    best: list[Example]
    worst: list[Example]

    def draw(self, staging: Staging) -> None:
        """Write the confusion matrix, one example in three pictures, and the counts per chip."""
        figures.save(figures.confusion_matrix(self.evaluation), staging["confusion_matrix.png"])
        shown = (self.best or self.worst)[0]
        imsave(staging["example_input.png"], pictures.picture(shown.raw, self.contract.input))
        imsave(staging["example_pred.png"], pictures.class_picture(shown.prediction, self.contract.output.classes))
        imsave(staging["example_target.png"], pictures.class_picture(shown.target, self.contract.output.classes))
        replace_file(staging["test_chips.csv"], counts_table(self.evaluation))

    def _reliability(self) -> Figure:
        before, after = self.calibration.ece_before, self.calibration.ece_after
        title = f"Calibration error {before:.3f} before, {after:.3f} after scaling"
        return figures.reliability(self.calibration.bins, f"temperature {self.calibration.temperature:.2f}", title)

    def write(
        self,
        staging: Staging,
        statistics: Statistics,
        proofs: list[Proof],
        seconds: dict[str, float],
        run_facts: dict[str, str],
    ) -> None:
        """Write ``report.html`` and ``model_card.md``."""
        proven = [asdict(proof) | {"passed": proof.passed} for proof in proofs]
        drawn = {
            "curves": figures.curves(self.history),
            "confusion_matrix": figures.confusion_matrix(self.evaluation),
            "reliability": self._reliability(),
        }
        if self.evaluation.pr_curve:
            drawn["precision_recall"] = figures.precision_recall(self.evaluation, self.calibration.threshold)
        panels = [
            figures.chip_panel(
                shown.raw, shown.target, shown.probability, shown.prediction, self.contract, f"{word}: {shown.stem}"
            )
            for word, examples in (("best", self.best), ("worst", self.worst))
            for shown in examples
        ]
        report.write(
            staging["report.html"],
            self.contract,
            self.evaluation,
            self.calibration,
            self.history,
            statistics,
            proven,
            seconds,
            drawn,
            panels,
            run_facts,
        )
        card.write(staging["model_card.md"], self.contract, self.evaluation, proven)
