"""Temperature and threshold, found on the validation split.

Temperature scaling after Guo et al. 2017 (arXiv 1706.04599): one divisor of the logits that minimises the negative
log-likelihood of held-out pixels.

Example:
    >>> temperature = fit_temperature(PixelSample(logits, target))
    >>> tempered(0.9, 2.0)
    0.75
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class Calibration:
    """How far confidence can be believed.

    Attributes:
        temperature: Divisor of the logits.
        threshold: Foreground probability with the best validation IoU (two classes), else 0.5.
        ece_before: Expected calibration error on the test split without temperature, 0..1; NaN before it is measured.
        ece_after: The same with temperature.
        bins: Mean confidence, share correct and number of pixels per bin, on the test split with temperature.
    """

    temperature: float
    threshold: float
    ece_before: float = math.nan
    ece_after: float = math.nan
    bins: tuple[tuple[float, float, int], ...] = ()


@dataclass(frozen=True)
class PixelSample:
    """Logits ``[N, K]`` and class values ``[N]`` of pixels drawn evenly from a split."""

    logits: torch.Tensor
    target: torch.Tensor


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


def tempered(probability: float, temperature: float) -> float:
    """The probability that a sigmoid gives once its logit is divided by ``temperature``."""
    return 1 / (1 + math.pow((1 - probability) / probability, 1 / temperature))
