"""Builds networks by name, with ImageNet weights where they can be had.

Example:
    >>> network, origin = build("unet", "resnet34", "imagenet", ("red", "green", "blue", "nir"), channels=1)
    >>> origin.pretrained, origin.reason
    ('imagenet', 'imagenet weights of resnet34, from the local cache, first layer adapted to 4 bands by name')
"""

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import segmentation_models_pytorch as smp
import timm
from huggingface_hub import try_to_load_from_cache
from segmentation_models_pytorch.encoders import encoders
from torch import nn

from segmint.errors import ModelError
from segmint.models.adaptation import RGB, adapt
from segmint.models.classic import ClassicNetwork
from segmint.models.history import PackedEmberFormer
from segmint.models.unet import LARGE, SMALL, UNet

NETWORKS: dict[str, Callable[[tuple[str, ...], int], nn.Module]] = {
    "classic": lambda bands, channels: ClassicNetwork(len(bands), channels),
    "unet_small": lambda bands, channels: UNet(len(bands), channels, SMALL),
    "unet_classic": lambda bands, channels: UNet(len(bands), channels, LARGE),
    "emberformer": lambda bands, _: PackedEmberFormer(bands),
}
"""Networks without an encoder: name -> constructor from the names of the bands and the number of channels."""

DECODERS = tuple(sorted(smp.MODEL_ARCHITECTURES_MAPPING.keys() - {"dpt"}))
"""Decoders of smp, each of which goes with an encoder; dpt takes only vision transformers at their own image size."""

LISTED_ENCODERS = (
    "resnet18",
    "resnet34",
    "resnet50",
    "efficientnet-b0",
    "efficientnet-b1",
    "efficientnet-b2",
    "mobilenet_v2",
)
"""Encoders that ``benchmarks/decoders.py`` proves in every format; for any other the proof of its own run decides."""

_CACHED_FILES = ("config.json", "model.safetensors")
_PROBE_SECONDS = 3.0


@dataclass(frozen=True)
class WeightsOrigin:
    """Where the initial weights came from.

    Attributes:
        pretrained: Name of the weights (``imagenet``), or None for random initialisation.
        reason: The choice in words, for the log and the run's tag.
    """

    pretrained: str | None
    reason: str


def build(
    architecture: str, encoder: str, weights: str | None, bands: tuple[str, ...], channels: int
) -> tuple[nn.Module, WeightsOrigin]:
    """Build a network ``[B, len(bands), H, W]`` -> logits ``[B, channels, H, W]``.

    The network is the same whichever weights it starts from, so that a trained one can be rebuilt without any.

    Args:
        architecture: A name of :data:`NETWORKS` or :data:`DECODERS`.
        encoder: One of :data:`LISTED_ENCODERS`, any other encoder of smp, or ``tu-`` and a model of timm; ignored by
            :data:`NETWORKS`.
        weights: ``imagenet`` or None.
        bands: Band names in order; those named red, green and blue inherit the filters of these colours.
        channels: Output channels.

    Raises:
        ModelError: Unknown architecture or encoder, or a combination that smp refuses.
    """
    if architecture in NETWORKS:
        reason = f"from scratch: there are no pretrained weights for {architecture}"
        return NETWORKS[architecture](bands, channels), WeightsOrigin(None, reason)
    _check(architecture, encoder)
    network = _network(architecture, encoder, None, len(bands), channels)
    origin = _origin(encoder, weights)
    if origin.pretrained is None:
        return network, origin
    try:
        learned = _network(architecture, encoder, origin.pretrained, len(RGB), channels)
    except OSError as error:
        reason = f"from scratch: the ImageNet weights could not be downloaded ({type(error).__name__})"
        return network, WeightsOrigin(None, reason)
    adapt(learned.get_submodule("encoder"), network.get_submodule("encoder"), bands)
    if bands != RGB:
        origin = replace(origin, reason=f"{origin.reason}, first layer adapted to {len(bands)} bands by name")
    return network, origin


def _check(architecture: str, encoder: str) -> None:
    if architecture not in DECODERS:
        raise ModelError(f"network.architecture: '{architecture}'", "one of " + ", ".join((*NETWORKS, *DECODERS)))
    known = timm.is_model(encoder.removeprefix("tu-")) if encoder.startswith("tu-") else encoder in encoders
    if not known:
        raise ModelError(
            f"network.encoder: there is no encoder '{encoder}'",
            "one of " + ", ".join(LISTED_ENCODERS),
            "Any other encoder of smp, and tu-NAME for a model of timm, is accepted too, by its own run's proof",
        )


def _network(architecture: str, encoder: str, weights: str | None, bands: int, channels: int) -> nn.Module:
    try:
        network: nn.Module = smp.create_model(
            architecture, encoder_name=encoder, encoder_weights=weights, in_channels=bands, classes=channels
        )
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ModelError(f"{architecture} with {encoder}: {error}", remedy="Choose another network.encoder") from error
    return network


def _origin(encoder: str, weights: str | None) -> WeightsOrigin:
    if weights is None:
        return WeightsOrigin(None, "from scratch: the recipe asks for no pretrained weights")
    settings = encoders.get(encoder, {}).get("pretrained_settings", {}).get(weights)
    if settings is None:
        return WeightsOrigin(None, f"from scratch: smp has no {weights} weights of {encoder}")
    repository, revision = settings["repo_id"], settings["revision"]
    if all(isinstance(try_to_load_from_cache(repository, file, revision=revision), str) for file in _CACHED_FILES):
        return WeightsOrigin(weights, f"{weights} weights of {encoder}, from the local cache")
    unreachable = _hub_unreachable()
    if unreachable:
        return WeightsOrigin(None, f"from scratch: the weights hub cannot be reached ({unreachable})")
    return WeightsOrigin(weights, f"{weights} weights of {encoder}, downloaded")


def _hub_unreachable() -> str | None:
    """Why the hub cannot be reached, found out within seconds; the client itself would retry for minutes."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return "HF_HUB_OFFLINE is set"
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return None
    address = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    outcome: list[str] = []

    def probe() -> None:
        try:
            socket.create_connection((address.hostname or "", address.port or 443), timeout=_PROBE_SECONDS).close()
            outcome.append("")
        except OSError as error:
            outcome.append(str(error))

    # in a thread of its own, because looking up a name obeys no timeout
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    return (outcome[0] or None) if outcome else f"no answer in {_PROBE_SECONDS:g} s"
