"""Everything that evaluating a model came to.

Example:
    >>> outcome = score_chips(chips, contract, settings, backend.predict, pooled=None)
    >>> outcome.metrics()["test_iou"], outcome.metrics()["test_object_f1"]
    (0.71, 0.64)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from segmint.contract import ModelContract
from segmint.errors import SceneError
from segmint.evaluation.curves import ReliabilityCounts
from segmint.evaluation.request import Request
from segmint.evaluation.results import Evaluation, Example
from segmint.inference.objects import ObjectScores
from segmint.inference.windows import require_stride

SPLIT = "test"
"""What the metrics begin with: the names of training, so that figures compare."""

SHOWN = 3
"""Best and worst examples."""


@dataclass(frozen=True)
class Settings:
    """How a model is asked.

    Attributes:
        threshold: Probability from which a pixel is foreground (two classes).
        stride: Pixels between the origins of neighbouring windows.
        batch_size: Windows that the network sees at once.
        min_area_m2: Smallest found object that counts.
    """

    threshold: float
    stride: int
    batch_size: int
    min_area_m2: float

    @classmethod
    def of(cls, request: Request, contract: ModelContract) -> "Settings":
        """As asked for, else as the model has them.

        Raises:
            ModelError: A stride larger than the model's windows.
        """
        stride = request.stride or contract.stride
        require_stride(stride, contract)
        threshold = contract.output.threshold if request.threshold is None else request.threshold
        return cls(threshold, stride, request.batch_size, request.min_area_m2)

    def min_pixels(self, name: str, resolution_m: float | None) -> float:
        """The smallest object in pixels.

        Raises:
            SceneError: There is one, and the image has no georeference.
        """
        if not self.min_area_m2:
            return 0.0
        if resolution_m is None:
            raise SceneError(f"{name} has no georeference", "one, for -P min_area_m2", "Leave it away")
        return self.min_area_m2 / resolution_m**2


@dataclass(frozen=True)
class Outcome:
    """What came out.

    Attributes:
        unit: What was scored one by one, ``chip`` or ``scene``.
        evaluation: Scores of pixels.
        objects: Name of a chip or scene -> class -> scores of objects.
        reliability: How far probabilities can be believed.
        best: Best chips, or tiles of scenes, with their IoU, best first.
        worst: Worst first.
        overviews: Whole scenes.
    """

    unit: str
    evaluation: Evaluation
    objects: dict[str, dict[str, ObjectScores]]
    reliability: ReliabilityCounts
    best: list[tuple[float, Example]]
    worst: list[tuple[float, Example]]
    overviews: list[Example]

    @property
    def objects_by_class(self) -> dict[str, ObjectScores]:
        """Scores of the objects of each class but the first, everywhere."""
        names = self.evaluation.classes[1:]
        return {name: total(scores[name] for scores in self.objects.values()) for name in names}

    def summary(self) -> str:
        """The headlines, for the person."""
        lines = [self.evaluation.summary()]
        for name, scores in self.objects_by_class.items():
            found, there = (
                scores.true_positives + scores.false_positives,
                scores.true_positives + scores.false_negatives,
            )
            lines.append(
                f"objects of {name}: {found:,} found, {there:,} there; precision {scores.precision:.3f}, "
                f"recall {scores.recall:.3f}, F1 {scores.f1:.3f}, count error {scores.count_error:+.1%}"
            )
        return "\n".join(lines)

    def metrics(self) -> dict[str, float]:
        """Figures by their MLflow names; those that are not defined are left out."""
        named = self.evaluation.metrics() | {f"{SPLIT}_ece_after": self.reliability.error()}
        by_class = self.objects_by_class
        named |= total(by_class.values()).metrics(SPLIT)
        for name, scores in by_class.items():
            named |= {f"{key}_{name}": value for key, value in scores.metrics(SPLIT).items()}
        return {name: value for name, value in named.items() if isfinite(value)}


def total(parts: Iterable[ObjectScores]) -> ObjectScores:
    """Scores of all parts together."""
    return sum(parts, start=ObjectScores(0, 0, 0))
