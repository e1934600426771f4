"""Temperature and threshold, found on the validation split.

Temperature scaling after Guo et al. 2017 (arXiv 1706.04599): one divisor of the logits that minimises the negative
log-likelihood (NLL) of held-out pixels. It is taken only where it helps on chips that it was not fitted on; a few
chips can ask for any temperature by chance.

Example:
    >>> temperature = choose_temperature(PixelSample(logits, target, chip))
    >>> temperature.value, temperature.sentence()
    (1.8, 'temperature 1.8: lowers the NLL of validation chips that it was not fitted on by 0.0311 ± 0.0042')
    >>> tempered(0.9, 2.0)
    0.75
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

_LOW, _HIGH, _NEAR = 0.05, 20.0, 1.1
"""Range of a temperature, and the factor within which it is at an end of it: the slope vanishes before."""

_SURE = 2
"""Standard errors that a gain has to exceed."""

_FEW_CHIPS = 4
"""Fewer validation chips than this cannot show a gain: two to fit on and two to test on."""


@dataclass(frozen=True)
class Temperature:
    """A temperature, and whether validation shows that it helps.

    Attributes:
        fitted: That minimises the NLL of all pixels.
        chips: Validation chips with a pixel to score.
        gain: Mean over the chips by how much a temperature that was fitted on the other half of them lowers the NLL,
            in nats per pixel; NaN for too few chips.
        error: Standard error of that mean.
    """

    fitted: float
    chips: int
    gain: float = math.nan
    error: float = math.nan

    @property
    def at_bound(self) -> bool:
        """Whether the fit ran to an end of the range, as it does where a few chips are all right or all wrong."""
        return not _LOW * _NEAR < self.fitted < _HIGH / _NEAR

    @property
    def value(self) -> float:
        """The one to use: 1 unless the gain is beyond noise."""
        return self.fitted if self.gain > _SURE * self.error and not self.at_bound else 1.0

    def sentence(self) -> str:
        """Why it is used or not, in one line."""
        gain = f"{self.gain:.4f} ± {self.error:.4f}"
        if self.value != 1:
            return (
                f"temperature {self.value:.4g}: lowers the NLL of validation chips that it was not fitted on by {gain}"
            )
        if self.chips < _FEW_CHIPS:
            return f"temperature stays 1: {self.chips} validation chip{'s' * (self.chips != 1)}, too few to show a gain"
        if self.at_bound:
            return f"temperature stays 1: the fit ran to {self.fitted:.4g}, the end of its range"
        return f"temperature stays 1: {self.fitted:.4g} gains {gain} in NLL on held-out validation chips, within noise"


@dataclass(frozen=True)
class Calibration:
    """How far confidence can be believed.

    Attributes:
        chosen: Divisor of the logits, and why.
        threshold: Foreground probability, after the temperature, from which a pixel is foreground: with two classes
            the recipe's, or the one with the best validation IoU; else 0.5.
        ece_before: Expected calibration error on the test split without temperature, 0..1; NaN before it is measured.
        ece_after: The same with temperature.
        bins: Mean confidence, share correct and number of pixels per bin, on the test split with temperature.
    """

    chosen: Temperature
    threshold: float
    ece_before: float = math.nan
    ece_after: float = math.nan
    bins: tuple[tuple[float, float, int], ...] = ()

    @property
    def temperature(self) -> float:
        """Divisor of the logits."""
        return self.chosen.value


@dataclass(frozen=True)
class PixelSample:
    """Pixels drawn evenly from a split.

    Attributes:
        logits: ``[N, K]``.
        target: ``[N]`` class values.
        chip: ``[N]`` number of the chip that each pixel is of, counted in the order of the chips.
    """

    logits: torch.Tensor
    target: torch.Tensor
    chip: torch.Tensor

    def where(self, chosen: torch.Tensor) -> "PixelSample":
        """Those for which ``chosen`` ``[N]`` is True."""
        return PixelSample(self.logits[chosen], self.target[chosen], self.chip[chosen])

    def nll(self, temperature: torch.Tensor) -> torch.Tensor:
        """NLL ``[N]`` of each pixel, in nats."""
        scaled = self.logits / temperature
        if scaled.shape[1] == 1:
            return functional.binary_cross_entropy_with_logits(scaled[:, 0], self.target.float(), reduction="none")
        return functional.cross_entropy(scaled, self.target, reduction="none")


def choose_temperature(sample: PixelSample) -> Temperature:
    """Fit a temperature, and test on either half of the chips what the other half asks for.

    Halves are neighbours in the order of the chips, so that those of one scene mostly stand on one side.
    """
    chips = torch.unique(sample.chip)  # sorted
    fitted = fit_temperature(sample)
    if len(chips) < _FEW_CHIPS:
        return Temperature(fitted, len(chips))
    first = sample.chip < chips[len(chips) // 2]
    gains = []
    for side in (first, ~first):
        held_out, divisor = sample.where(side), torch.tensor(fit_temperature(sample.where(~side)))
        gained = held_out.nll(torch.ones(())) - held_out.nll(divisor)
        gains += [float(gained[held_out.chip == chip].mean()) for chip in torch.unique(held_out.chip)]
    spread = torch.tensor(gains, dtype=torch.float64)
    return Temperature(fitted, len(chips), float(spread.mean()), float(spread.std() / math.sqrt(len(gains))))


def fit_temperature(sample: PixelSample) -> float:
    """The temperature in 0.05..20 that minimises the NLL of the sample; 1 for an empty one."""
    if len(sample.target) == 0:
        return 1.0
    log_temperature = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], lr=0.5, max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = sample.nll(log_temperature.exp()).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return float(log_temperature.detach().exp().nan_to_num(1.0).clamp(_LOW, _HIGH))


def tempered(probability: float, temperature: float) -> float:
    """The probability that a sigmoid gives once its logit is divided by ``temperature``."""
    return 1 / (1 + math.pow((1 - probability) / probability, 1 / temperature))
