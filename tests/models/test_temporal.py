import pytest
import torch
from torch import nn

from segmint.errors import ModelError
from segmint.models.temporal import TemporalTransformer


def transformer(**changes):
    torch.manual_seed(0)
    settings = {"wind_channels": 2, "static_channels": 3, "steps": 8, "width": 16, "heads": 2, "layers": 2}
    return TemporalTransformer(**(settings | changes)).eval()


def history(steps, batch=2, grid=(2, 3)):
    generator = torch.Generator().manual_seed(steps)
    fire = torch.rand(batch, steps, *grid, generator=generator)
    wind = torch.randn(batch, steps, 2, generator=generator)
    static = torch.randn(batch, 3, *grid, generator=generator)
    return fire, wind, static, torch.ones(batch, steps)


def test_patches_keep_their_place():
    network, (fire, wind, static, valid) = transformer(), history(5)
    before = network(fire, wind, static, valid)
    assert before.shape == (2, 16, 2, 3)
    fire = fire.clone()
    fire[1, :, 0, 2] += 1
    changed = (network(fire, wind, static, valid) != before).any(dim=1).nonzero()
    assert changed.tolist() == [[1, 0, 2]]


def test_the_answer_is_that_of_the_last_step():
    network = transformer()
    for layer in network.layers:  # steps that cannot see each other
        nn.init.zeros_(layer.projection[0].weight)
    fire, wind, static, valid = history(5)
    valid[:, :2] = 0
    before = network(fire, wind, static, valid)
    others, last = wind.clone(), wind.clone()
    others[:, :-1] += 1
    last[:, -1] += 1
    assert torch.equal(network(fire, others, static, valid), before)
    assert not torch.allclose(network(fire, last, static, valid), before, atol=1e-3)


def test_steps_are_told_apart_by_their_order():
    network, (fire, wind, static, valid) = transformer(), history(5)
    swapped = [1, 0, 2, 3, 4]
    answer = network(fire[:, swapped], wind[:, swapped], static, valid)
    assert not torch.allclose(answer, network(fire, wind, static, valid), atol=1e-4)


def test_positions_count_from_the_last_step():
    positions = transformer().positions
    assert torch.equal(positions[-1], torch.tensor([0.0, 1.0] * 8))
    assert torch.equal(positions[-3:], transformer(steps=3).positions)


def test_the_last_layer_gives_what_it_would_have_given_for_all_steps():
    layer = transformer().layers[0]
    steps, real = torch.randn(2, 6, 5, 16), torch.ones(2, 5, dtype=torch.bool)
    real[0, :3] = False
    torch.testing.assert_close(layer(steps, real, last=True), layer(steps, real)[:, :, -1:])


def test_dropout_acts_in_training_alone():
    network, inputs = transformer(dropout=0.5), history(5)
    assert torch.equal(network(*inputs), network(*inputs))
    assert not torch.equal(network.train()(*inputs), network(*inputs))


def test_a_history_that_is_too_long_is_refused():
    with pytest.raises(ModelError, match="9 steps; expected at most 8"):
        transformer()(*history(9))


@pytest.mark.parametrize("settings", [{"width": 15, "heads": 3}, {"width": 16, "heads": 3}])
def test_a_width_that_does_not_divide_is_refused(settings):
    with pytest.raises(ModelError, match="heads divide"):
        transformer(**settings)
