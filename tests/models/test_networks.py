import socket

import pytest
import torch
from huggingface_hub import constants

from segmint.errors import ModelError
from segmint.models import factory
from segmint.models.adaptation import RGB
from segmint.models.classic import ClassicNetwork
from segmint.models.factory import DECODERS, LISTED_ENCODERS, NETWORKS, build
from segmint.models.history import history_channels


@pytest.mark.states(125)
def test_the_classic_network_has_the_documented_size():
    assert sum(p.numel() for p in ClassicNetwork(3, 1).parameters()) == 2_239_617


@pytest.mark.parametrize("architecture", ["classic", "unet_small", "unet_classic", "unet"])
def test_logits_have_the_size_of_the_image(architecture):
    network, _ = build(architecture, "resnet18", None, RGB, 4)
    assert network.eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 4, 64, 64)


@pytest.mark.parametrize("architecture", NETWORKS)
def test_networks_without_an_encoder_start_from_scratch(architecture):
    bands = (*history_channels(2), "elevation") if architecture == "emberformer" else ("nir",)
    _, origin = build(architecture, "", "imagenet", bands, 1)
    assert origin.pretrained is None
    assert origin.reason == f"from scratch: {architecture} has no pretrained weights"


def test_a_history_network_is_as_large_as_its_options_say():
    options = {"d_model": 32, "nhead": 4, "num_layers": 2, "spatial_decoder": "unet", "dropout": 0.3}
    network, _ = build("emberformer", "", None, (*history_channels(2), "elevation"), 1, options)
    layers = network.series.temporal.layers
    assert [(layer.heads, layer.norm.normalized_shape, layer.dropout) for layer in layers] == [(4, (32,), 0.3)] * 2
    assert type(network.series.decoder).__name__ == "UnetDecoder"


def test_an_unreachable_hub_is_said_and_does_not_stall(monkeypatch, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        _, origin = build("unet", "resnet18", "imagenet", RGB, 1)
    assert origin.pretrained is None
    assert "cannot be reached" in origin.reason


def test_a_download_that_breaks_off_ends_in_random_weights(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # the client refuses what the probe allowed
    monkeypatch.setattr(factory, "_hub_unreachable", lambda: None)
    network, origin = build("unet", "resnet18", "imagenet", ("nir", "red"), 1)
    assert origin.pretrained is None
    assert "could not be downloaded" in origin.reason
    assert network.eval()(torch.zeros(2, 2, 64, 64)).shape == (2, 1, 64, 64)


def test_no_weights_asked_for_is_said():
    _, origin = build("fpn", "mobilenet_v2", None, ("nir", "red"), 1)
    assert origin.pretrained is None
    assert "asks for no pretrained weights" in origin.reason


def test_an_encoder_without_the_weights_starts_from_scratch():
    _, origin = build("unet", "tu-mobilenetv3_small_050", "imagenet", RGB, 1)
    assert origin.pretrained is None
    assert "no imagenet weights of tu-mobilenetv3_small_050" in origin.reason


@pytest.mark.parametrize("encoder", ["resnet3", "tu-resnet3", ""])
def test_an_unknown_encoder_lists_the_listed_ones(encoder):
    with pytest.raises(ModelError) as caught:
        build("unet", encoder, None, RGB, 1)
    assert all(name in str(caught.value) for name in LISTED_ENCODERS)
    assert "densenet" not in str(caught.value)


def test_an_unlisted_encoder_is_taken():
    network, _ = build("unet", "timm-skresnet18", None, RGB, 1)
    assert network.eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 1, 64, 64)


def test_an_unknown_architecture_lists_the_known_ones():
    with pytest.raises(ModelError, match="architecture: 'unett'") as caught:
        build("unett", "resnet18", None, RGB, 1)
    assert all(name in str(caught.value) for name in (*NETWORKS, *DECODERS))


def test_a_combination_that_smp_refuses_names_both():
    with pytest.raises(ModelError, match="linknet with mit_b0: Encoder"):
        build("linknet", "mit_b0", None, RGB, 1)
