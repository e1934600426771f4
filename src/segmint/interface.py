"""The interface of a model: the tensors it takes, what it does to them, and what it answers.

Example:
    >>> Band(name="fuel", kind="categorical", categories=(1, 2)).channels
    ('fuel=1', 'fuel=2')
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Colour = Annotated[str, Field(pattern=r"^#[0-9A-F]{6}$")]


class Part(BaseModel):
    """A piece of the contract: frozen, and no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Band(Part):
    """One input band, in the order the network reads it.

    Attributes:
        name: STAC common name where there is one.
        wavelength_um: Centre wavelength in micrometres, where known.
        kind: ``continuous``; ``categorical``, codes that become one 0/1 channel each inside the graph; ``circular``,
            degrees that become sine and cosine.
        categories: The codes of a categorical band; any other value becomes 0 in every channel.
        value_range: Smallest and largest raw value seen in training (stored units), where known.
    """

    name: str
    wavelength_um: Positive | None = None
    kind: Literal["continuous", "categorical", "circular"] = "continuous"
    categories: tuple[int, ...] = ()
    value_range: tuple[Finite, Finite] | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the normalised channels that the band becomes."""
        match self.kind:
            case "continuous":
                return (self.name,)
            case "categorical":
                return tuple(f"{self.name}={code}" for code in self.categories)
            case "circular":
                return (f"sin({self.name})", f"cos({self.name})")


class DerivedBand(Part):
    """A band that the graph computes from others, after scaling and before mean and std.

    Attributes:
        name: Its name.
        kind: ``normalized_difference``, (a - b) / (a + b) limited to -1..1, or ``difference``, a - b.
        of: Names of a and b: bands, or bands derived before this one.
    """

    name: str
    kind: Literal["normalized_difference", "difference"]
    of: tuple[str, str]


class Normalisation(Part):
    """``(value / scale + offset - mean) / std`` per continuous band; lives inside every exported graph.

    Attributes:
        scale: Divisor of the raw value (255 for 8-bit imagery, 1 for reflectance).
        offset: Added after the division (-0.2 for Landsat Collection 2, whose scale is 1 / 2.75e-5).
        derived: Bands computed from the scaled ones, behind them.
        mean: Per band and derived band, in units of the scaled value; 0 where the band is not continuous.
        std: Per band and derived band, likewise; 1 where the band is not continuous.
        source: Where mean and std come from.
    """

    scale: Positive
    offset: Finite = 0.0
    derived: tuple[DerivedBand, ...] = ()
    mean: tuple[Finite, ...]
    std: tuple[Positive, ...]
    source: Literal["imagenet", "training split", "scale alone", "parent model"]

    @property
    def words(self) -> str:
        """What happens to the values, for a person."""
        match self.source:
            case "imagenet":
                return "normalised with ImageNet statistics"
            case "training split":
                return "normalised with statistics of the training split"
            case "scale alone":
                return "scaled only"
            case "parent model":
                return "normalised as the model whose weights it starts from"


Dimension = Literal["batch", "time", "bands", "height", "width"]


class Input(Part):
    """A tensor that a consumer feeds: values exactly as they are stored (over the divisor), float32.

    Attributes:
        name: Name of the tensor in every format.
        dimensions: What its axes are.
        bands: Bands in order; empty where there is no axis of bands.
        steps: Most steps of the time axis, or None without one.
        source_dtype: Data type of the stored values, e.g. ``uint8``.
        value_range: Smallest and largest raw value seen in training (stored units).
        nodata: Raw value that marks a pixel as empty when every band has it, or None.
        divisor: What a consumer divides the stored values by first; 1 but in the unit form of a model.
        normalisation: What the graph does to the values first; None where it takes them as they are.
        description: What the values mean, where the bands do not say it.
    """

    name: str = "image"
    dimensions: tuple[Dimension, ...] = ("batch", "bands", "height", "width")
    bands: tuple[Band, ...] = ()
    steps: int | None = None
    source_dtype: str
    value_range: tuple[Finite, Finite]
    nodata: Finite | None = None
    divisor: Positive = 1.0
    normalisation: Normalisation | None = None
    description: str = ""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels that the network sees."""
        derived = self.normalisation.derived if self.normalisation else ()
        return tuple(name for band in self.bands for name in band.channels) + tuple(band.name for band in derived)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        names = [band.name for band in self.bands]
        if len(set(names)) != len(names):
            raise ValueError("band names must differ")
        if ("bands" in self.dimensions) != bool(self.bands):
            raise ValueError("an axis of bands needs bands, and bands need their axis")
        if ("time" in self.dimensions) != (self.steps is not None):
            raise ValueError("an axis of time needs a number of steps, and steps need their axis")
        if self.normalisation is None:
            return self
        for band in self.normalisation.derived:
            if not set(band.of) <= set(names):
                raise ValueError(f"derived band {band.name} needs {' and '.join(band.of)}")
            names.append(band.name)
        if not len(self.normalisation.mean) == len(self.normalisation.std) == len(names):
            raise ValueError(f"normalisation needs one mean and std for each of {len(names)} bands")
        return self


class Class(Part):
    """One class of the answer; ``value`` is the pixel value in class maps."""

    value: int = Field(ge=0, le=255)
    name: str
    color: Colour


class Output(Part):
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
