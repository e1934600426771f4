"""Baselines: what answers without a network score on the test split, and whether a model is above them.

Training records the IoU of each: the best constant answer as ``test_baseline_iou``, every other one (a classifier of
single pixels, a threshold, the copy of the last frame) as ``test_baseline_iou_<name>``. Whether a model is below a
baseline is decided here and nowhere else.

Example:
    >>> standing = Standing.of({"test_iou": 0.41, "test_baseline_iou": 0.3, "test_baseline_iou_pixel_classifier": 0.62})
    >>> standing.below, standing.sentence()
    ({'pixel classifier': 0.62}, 'test IoU 0.4100, not above the pixel classifier (0.6200)')
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

CONSTANT = "constant answer"
_CONSTANT = "test_baseline_iou"
_OTHER = f"{_CONSTANT}_"


@dataclass(frozen=True)
class Standing:
    """A model's IoU on the test split beside those of its baselines.

    Attributes:
        iou: Of the model, 0..1; NaN where it is not recorded.
        baselines: Those of the baselines, by name.
    """

    iou: float
    baselines: dict[str, float]

    @classmethod
    def of(cls, metrics: Mapping[str, float]) -> "Standing":
        """Read it from the metrics of a contract, a run or an evaluation of the test split."""
        baselines = {CONSTANT: metrics[_CONSTANT]} if _CONSTANT in metrics else {}
        for key, value in metrics.items():
            if key.startswith(_OTHER):
                baselines[key.removeprefix(_OTHER).replace("_", " ")] = value
        return cls(metrics.get("test_iou", math.nan), baselines)

    @property
    def below(self) -> dict[str, float]:
        """The baselines that the model is not above, the best first; a model that only equals one adds nothing."""
        unbeaten = [(value, name) for name, value in self.baselines.items() if not self.iou > value]
        return {name: value for value, name in sorted(unbeaten, reverse=True)}

    @property
    def is_above(self) -> bool:
        """Whether baselines are recorded, and the model is above all of them."""
        return bool(self.baselines) and not self.below

    def sentence(self) -> str:
        """The figures: those of the baselines that the model is not above, else those of all."""
        if not self.baselines:
            return f"test IoU {self.iou:.4f}, no baseline recorded"
        shown, word = (self.below, "not above") if self.below else (self.baselines, "above")
        return f"test IoU {self.iou:.4f}, {word} the {', the '.join(f'{n} ({iou:.4f})' for n, iou in shown.items())}"


def metric(name: str, split: str = "test") -> str:
    """The metric under which the IoU of a baseline other than the constant answer is recorded."""
    return f"{split}_baseline_iou_{name.lower().replace(' ', '_')}"
