"""Builds networks by name, with ImageNet weights where they can be had.

Example:
    >>> network, origin = build("unet", "resnet34", "imagenet", ("red", "green", "blue"), channels=1)
    >>> origin.pretrained, origin.reason
    (None, 'from scratch: the weights hub cannot be reached (...)')
"""

import os
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

import segmentation_models_pytorch as smp
from huggingface_hub import try_to_load_from_cache
from segmentation_models_pytorch.encoders import encoders
from torch import nn

from segmint.errors import ModelError
from segmint.models.classic import ClassicNetwork

RGB = ("red", "green", "blue")
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

    Args:
        architecture: ``classic`` or the name of an smp decoder.
        encoder: smp encoder; ignored by ``classic``.
        weights: ``imagenet`` or None.
        bands: Band names in order.
        channels: Output channels.

    Raises:
        ModelError: Unknown encoder, or a combination that smp refuses.
    """
    if architecture == "classic":
        return ClassicNetwork(len(bands), channels), WeightsOrigin(None, "from scratch: no others exist for it")
    if not encoder.startswith("tu-") and encoder not in encoders:
        raise ModelError(f"network.encoder: smp has no encoder '{encoder}'", "one of " + ", ".join(sorted(encoders)))
    origin = _origin(encoder, weights, bands)
    try:
        network = smp.create_model(
            architecture,
            encoder_name=encoder,
            encoder_weights=origin.pretrained,
            in_channels=len(bands),
            classes=channels,
        )
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ModelError(f"{architecture} with {encoder}: {error}", remedy="Choose another network.encoder") from error
    except OSError as error:
        return build(architecture, encoder, None, bands, channels)[0], WeightsOrigin(
            None, f"from scratch: the ImageNet weights could not be downloaded ({type(error).__name__})"
        )
    return network, origin


def _origin(encoder: str, weights: str | None, bands: tuple[str, ...]) -> WeightsOrigin:
    if weights is None:
        return WeightsOrigin(None, "from scratch: the recipe asks for no pretrained weights")
    if bands != RGB:
        return WeightsOrigin(None, f"from scratch: ImageNet weights need the bands {', '.join(RGB)} in this order")
    settings = encoders.get(encoder, {}).get("pretrained_settings", {}).get(weights)
    if settings is None:
        return WeightsOrigin(None, f"from scratch: {encoder} has no {weights} weights")
    cached = try_to_load_from_cache(settings["repo_id"], "model.safetensors", revision=settings["revision"])
    if isinstance(cached, str):
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
