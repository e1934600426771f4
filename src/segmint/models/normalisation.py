"""Normalisation inside the graph: raw values of one input to the channels that the network sees.

Example:
    >>> Normalisation(contract.input)(torch.full((2, 3, 64, 64), 128.0)).shape
    torch.Size([2, 3, 64, 64])
"""

import math

import torch
from torch import nn

from segmint.interface import Band, DerivedBand, Input


class Normalisation(nn.Module):
    """Scales, derives, and standardises the bands of an input along its axis of bands.

    A place whose every band is the nodata value, and any value that is not finite, becomes 0 in every channel it
    feeds, which is the mean of a continuous band. Categorical bands become one 0/1 channel per code, circular ones sine
    and cosine of the degrees.

    Args:
        item: The input, with its normalisation.
    """

    def __init__(self, item: Input) -> None:
        super().__init__()
        assert item.normalisation is not None
        self.axis = item.dimensions.index("bands")
        self.bands, self.derived = item.bands, item.normalisation.derived
        nodata = math.nan if item.nodata is None else item.nodata
        for name, value in (
            ("scale", item.normalisation.scale),
            ("offset", item.normalisation.offset),
            ("mean", item.normalisation.mean),
            ("std", item.normalisation.std),
            ("nodata", nodata),
        ):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))
        self.scale: torch.Tensor
        self.offset: torch.Tensor
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.nodata: torch.Tensor

    def forward(self, raw: torch.Tensor) -> torch.Tensor:
        """Channels of raw values; the axis of bands becomes the axis of channels."""
        empty = (raw == self.nodata).all(dim=self.axis, keepdim=True) | ~torch.isfinite(raw)
        if all(band.kind == "continuous" for band in self.bands) and not self.derived:
            return torch.where(empty, torch.zeros_like(raw), self._standardised(raw / self.scale + self.offset))
        values = {band.name: raw.select(self.axis, place) for place, band in enumerate(self.bands)}
        missing = {band.name: empty.select(self.axis, place) for place, band in enumerate(self.bands)}
        scaled = {name: value / self.scale + self.offset for name, value in values.items()}
        channels: list[torch.Tensor] = []
        for place, band in enumerate(self.bands):
            for channel in self._channels(band, values[band.name], scaled[band.name], place):
                channels.append(torch.where(missing[band.name], torch.zeros_like(channel), channel))
        for place, derived in enumerate(self.derived, start=len(self.bands)):
            one, other = (scaled[name] for name in derived.of)
            scaled[derived.name] = _derive(derived, one, other)
            missing[derived.name] = missing[derived.of[0]] | missing[derived.of[1]]
            missing[derived.name] = missing[derived.name] | ~torch.isfinite(scaled[derived.name])
            channel = (scaled[derived.name] - self.mean[place]) / self.std[place]
            channels.append(torch.where(missing[derived.name], torch.zeros_like(channel), channel))
        return torch.stack(channels, dim=self.axis)

    def _channels(self, band: Band, value: torch.Tensor, scaled: torch.Tensor, place: int) -> list[torch.Tensor]:
        match band.kind:
            case "continuous":
                return [(scaled - self.mean[place]) / self.std[place]]
            case "categorical":
                return [(value == code).to(value.dtype) for code in band.categories]
            case "circular":
                angle = torch.deg2rad(value)
                return [torch.sin(angle), torch.cos(angle)]

    def _standardised(self, scaled: torch.Tensor) -> torch.Tensor:
        shape = [1] * scaled.ndim
        shape[self.axis] = -1
        return (scaled - self.mean.reshape(shape)) / self.std.reshape(shape)


def _derive(band: DerivedBand, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    if band.kind == "difference":
        return one - other
    return ((one - other) / (one + other)).clamp(-1, 1)
