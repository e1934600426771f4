"""The model contract: the one description of a model that everything else is derived from.

The MLflow signature, ONNX metadata, STAC item, EMD, model card and prediction all read this; none of them
states a mean, a band order or a class name of its own.

Example:
    >>> contract = ModelContract.read(Path("meta/contract.json"))
    >>> contract.band_names, contract.output.channels
    (('red', 'green', 'blue'), 1)
"""

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segmint.errors import ContractError
from segmint.files import replace_file

CONTRACT_VERSION = 1

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Colour = Annotated[str, Field(pattern=r"^#[0-9A-F]{6}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Band(_Part):
    """One input band, in the order the network reads it."""

    name: str
    wavelength_um: Positive | None = None


class Input(_Part):
    """What a consumer feeds: pixel values exactly as they are stored.

    Attributes:
        name: Name of the input tensor in every format.
        bands: Bands in order; the tensor is ``[B, len(bands), height, width]`` float32.
        height: Tile height in pixels.
        width: Tile width in pixels.
        source_dtype: Data type of the stored pixels, e.g. ``uint8``.
        value_range: Smallest and largest raw value seen in training (stored units).
        nodata: Raw value that marks a pixel as empty when every band has it, or None.
        resolution_m: Ground size of a pixel in metres, or None where the chips have no georeference.
    """

    name: str = "image"
    bands: tuple[Band, ...] = Field(min_length=1)
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    source_dtype: str
    value_range: tuple[Finite, Finite]
    nodata: Finite | None = None
    resolution_m: Positive | None = None


class Normalisation(_Part):
    """``(value / scale - mean) / std`` per band; lives inside every exported graph.

    Attributes:
        scale: Divisor of the raw value (255 for 8-bit imagery, 1 for reflectance).
        mean: Per band, in units of ``value / scale``.
        std: Per band, in units of ``value / scale``.
        source: Where mean and std come from.
    """

    scale: Positive
    mean: tuple[Finite, ...]
    std: tuple[Positive, ...]
    source: Literal["imagenet", "training split"]


class Class(_Part):
    """One class of the answer; ``value`` is the pixel value in class maps."""

    value: int = Field(ge=0, le=255)
    name: str
    color: Colour


class Output(_Part):
    """What a consumer receives: probabilities ``[B, K, H, W]``.

    Attributes:
        name: Name of the output tensor in every format.
        activation: ``sigmoid`` (K = 1, two classes listed) or ``softmax`` (K = number of classes).
        classes: All classes, background included, ``value`` equal to the position.
        threshold: Probability from which the foreground is chosen (sigmoid only), in 0..1.
        temperature: Divisor of the logits found on the validation split (Guo et al. 2017).
    """

    name: str = "probabilities"
    activation: Literal["sigmoid", "softmax"]
    classes: tuple[Class, ...] = Field(min_length=2)
    threshold: float = Field(gt=0, lt=1)
    temperature: Positive

    @property
    def channels(self) -> int:
        """K of the output tensor."""
        return 1 if self.activation == "sigmoid" else len(self.classes)


class Dataset(_Part):
    """What the model was trained on.

    Attributes:
        digest: SHA-256 over the content of every chip and label.
        chips: Number of chips per split (``train``, ``val``, ``test``).
        split_rule: How ground was kept apart, in words.
        bbox_wgs84: West, south, east, north in degrees, or None without a georeference.
        start: Earliest acquisition or file date, ISO 8601 UTC, or None.
        end: Latest acquisition or file date, ISO 8601 UTC, or None.
        builtin_sample: True when the chips are segmint's own synthetic sample.
    """

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    chips: dict[str, int]
    split_rule: str
    bbox_wgs84: tuple[Finite, Finite, Finite, Finite] | None = None
    start: str | None = None
    end: str | None = None
    builtin_sample: bool = False


class Provider(_Part):
    """A STAC provider object."""

    name: str
    roles: tuple[str, ...] = ()
    url: str | None = None


class Network(_Part):
    """The trained network."""

    architecture: str
    encoder: str | None = None
    pretrained: str | None = None
    parameters: int = Field(gt=0)
    memory_bytes: int = Field(gt=0)


class ModelContract(_Part):
    """Everything a consumer of the model has to know (see the module docstring).

    Attributes:
        stride: Pixels between the origins of neighbouring tiles when a larger image is predicted.
        metrics: Measured figures, by their MLflow name.
        environment: Where it was trained (platform, processor, torch, GPU names, memory ...).
        parity_sample: SHA-256 of ``parity_sample.npz``, or None before the proof.
    """

    contract_version: int = CONTRACT_VERSION
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_.\-]+[A-Za-z0-9]$")
    title: str
    description: str
    keywords: tuple[str, ...] = ()
    license: str
    providers: tuple[Provider, ...] = ()
    recipe: str
    created: str
    input: Input
    normalisation: Normalisation
    output: Output
    stride: int = Field(gt=0)
    network: Network
    dataset: Dataset
    batch_size: int = Field(gt=0)
    metrics: dict[str, Finite] = {}
    environment: dict[str, str] = {}
    git_commit: str | None = None
    parity_sample: str | None = None

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the input bands in order."""
        return tuple(band.name for band in self.input.bands)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes by value."""
        return tuple(item.name for item in self.output.classes)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        bands = len(self.input.bands)
        if len(self.normalisation.mean) != bands or len(self.normalisation.std) != bands:
            raise ValueError(f"normalisation needs one mean and std for each of {bands} bands")
        if len(set(self.band_names)) != bands:
            raise ValueError("band names must differ")
        if [item.value for item in self.output.classes] != list(range(len(self.output.classes))):
            raise ValueError("class values must count up from 0")
        if self.output.activation == "sigmoid" and len(self.output.classes) != 2:
            raise ValueError("sigmoid means exactly two classes, background and foreground")
        if self.stride > min(self.input.height, self.input.width):
            raise ValueError("a stride larger than the tile would leave gaps")
        return self

    def write(self, path: Path) -> None:
        """Write as JSON, beside the target first, then renamed over it."""
        replace_file(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "ModelContract":
        """Read and validate a ``contract.json``.

        Raises:
            ContractError: The file is missing, not JSON, of another version, or contradicts itself.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ContractError(f"{path}: {error}", "a contract.json of segmint", "Export the model again") from error
        version = content.get("contract_version") if isinstance(content, dict) else None
        if version != CONTRACT_VERSION:
            raise ContractError(f"{path}: contract version {version}", str(CONTRACT_VERSION), "Export the model again")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise ContractError(f"{path}: {place}: {first['msg']}", remedy="Export the model again") from error
