"""Temperature and threshold, found on the validation split.

Temperature scaling after Guo et al. 2017 (arXiv 1706.04599): one divisor of the logits that minimises the negative
log-likelihood of held-out pixels. Calibration error is torchmetrics' expected calibration error with 15 bins.

Example:
    >>> sample = PixelSample.of(logits, target)
    >>> temperature = fit_temperature(sample)
"""

from dataclasses import dataclass

import torch
from torch.nn import functional
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from segmint.evaluation.curves import BINS


@dataclass(frozen=True)
class Calibration:
    """How far confidence can be believed.

    Attributes:
        temperature: Divisor of the logits.
        threshold: Foreground probability with the best validation IoU (two classes), else 0.5.
        ece_before: Expected calibration error on the test split without temperature, 0..1.
        ece_after: The same with temperature.
        bins: Mean confidence, share correct and number of pixels per bin, on the test split with temperature.
    """

    temperature: float
    threshold: float
    ece_before: float
    ece_after: float
    bins: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True)
class PixelSample:
    """Logits ``[N, K]`` and class values ``[N]`` of pixels drawn evenly from a split."""

    logits: torch.Tensor
    target: torch.Tensor

    def error(self, temperature: float) -> float:
        """Expected calibration error, 0..1, with 15 bins."""
        scaled = self.logits / temperature
        if scaled.shape[1] == 1:
            return float(binary_calibration_error(torch.sigmoid(scaled[:, 0]), self.target, n_bins=BINS))
        classes = scaled.shape[1]
        return float(
            multiclass_calibration_error(torch.softmax(scaled, 1), self.target, num_classes=classes, n_bins=BINS)
        )

    def reliability(self, temperature: float) -> tuple[tuple[float, float, int], ...]:
        """Mean confidence, share correct and number of pixels of each non-empty bin."""
        scaled = self.logits / temperature
        if scaled.shape[1] == 1:
            confidence, correct = torch.sigmoid(scaled[:, 0]), self.target == 1
        else:
            confidence, chosen = torch.softmax(scaled, 1).max(1)
            correct = chosen == self.target
        place = (confidence * BINS).long().clamp(max=BINS - 1)
        groups = [place == number for number in range(BINS)]
        return tuple(
            (float(confidence[group].mean()), float(correct[group].float().mean()), int(group.sum()))
            for group in groups
            if bool(group.any())
        )


def fit_temperature(sample: PixelSample) -> float:
    """The temperature in 0.05..20 that minimises the negative log-likelihood of the sample; 1 for an empty one."""
    if len(sample.target) == 0:
        return 1.0
    log_temperature = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], lr=0.5, max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        scaled = sample.logits / log_temperature.exp()
        if scaled.shape[1] == 1:
            loss = functional.binary_cross_entropy_with_logits(scaled[:, 0], sample.target.float())
        else:
            loss = functional.cross_entropy(scaled, sample.target)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return float(log_temperature.detach().exp().clamp(0.05, 20.0))
