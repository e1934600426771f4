"""The recipe: everything a system is, as typed values with their defaults. Imports no torch.

A YAML file in ``configs/`` overrides these defaults, the command line overrides the file
(:mod:`segmint.command_line` reads both). Ranges stand in the types.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from jsonargparse.typing import (
    ClosedUnitInterval,
    NonNegativeFloat,
    NonNegativeInt,
    OpenUnitInterval,
    PositiveFloat,
    PositiveInt,
)

DEFAULT_RECIPE = "refugee-camp"
SAMPLE_CHIPS = "data/train/sample/chips"
SAMPLE_LABELS = "data/train/sample/labels"


@dataclass(frozen=True)
class Band:
    """A band of the chips, in file order.

    Attributes:
        name: STAC common name where there is one (red, green, blue, nir ...).
        wavelength_um: Centre wavelength in micrometres, where known.
    """

    name: str
    wavelength_um: PositiveFloat | None = None


@dataclass(frozen=True)
class ClassOfInterest:
    """A class and how labels spell it.

    Attributes:
        name: What the class is called everywhere.
        color: How maps draw it, #RRGGBB.
        values: Label values that mean this class.
        colors: For labels that are colour pictures: the #RRGGBB colours that mean this class.
    """

    name: str
    color: str
    values: list[int] = field(default_factory=list)
    colors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Provider:
    """Who stands behind the model, as STAC providers are written."""

    name: str
    roles: list[Literal["producer", "licensor", "processor", "host"]] = field(default_factory=list)
    url: str | None = None


@dataclass(frozen=True)
class DataRecipe:
    """Where chips and labels are and how they are read.

    Attributes:
        chips_dir: Folder of image chips (PNG, JPEG, TIFF, GeoTIFF).
        labels_dir: Folder of label rasters with the same stems.
        bands: Bands of the chips in file order.
        classes: Classes by value; the first is the background.
        scale: Raw values are divided by this before mean and std (255 for 8 bit), or 'auto' from the data type.
        normalisation: 'auto' takes ImageNet figures for ImageNet-weighted RGB encoders, else the training split's.
        nodata: Raw value of empty pixels; None takes what the files declare.
        ignore_value: Label value left out of loss, metrics and statistics.
        tile_size: Edge of a training tile in pixels.
        fit: 'tile' cuts larger chips and pads smaller ones; 'resize' stretches every chip to one tile.
    """

    chips_dir: str = SAMPLE_CHIPS
    labels_dir: str = SAMPLE_LABELS
    bands: list[Band] = field(default_factory=lambda: [Band("red", 0.665), Band("green", 0.56), Band("blue", 0.49)])
    classes: list[ClassOfInterest] = field(
        default_factory=lambda: [
            ClassOfInterest("background", "#000000", [0]),
            ClassOfInterest("foreground", "#DC143C", [1, 255]),
        ]
    )
    scale: PositiveFloat | Literal["auto"] = "auto"
    normalisation: Literal["auto", "imagenet", "training"] = "auto"
    nodata: float | None = None
    ignore_value: int | None = None
    tile_size: PositiveInt = 256
    fit: Literal["tile", "resize"] = "tile"


@dataclass(frozen=True)
class SplitRecipe:
    """How ground is kept apart between training, validation and test.

    Attributes:
        train: Share of the ground for training.
        val: Share for validation.
        test: Share for test.
        seed: Seed of the drawing.
        group_file: CSV with a 'chip' column (stem) and the group column.
        group_column: Column of group_file that names the group a chip belongs to.
        group_regex: Regular expression on the stem; its first group is the chip's group.
        block_size: Edge of a spatial block in metres, or 0 to let the extent decide.
        buffer: Metres kept free between blocks of different splits.
    """

    train: OpenUnitInterval = 0.70
    val: OpenUnitInterval = 0.15
    test: OpenUnitInterval = 0.15
    seed: NonNegativeInt = 62
    group_file: str | None = None
    group_column: str | None = None
    group_regex: str | None = None
    block_size: NonNegativeFloat = 0.0
    buffer: NonNegativeFloat = 0.0


Architecture = Literal[
    "classic",
    "unet",
    "unetplusplus",
    "manet",
    "linknet",
    "fpn",
    "pspnet",
    "pan",
    "deeplabv3",
    "deeplabv3plus",
    "upernet",
    "segformer",
]


@dataclass(frozen=True)
class NetworkRecipe:
    """The network.

    Attributes:
        architecture: 'classic' (the documented 3-64-128-256-512 encoder-decoder) or an smp decoder name.
        encoder: smp encoder name; not used by 'classic'.
        weights: 'imagenet' when they can be had, or null for random initialisation.
    """

    architecture: Architecture = "unet"
    encoder: str = "resnet34"
    weights: Literal["imagenet"] | None = "imagenet"


@dataclass(frozen=True)
class LossRecipe:
    """Weighted sum of losses; a weight of 0 leaves a loss out.

    Attributes:
        bce: Binary cross-entropy with logits, or cross-entropy for several classes.
        dice: Soft Dice loss.
        focal: Focal loss, gamma 2 (Lin et al. 2017).
        tversky: Tversky loss, alpha 0.3 for false positives, beta 0.7 for false negatives (Salehi et al. 2017).
        jaccard: Soft Jaccard loss.
    """

    bce: NonNegativeFloat = 1.0
    dice: NonNegativeFloat = 1.0
    focal: NonNegativeFloat = 0.0
    tversky: NonNegativeFloat = 0.0
    jaccard: NonNegativeFloat = 0.0


@dataclass(frozen=True)
class AugmentationRecipe:
    """Random changes of training tiles; geometry moves image and mask together.

    Attributes:
        flip: Probability of a horizontal and of a vertical flip.
        quarter_turns: Whether tiles are turned by a multiple of 90 degrees.
        rotation: Largest free rotation in degrees, either way; uncovered corners are ignored.
        brightness: Largest shift of a band, in its standard deviations.
        contrast: Largest relative change of a band's spread about its mean.
    """

    flip: ClosedUnitInterval = 0.5
    quarter_turns: bool = True
    rotation: NonNegativeFloat = 15.0
    brightness: ClosedUnitInterval = 0.1
    contrast: ClosedUnitInterval = 0.1


@dataclass(frozen=True)
class TrainingRecipe:
    """The optimisation.

    Attributes:
        epochs: Most epochs to train.
        batch_size: Tiles per step.
        lr: Learning rate.
        optimizer: adam, adamw or sgd (momentum 0.9).
        weight_decay: L2 penalty of the optimiser.
        scheduler: none, plateau (halves after 5 epochs without progress) or cosine (to 0 over the epochs).
        monitor: Metric that chooses the best checkpoint and stops early.
        patience: Epochs without progress before training stops; 0 never stops early.
        min_delta: Smallest change of the monitor that counts as progress.
        gradient_clip: Largest gradient norm; 0 does not clip.
        log_gradient_norm: Log the gradient norm of each epoch.
        precision: 'auto' chooses by the hardware and prints the reason.
        workers: Data loader processes; 'auto' chooses by the cores.
        seed: Seed of weights, order and augmentation.
    """

    epochs: PositiveInt = 50
    batch_size: PositiveInt = 32
    lr: PositiveFloat = 1e-3
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    weight_decay: NonNegativeFloat = 0.0
    scheduler: Literal["none", "plateau", "cosine"] = "none"
    monitor: Literal["val_loss", "val_iou", "val_f1", "val_acc"] = "val_loss"
    patience: NonNegativeInt = 10
    min_delta: NonNegativeFloat = 0.0
    gradient_clip: NonNegativeFloat = 0.0
    log_gradient_norm: bool = False
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    workers: NonNegativeInt | Literal["auto"] = "auto"
    seed: NonNegativeInt = 62

    @property
    def monitor_mode(self) -> Literal["min", "max"]:
        """Whether a small or a large monitor is good."""
        return "min" if self.monitor == "val_loss" else "max"


@dataclass(frozen=True)
class Recipe:
    """One system from chips to a registered model.

    Attributes:
        recipe: Name of the recipe, a YAML file in configs/.
        title: One line for people.
        description: What the model finds, in what imagery, and what it is not for.
        keywords: Words a catalogue is searched by.
        license: SPDX identifier of the trained model's licence.
        providers: Who stands behind the model.
        model_name: Name in the registry; the recipe's name when null.
        output_dir: Folder that receives the exported files.
        resume: 'auto' carries on an unfinished run of the same recipe and data, 'never' starts anew, a path is a
            checkpoint to start from.
        log_dataset: Upload chips and labels as artifacts.
    """

    recipe: str = DEFAULT_RECIPE
    title: str = ""
    description: str = ""
    keywords: list[str] = field(default_factory=list)
    license: str = "Apache-2.0"
    providers: list[Provider] = field(default_factory=list)
    model_name: str | None = None
    output_dir: str = "meta"
    resume: str = "auto"
    log_dataset: bool = False
    data: DataRecipe = field(default_factory=DataRecipe)
    split: SplitRecipe = field(default_factory=SplitRecipe)
    network: NetworkRecipe = field(default_factory=NetworkRecipe)
    loss: LossRecipe = field(default_factory=LossRecipe)
    augmentation: AugmentationRecipe = field(default_factory=AugmentationRecipe)
    training: TrainingRecipe = field(default_factory=TrainingRecipe)

    @property
    def registered_name(self) -> str:
        """Name of the registered model."""
        return self.model_name or self.recipe

    @property
    def uses_builtin_sample(self) -> bool:
        """Whether the default folders are asked for, which the built-in sample fills when they are empty."""
        return (self.data.chips_dir, self.data.labels_dir) == (SAMPLE_CHIPS, SAMPLE_LABELS)

    def flat(self) -> dict[str, Any]:
        """Every value under its dotted key."""
        return flatten(asdict(self))


def flatten(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, under dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
