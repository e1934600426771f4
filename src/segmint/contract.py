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
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from segmint.errors import ContractError
from segmint.files import replace_file
from segmint.interface import Dimension, Finite, Input, Normalisation, Output, Part, Positive

CONTRACT_VERSION = 2
"""2: a list of inputs, each with its own normalisation (offset, derived bands). 1: one input, one normalisation."""

_AGAIN = "Export the model again"


class Dataset(Part):
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


class Provider(Part):
    """A STAC provider object."""

    name: str
    roles: tuple[str, ...] = ()
    url: str | None = None


class Network(Part):
    """The trained network.

    Attributes:
        options: What the architecture was built with beside bands and classes, such as ``d_model``; those left out are
            the recipe's defaults.
    """

    architecture: str
    encoder: str | None = None
    pretrained: str | None = None
    parameters: int = Field(gt=0)
    memory_bytes: int = Field(gt=0)
    options: dict[str, int | float | str] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """Architecture and encoder."""
        return "-".join(part for part in (self.architecture, self.encoder) if part)

    @property
    def title(self) -> str:
        """The name, with the decoder where there is a choice."""
        decoder = self.options.get("spatial_decoder")
        return f"{self.name} ({decoder} decoder)" if decoder else self.name


class ModelContract(Part):
    """Everything a consumer of the model has to know (see the module docstring).

    Attributes:
        inputs: What the graph takes; one raster for everything but the time-series form of a spread model.
        height: Tile height in pixels.
        width: Tile width in pixels.
        fit: How an image comes to the tile's size: ``tile`` cuts it, ``letterbox`` scales it with its aspect kept and
            pads it, ``resize`` stretches it.
        largest_image: Longer side in pixels of the largest training image, where ``fit`` scales whole images.
        resolution_m: Ground size of a pixel in metres, or None where the chips have no georeference.
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
    inputs: tuple[Input, ...] = Field(min_length=1)
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    fit: Literal["tile", "letterbox", "resize"] = "tile"
    largest_image: int | None = None
    resolution_m: Positive | None = None
    output: Output
    stride: int = Field(gt=0)
    network: Network
    dataset: Dataset
    batch_size: int = Field(gt=0)
    metrics: dict[str, Finite] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    git_commit: str | None = None
    parity_sample: str | None = None

    @property
    def input(self) -> Input:
        """The one raster that the model takes.

        Raises:
            ContractError: It takes several tensors.
        """
        if len(self.inputs) > 1:
            names = ", ".join(item.name for item in self.inputs)
            raise ContractError(f"the model takes {names}", "one raster", "Use its packed form")
        return self.inputs[0]

    @property
    def normalisation(self) -> Normalisation:
        """What the graph does to the one raster first."""
        assert self.input.normalisation is not None
        return self.input.normalisation

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the input bands in order."""
        return tuple(band.name for item in self.inputs for band in item.bands)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes by value."""
        return tuple(item.name for item in self.output.classes)

    def shape(self, item: Input) -> tuple[int, ...]:
        """Shape of an input tensor, -1 where it is free: batch, and time where there is more than one step."""
        time = 1 if item.steps == 1 else -1
        known = {"batch": -1, "time": time, "bands": len(item.bands), "height": self.height, "width": self.width}
        return tuple(known[name] for name in item.dimensions)

    def free_axes(self, item: Input) -> dict[int, Dimension]:
        """Axes of an input tensor whose size the consumer chooses, and what they are."""
        return {axis: item.dimensions[axis] for axis, size in enumerate(self.shape(item)) if size == -1}

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if [item.value for item in self.output.classes] != list(range(len(self.output.classes))):
            raise ValueError("class values must count up from 0")
        if self.output.activation == "sigmoid" and len(self.output.classes) != 2:
            raise ValueError("sigmoid means exactly two classes, background and foreground")
        if self.stride > min(self.height, self.width):
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
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ContractError(f"{path}: {error}", "a contract.json of segmint", _AGAIN) from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, place: str) -> "ModelContract":
        """Validate the text of a contract, wherever it stands.

        Args:
            text: JSON.
            place: Where it was found, for the message.

        Raises:
            ContractError: Not JSON, of another version, or it contradicts itself.
        """
        try:
            content = json.loads(text)
        except ValueError as error:
            raise ContractError(f"{place}: {error}", "a contract.json of segmint", _AGAIN) from error
        version = content.get("contract_version") if isinstance(content, dict) else None
        if version != CONTRACT_VERSION:
            raise ContractError(f"{place}: contract version {version}", str(CONTRACT_VERSION), _remedy(version))
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            part = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise ContractError(f"{place}: {part}: {first['msg']}", remedy=_AGAIN) from error


def _remedy(version: object) -> str:
    if not isinstance(version, int):
        return _AGAIN
    if version > CONTRACT_VERSION:
        return "A newer segmint wrote it: update this one"
    return (
        "Weights of version 1 have no place for offsets and derived bands and do not fit this segmint: "
        "train the model again, or use the segmint that wrote it"
    )
