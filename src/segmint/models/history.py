"""A fire's history as one raster: the packed order of channels, and the network that reads it.

The raster's normalised channels are, for a history of T steps, ``fire_t-k=0`` and ``fire_t-k=1`` of each step, oldest
first, then ``wind_speed_t-k`` of each, then ``sin(wind_direction_t-k)`` and ``cos(...)`` of each, then the landscape. A
step whose fire is nowhere known is padding.

Example:
    >>> channels = ("fire_t-0=0", "fire_t-0=1", "wind_speed_t-0", "sin(wind_direction_t-0)", "cos(wind_direction_t-0)")
    >>> PackedEmberFormer((*channels, "elevation"))(torch.zeros(2, 6, 64, 64)).shape
    torch.Size([2, 1, 64, 64])
"""

from typing import Any

import torch
from torch import nn

from segmint.errors import ModelError
from segmint.models.emberformer import EmberFormer

_PER_STEP = 5
"""Two channels of fire, one of wind speed, two of wind direction."""


class PackedEmberFormer(nn.Module):
    """EmberFormer over the channels of one packed raster.

    Args:
        channels: Names of the channels, in the packed order.
        options: Of the :class:`~segmint.models.emberformer.EmberFormer` inside.

    Raises:
        ModelError: The channels are not in that order.
    """

    def __init__(self, channels: tuple[str, ...], **options: Any) -> None:
        super().__init__()
        self.steps = sum(name.startswith("fire_t-") for name in channels) // 2
        if not self.steps or channels[: _PER_STEP * self.steps] != history_channels(self.steps):
            raise ModelError(
                f"emberformer with the channels {', '.join(channels[:4])} ...",
                "a fire's history",
                "Use data.reader sequences or next_day",
            )
        self.series = EmberFormer(3, len(channels) - _PER_STEP * self.steps, self.steps, **options)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits ``[B, 1, H, W]`` of the next frame, of channels ``[B, C, H, W]``."""
        return self.series(*unpack(image, self.steps))  # type: ignore[no-any-return]

    def history_lengths(self, image: torch.Tensor) -> torch.Tensor:
        """Number of real steps ``[B]`` of channels ``[B, C, H, W]``."""
        return unpack(image, self.steps)[3].sum(dim=1)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters with a learning rate of their own."""
        return self.series.groups()


def history_channels(steps: int) -> tuple[str, ...]:
    """Names of the channels before the landscape."""
    times = [f"t-{step}" for step in reversed(range(steps))]
    fire = [f"fire_{time}={state}" for time in times for state in (0, 1)]
    direction = [f"{part}(wind_direction_{time})" for time in times for part in ("sin", "cos")]
    return (*fire, *(f"wind_speed_{time}" for time in times), *direction)


def unpack(image: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Fire ``[B, T, H, W]``, wind ``[B, T, 3]``, landscape ``[B, S, H, W]`` and real steps ``[B, T]`` of channels.

    The wind is that of the pixels whose last frame is known, so that what lies outside a raster has no say.
    """
    states = torch.unflatten(image[:, : 2 * steps], 1, (steps, 2))
    fire, known = states[:, :, 1], states.sum(dim=2)
    real = known.amax(dim=(2, 3))
    share = known[:, -1:] / known[:, -1:].sum(dim=(2, 3), keepdim=True).clamp(min=1)
    wind = (image[:, 2 * steps : _PER_STEP * steps] * share).sum(dim=(2, 3))
    direction = torch.unflatten(wind[:, steps:], 1, (steps, 2))
    return fire, torch.cat((wind[:, :steps, None], direction), dim=2), image[:, _PER_STEP * steps :], real
