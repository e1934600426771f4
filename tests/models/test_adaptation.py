"""ImageNet weights under bands that are not red, green, blue: from a local cache made here, without a network."""

import itertools

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from segmentation_models_pytorch.encoders import encoders, get_encoder
from torch import nn

from segmint.errors import ModelError
from segmint.models.adaptation import RGB, adapt, by_name, first_layers
from segmint.models.factory import LISTED_ENCODERS, build

LANDSAT = ("blue", "green", "red", "nir", "nir08", "swir16", "swir22")
FIRST = {"resnet18": "conv1", "efficientnet-b0": "_conv_stem", "mobilenet_v2": "features.0.0"}


@pytest.fixture(scope="module")
def filters():
    return torch.randn(16, 3, 3, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A function that puts made-up ImageNet weights of an encoder into a cache and returns them."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def make(encoder):
        settings = encoders[encoder]["pretrained_settings"]["imagenet"]
        folder = tmp_path / f"models--{settings['repo_id'].replace('/', '--')}" / "snapshots" / settings["revision"]
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        weights = get_encoder(encoder, weights=None).state_dict()
        for name, value in weights.items():
            if value.ndim == 1:  # batch normalisation, which starts at 0 and 1
                weights[name] = torch.rand(value.shape, generator=torch.Generator().manual_seed(5)) + 0.5
        save_file(weights, folder / "model.safetensors")
        return weights

    return make


def test_colours_go_to_their_names_and_other_bands_get_the_mean(filters):
    adapted = by_name(filters, LANDSAT)
    for band, learned in zip(RGB, filters.unbind(1), strict=True):
        torch.testing.assert_close(adapted[:, LANDSAT.index(band)], learned * 3 / 7)
    for band in ("nir", "nir08", "swir16", "swir22"):
        torch.testing.assert_close(adapted[:, LANDSAT.index(band)], filters.mean(1) * 3 / 7)


@pytest.mark.parametrize("bands", list(itertools.permutations(RGB)))
def test_red_green_blue_in_any_order_is_an_exact_permutation(filters, bands):
    assert torch.equal(by_name(filters, bands), filters[:, [RGB.index(band) for band in bands]])


def test_bands_without_a_colour_all_get_the_mean(filters):
    adapted = by_name(filters, ("vv", "vh"))
    assert torch.equal(adapted[:, 0], adapted[:, 1])
    torch.testing.assert_close(adapted.sum(1), filters.sum(1))


@pytest.mark.parametrize("bands", [("pan",), ("red", "green", "blue", "nir"), LANDSAT, tuple("abcdefghijkl")])
def test_a_grey_image_is_answered_as_before_whatever_the_number_of_bands(filters, bands):
    if set(bands) & set(RGB):
        filters = filters.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    torch.testing.assert_close(by_name(filters, bands).sum(1), filters.sum(1))


@pytest.mark.parametrize("encoder", LISTED_ENCODERS)
def test_one_layer_of_every_listed_encoder_reads_the_image(encoder):
    learned, wider = get_encoder(encoder, 3, weights=None), get_encoder(encoder, 7, weights=None)
    shapes = {name: value.shape for name, value in wider.state_dict().items()}
    other = [name for name, value in learned.state_dict().items() if value.shape != shapes[name]]
    assert [f"{name}.weight" for name in first_layers(learned)] == other
    assert len(other) == 1


def test_an_encoder_whose_first_layer_cannot_be_found_is_refused():
    with pytest.raises(ModelError, match="no convolution of three bands"):
        adapt(nn.Linear(3, 4), nn.Linear(3, 4), ("blue", "green", "red"))


@pytest.mark.parametrize("encoder", FIRST)
@pytest.mark.states(17, 18)
def test_seven_bands_start_from_imagenet_weights_by_name(cached, encoder):
    weights = cached(encoder)
    network, origin = build("unet", encoder, "imagenet", LANDSAT, 1)
    assert origin.pretrained == "imagenet"
    expected = f"imagenet weights of {encoder}, from the local cache, first layer adapted to 7 bands by name"
    assert origin.reason == expected
    ours = network.encoder.state_dict()
    first = FIRST[encoder] + ".weight"
    kernel, learned = ours.pop(first), weights.pop(first)
    torch.testing.assert_close(kernel[:, 2], learned[:, 0] * 3 / 7)
    torch.testing.assert_close(kernel[:, 1], learned[:, 1] * 3 / 7)
    torch.testing.assert_close(kernel[:, 0], learned[:, 2] * 3 / 7)
    torch.testing.assert_close(kernel[:, 3:], (learned.mean(1) * 3 / 7)[:, None].expand(-1, 4, -1, -1))
    assert ours.keys() == weights.keys()
    assert all(torch.equal(ours[name], weights[name]) for name in ours)
    assert network.eval()(torch.zeros(2, 7, 64, 64)).shape == (2, 1, 64, 64)


@pytest.mark.parametrize("architecture", ["deeplabv3plus", "pspnet", "linknet"])
def test_decoders_that_change_the_encoder_take_its_weights_too(cached, architecture):
    cached("resnet18")
    network, origin = build(architecture, "resnet18", "imagenet", LANDSAT, 1)
    rebuilt, _ = build(architecture, "resnet18", None, LANDSAT, 1)
    rebuilt.load_state_dict(network.state_dict())
    assert "7 bands by name" in origin.reason
    image = torch.rand(2, 7, 64, 64)
    assert torch.equal(network.eval()(image), rebuilt.eval()(image))


def test_red_green_blue_take_the_weights_as_they_are(cached):
    weights = cached("resnet18")
    network, origin = build("unet", "resnet18", "imagenet", RGB, 1)
    assert origin.reason == "imagenet weights of resnet18, from the local cache"
    ours = network.encoder.state_dict()
    assert all(torch.equal(ours[name], weights[name]) for name in ours)


def test_two_orders_of_the_bands_answer_the_same(cached):
    cached("resnet18")
    image = torch.rand(2, 3, 64, 64)
    answers = []
    for bands in (RGB, ("blue", "green", "red")):
        torch.manual_seed(3)
        network, origin = build("unet", "resnet18", "imagenet", bands, 1)
        answers.append(network.eval()(image[:, [RGB.index(band) for band in bands]]))
    assert origin.reason.endswith("adapted to 3 bands by name")
    torch.testing.assert_close(*answers)


def test_half_a_cache_counts_as_none(cached, tmp_path):
    cached("resnet18")
    next(tmp_path.rglob("config.json")).unlink()
    _, origin = build("unet", "resnet18", "imagenet", RGB, 1)
    assert origin.pretrained is None
    assert "HF_HUB_OFFLINE" in origin.reason
