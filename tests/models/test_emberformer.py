import warnings

import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from segmint.models.emberformer import EmberFormer

DECODERS = ("segformer", "unet")
STEPS = 8


def ember(decoder="segformer", **changes):
    torch.manual_seed(0)
    settings = {"d_model": 16, "nhead": 2, "num_layers": 2, "patch": 8, "base_channels": 8}
    network = EmberFormer(2, 3, STEPS, spatial_decoder=decoder, **(settings | changes))
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1
    network(*samples(4, 3))  # statistics of real features, without which the deep ones fade away
    for norm in norms:
        norm.momentum = 0.1
    return network.eval()


def samples(batch, steps, size=(32, 32), seed=0):
    generator = torch.Generator().manual_seed(seed)
    fire = (torch.rand(batch, steps, *size, generator=generator) > 0.7).float()
    wind = torch.randn(batch, steps, 2, generator=generator)
    static = torch.randn(batch, 3, *size, generator=generator)
    return fire, wind, static, torch.ones(batch, steps)


def padded(inputs, steps, garbage):
    """The same samples with ``steps`` steps, those on the left being garbage."""
    fire, wind, static, valid = inputs
    extra = steps - fire.shape[1]
    return (
        pad(fire, (0, 0, 0, 0, extra, 0), value=garbage),
        pad(wind, (0, 0, extra, 0), value=garbage),
        static,
        pad(valid, (extra, 0)),
    )


def intersection_over_union(logits, target):
    mask, target = logits > 0, target > 0
    return ((mask & target).sum() / (mask | target).sum()).item()


@pytest.mark.parametrize(("decoder", "parameters"), [("segformer", 1_426_850), ("unet", 2_828_642)])
def test_the_size_is_the_documented_one(decoder, parameters):
    assert sum(p.numel() for p in EmberFormer(3, 12, 32, spatial_decoder=decoder).parameters()) == parameters


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(("patch", "size"), [(8, (32, 32)), (16, (37, 50)), (4, (5, 9)), (12, (40, 24))])
def test_logits_have_the_size_of_the_frames(decoder, patch, size):
    assert ember(decoder, patch=patch)(*samples(2, 3, size)).shape == (2, 1, *size)


def test_a_size_that_patches_do_not_divide_is_continued():
    network, (fire, wind, static, valid) = ember(), samples(2, 3, (27, 30))
    continued = [pad(image, (0, 2, 0, 5), mode="replicate") for image in (fire, static)]
    expected = network(continued[0], wind, continued[1], valid)[:, :, :27, :30]
    assert torch.equal(network(fire, wind, static, valid), expected)


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_untrained_network_copies_the_last_frame(decoder):
    inputs = samples(2, 3)
    assert torch.equal(ember(decoder)(*inputs) > 0, inputs[0][:, -1:] > 0)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("garbage", [0.0, 1.0, -1e9, float("nan")])
def test_padding_changes_nothing(decoder, steps, garbage):
    network, inputs = ember(decoder), samples(2, steps)
    torch.testing.assert_close(network(*padded(inputs, STEPS, garbage)), network(*inputs), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-13)])
