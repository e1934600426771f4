import socket

import pytest
import torch

from segmint.errors import ModelError
from segmint.models.classic import ClassicNetwork
from segmint.models.factory import RGB, build


def test_the_classic_network_has_the_documented_size():
    assert sum(p.numel() for p in ClassicNetwork(3, 1).parameters()) == 2_239_617


def test_logits_have_the_size_of_the_image():
    for architecture in ("classic", "unet"):
        network, _ = build(architecture, "resnet18", None, RGB, 4)
        assert network.eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 4, 64, 64)


def test_an_unreachable_hub_is_said_and_does_not_stall(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv("HF_HUB_CACHE", "nowhere")
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        _, origin = build("unet", "resnet18", "imagenet", RGB, 1)
    assert origin.pretrained is None
    assert "cannot be reached" in origin.reason


def test_imagenet_weights_are_not_put_on_other_bands():
    _, origin = build("unet", "resnet18", "imagenet", ("blue", "green", "red"), 1)
    assert origin.pretrained is None
    assert "red, green, blue" in origin.reason


def test_an_unknown_encoder_lists_the_known_ones():
    with pytest.raises(ModelError, match="resnet34"):
        build("unet", "resnet3", None, RGB, 1)
