import pytest
import torch

from segmint.errors import ModelError
from segmint.interface import Band
from segmint.models.history import PackedEmberFormer, history_channels, unpack

STEPS = 3


def channels_of_bands() -> tuple[str, ...]:
    """The channel names that the documented band order gives."""
    times = [f"t-{k}" for k in (2, 1, 0)]
    bands = [Band(name=f"fire_{time}", kind="categorical", categories=(0, 1)) for time in times]
    bands += [Band(name=f"wind_speed_{time}") for time in times]
    bands += [Band(name=f"wind_direction_{time}", kind="circular") for time in times]
    return tuple(name for band in bands for name in band.channels)


def packed(fire: torch.Tensor, wind: torch.Tensor, static: torch.Tensor) -> torch.Tensor:
    """Channels of frames ``[T, H, W]`` (-1 unknown), wind ``[T, 3]`` and landscape ``[S, H, W]``."""
    height, width = fire.shape[1:]
    states = [(frame == state).float() for frame in fire for state in (0, 1)]
    speed = [torch.full((height, width), float(step[0])) for step in wind]
    direction = [torch.full((height, width), float(value)) for step in wind for value in step[1:]]
    return torch.stack([*states, *speed, *direction, *static])[None]


def test_channels_stand_in_the_documented_order():
    assert history_channels(STEPS) == channels_of_bands()


def test_unpacking_gives_back_what_was_packed_and_missing_steps_are_not_real():
    draw = torch.Generator().manual_seed(0)
    fire = torch.randint(0, 2, (STEPS, 8, 9), generator=draw).float()
    fire[0] = -1
    wind, static = torch.randn(STEPS, 3, generator=draw), torch.randn(2, 8, 9, generator=draw)
    frames, weather, ground, real = unpack(packed(fire, wind, static), STEPS)
    torch.testing.assert_close(frames[0], fire.clamp(min=0))
    torch.testing.assert_close(weather[0], wind)
    torch.testing.assert_close(ground[0], static)
    assert real.tolist() == [[0, 1, 1]]


def test_pixels_outside_the_raster_have_no_say_in_the_wind():
    fire, wind = torch.zeros(1, 8, 8), torch.tensor([[2.0, 0.6, 0.8]])
    image = packed(fire, wind, torch.zeros(1, 8, 8))
    image[:, :, 4:] = 0  # what a consumer's padding becomes after normalisation
    torch.testing.assert_close(unpack(image, 1)[1][0], wind)


def test_the_packed_network_answers_as_the_four_inputs_do():
    torch.manual_seed(0)
    network = PackedEmberFormer((*history_channels(STEPS), "elevation", "slope")).eval()
    fire = torch.randint(0, 2, (STEPS, 32, 32)).float()
    fire[0] = -1
    wind, static = torch.randn(STEPS, 3), torch.randn(2, 32, 32)
    with torch.no_grad():
        whole = network(packed(fire, wind, static))
        short = network.series(fire[None, 1:], wind[None, 1:], static[None], torch.ones(1, 2))
    torch.testing.assert_close(whole, short, atol=1e-5, rtol=0)


def test_other_bands_are_refused():
    with pytest.raises(ModelError, match="fire's history"):
        PackedEmberFormer(("red", "green", "blue"))