def test_a_batch_of_longer_histories_changes_nothing(decoder, precision, tolerance):
    network, short, long = ember(decoder).to(precision), samples(1, 2, seed=1), samples(3, STEPS, seed=2)
    together = [torch.cat(pair).to(precision) for pair in zip(padded(short, STEPS, 5.0), long, strict=True)]
    alone = [network(*(tensor.to(precision) for tensor in inputs)) for inputs in (short, long)]
    # as probabilities, because convolutions of other batch sizes round logits of 4 otherwise by more than 1e-6
    expected = torch.cat(alone).sigmoid()
    torch.testing.assert_close(network(*together).sigmoid(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_parameter_takes_part(decoder):
    network = ember(decoder)  # statistics of the batch would take away any bias in front of them
    network(*samples(2, 3)).square().mean().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(
    ("argument", "where"),
    [
        pytest.param(0, (0, -1, 5, 6), id="a pixel of the last frame"),
        pytest.param(0, (0, 0, slice(8, 16), slice(8, 16)), id="a patch of the first frame"),
        pytest.param(1, (0, -1, 0), id="wind of the last step"),
        pytest.param(1, (0, -1, 1), id="the other wind of the last step"),
        pytest.param(1, (0, 0, 0), id="wind of the first step"),
        pytest.param(2, (0, 1, 20, 20), id="a pixel of the landscape"),
    ],
)
def test_every_input_counts(decoder, argument, where):
    network, inputs = ember(decoder), samples(2, 3)
    changed = [tensor.clone() for tensor in inputs]
    changed[argument][where] = 1 - changed[argument][where]
    difference = (network(*changed) - network(*inputs)).abs().amax(dim=(1, 2, 3))
    assert difference[0] > 1e-5
    assert difference[1] == 0


@pytest.mark.parametrize("argument", [0, 2], ids=["fire", "static"])
def test_pixels_are_seen_and_not_their_patches_alone(argument):
    network, inputs = ember(), samples(1, 1)
    changed = [tensor.clone() for tensor in inputs]
    changed[argument][..., :8, :8] = changed[argument][..., :8, :8].flip(-1)
    without_copy = network.last_frame.detach() * 2 * (changed[0][:, -1:] - inputs[0][:, -1:])
    assert (network(*changed) - network(*inputs) - without_copy).abs().max() > 1e-3


@pytest.mark.parametrize("decoder", DECODERS)
def test_groups_hold_every_parameter_once(decoder):
    network = ember(decoder)
    groups = network.groups()
    assert list(groups) == ["temporal", "spatial"]
    assert sorted(map(id, groups["temporal"] + groups["spatial"])) == sorted(map(id, network.parameters()))
    assert set(map(id, groups["temporal"])) == set(map(id, network.temporal.parameters()))


@pytest.mark.parametrize("decoder", DECODERS)
def test_it_learns_that_wind_drives_fire(decoder):
    last = torch.zeros(4, 1, 32, 32)
    last[:2, :, 6:16, 8:18] = last[2:, :, 14:26, 12:20] = 1
    east = torch.tensor([1, -1, 1, -1])  # the same fire in opposite winds
    target = torch.stack([frame.roll(4 * int(way), dims=2) for frame, way in zip(last, east, strict=True)])
    fire = torch.cat((torch.zeros_like(last), last), dim=1)
    wind = torch.stack((east, torch.zeros(4)), dim=1)[:, None].repeat(1, 2, 1)
    inputs = fire, wind, torch.zeros(4, 3, 32, 32), torch.ones(4, 2)
    network = ember(decoder, base_channels=16, d_model=32).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(network(*inputs), target).backward()
        optimizer.step()
    assert intersection_over_union(last, target) < 0.5
    assert intersection_over_union(network.eval()(*inputs), target) > 0.9


@pytest.fixture(scope="module", params=DECODERS)
def exported(request, tmp_path_factory):
    """A network, and what the runtime of each format makes of it."""
    folder = tmp_path_factory.mktemp(request.param)
    network, example = ember(request.param).requires_grad_(False), samples(2, STEPS, (24, 36))
    network.last_frame.fill_(0.5)  # else the sigmoid would hide differences
    batch, time = torch.export.Dim("batch", min=1), torch.export.Dim("time", min=1, max=STEPS)
    shapes = ({0: batch, 1: time}, {0: batch, 1: time}, {0: batch}, {0: batch, 1: time})
    names = ("fire", "wind", "static", "valid_t")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(network, example, dynamic_shapes=shapes)
        torch.export.save(program, folder / "model.pt2")
        torch.jit.save(torch.jit.trace(network, example, check_trace=False), folder / "model.pt")
        scripted = torch.jit.load(folder / "model.pt")
        torch.onnx.export(
            program,
            example,
            str(folder / "model.onnx"),
            dynamo=True,
            opset_version=18,
            external_data=False,
            input_names=names,
            output_names=["logits"],
            verbose=False,
        )
    proto = onnx.load(folder / "model.onnx")
    proto.ir_version = 8
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])

    def onnx_logits(*inputs):
        feed = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, feed)[0])

    return network, {"pt2": torch.export.load(folder / "model.pt2").module(), "pt": scripted, "onnx": onnx_logits}


@pytest.mark.parametrize("form", ["pt2", "pt", "onnx"])
@pytest.mark.parametrize(("batch", "steps"), [(2, STEPS), (1, 1), (3, 1), (1, 5), (5, 2)])
def test_exports_answer_as_the_network_does(exported, form, batch, steps):
    network, runtimes = exported
    fire, wind, static, valid = samples(batch, steps, (24, 36), seed=3)
    valid[0, :-1] = 0  # a single real step beside longer histories
    wind[0, :-1] = -1e5
    expected = network(fire, wind, static, valid).sigmoid()
    assert expected.amax() - expected.amin() > 0.2
    torch.testing.assert_close(runtimes[form](fire, wind, static, valid).sigmoid(), expected, rtol=0, atol=1e-5)
