"""The data part of a recipe: where values and labels are, how they are read, split and changed. Imports no torch."""

from dataclasses import dataclass, field
from typing import Literal

from jsonargparse.typing import (
    ClosedUnitInterval,
    NonNegativeFloat,
    NonNegativeInt,
    OpenUnitInterval,
    PositiveFloat,
    PositiveInt,
)

SAMPLE_CHIPS = "data/train/sample/chips"
SAMPLE_LABELS = "data/train/sample/labels"


@dataclass(frozen=True)
class Band:
    """A band that the model takes.

    Attributes:
        name: STAC common name where there is one (red, green, blue, nir ...).
        wavelength_um: Centre wavelength in micrometres, where known.
        source: Its name in the files, where that is another (B8A for nir08).
        kind: 'categorical' bands become one 0/1 channel per code inside the graph, 'circular' ones (degrees) sine and
            cosine.
        categories: Codes of a categorical band; left empty, those of the training split.
    """

    name: str
    wavelength_um: PositiveFloat | None = None
    source: str | None = None
    kind: Literal["continuous", "categorical", "circular"] = "continuous"
    categories: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class DerivedBand:
    """A band that the graph itself computes.

    Attributes:
        name: Its name, for example ndvi.
        kind: 'normalized_difference' is (a - b) / (a + b), 'difference' is a - b.
        of: Names of a and b: bands, or derived bands before this one.
    """

    name: str
    kind: Literal["normalized_difference", "difference"]
    of: list[str]


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
class DataRecipe:
    """Where values and labels are and how they are read.

    Attributes:
        reader: 'images' reads an image and a label per chip, 'sequences' a fire's history and its next frame,
            'next_day' samples of next-day wildfire spread.
        sample: The built-in sample that fills the recipe's own folders where they are empty; null once other folders
            are given.
        chips_dir: Folder of image chips (PNG, JPEG, TIFF, GeoTIFF, npy, npz), or of sequences.
        labels_dir: Folder of the labels; null where they lie beside the images.
        split_folders: 'auto' takes folders train, val and test below chips_dir for the split; 'ignore' draws the split
            whatever the folders are called.
        images: Names of image files below chips_dir; * stands for the chip's stem, | parts alternatives, a name
            without an ending takes any, and images/* looks into folders of that name alone.
        labels: Names of label files below labels_dir, likewise.
        masks: Names of rasters that say where a pixel cannot be judged (cloud masks), likewise, beside the labels; a
            chip without one counts whole.
        mask_values: Values of such a raster that hide a pixel.
        image_keys: Arrays of npz images that are laid one behind the other.
        label_key: Array of npz labels.
        file_bands: Names of all bands of the files in order; null where the files name them or hold exactly the bands.
        bands: Bands that the model takes, in its order.
        derived: Bands that the graph computes from them.
        classes: Classes by value; the first is the background.
        pooled: Name of all classes but the first taken together; its scores are <name>_iou and so on.
        num_classes: How many classes the data have; a number other than the recipe's is refused.
        scale: Raw values are divided by this before mean and std (255 for 8 bit), or 'auto' from the data type.
        offset: Added to the scaled values (-0.1 for Sentinel-2 since baseline 04.00 at a scale of 10000).
        normalisation: 'auto' takes ImageNet statistics for ImageNet-weighted RGB encoders, else the training split's;
            'scale' stops after scale and offset.
        nodata: Raw value of empty pixels; None takes what the files declare.
        ignore_value: Label value left out of loss, metrics and statistics.
        tile_size: Edge of a training tile in pixels.
        sample_tile_size: Edge of a tile on a built-in sample, unless tile_size is given.
        fit: 'tile' cuts larger chips and pads smaller ones; 'letterbox' scales every chip to one tile with its aspect
            kept and pads it; 'resize' stretches it.
        history: Most steps of a fire's history that the model takes ('sequences').
        target: What the model foretells ('sequences'): the 'cumulative' next frame, or its 'isochrone'.
    """

    reader: Literal["images", "sequences", "next_day"] = "images"
    sample: Literal["camp", "burn", "strips", "spread"] | None = "camp"
    chips_dir: str = SAMPLE_CHIPS
    labels_dir: str | None = SAMPLE_LABELS
    split_folders: Literal["auto", "ignore"] = "auto"
    images: str = "*"
    labels: str = "*"
    masks: str | None = None
    mask_values: list[int] = field(default_factory=list)
    image_keys: list[str] = field(default_factory=lambda: ["image"])
    label_key: str = "label"
    file_bands: list[str] | None = None
    bands: list[Band] = field(default_factory=lambda: [Band("red", 0.665), Band("green", 0.56), Band("blue", 0.49)])
    derived: list[DerivedBand] = field(default_factory=list)
    classes: list[ClassOfInterest] = field(
        default_factory=lambda: [
            ClassOfInterest("background", "#000000", [0]),
            ClassOfInterest("foreground", "#DC143C", [1, 255]),
        ]
    )
    pooled: str | None = None
    num_classes: PositiveInt | None = None
    scale: PositiveFloat | Literal["auto"] = "auto"
    offset: float = 0.0
    normalisation: Literal["auto", "imagenet", "training", "scale"] = "auto"
    nodata: float | None = None
    ignore_value: int | None = None
    tile_size: PositiveInt = 256
    sample_tile_size: PositiveInt | None = None
    fit: Literal["tile", "letterbox", "resize"] = "tile"
    history: PositiveInt = 8
    target: Literal["cumulative", "isochrone"] = "cumulative"


@dataclass(frozen=True)
class SplitRecipe:
    """How ground is kept apart between training, validation and test.

    Attributes:
        train: Share of the ground for training.
        val: Share for validation.
        test: Share for test.
        seed: Seed of the drawing.
        group_file: CSV with a 'chip' column (stem, without a folder train, val or test) and the group column.
        group_column: Column of group_file that names the group a chip belongs to.
        group_regex: Without a group_file: regular expression on the same stem, whose first group is the chip's group.
            Where every stem matches without that group, as '(EMSR[0-9]+)|$' does elsewhere, no groups are declared.
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


@dataclass(frozen=True)
class AugmentationRecipe:
    """Random changes of training tiles; geometry moves image and mask together.

    Attributes:
        flip: Probability of a flip about the vertical axis, and of one about the horizontal axis unless flip_vertical.
        flip_vertical: Probability of a flip about the horizontal axis; null as flip.
        quarter_turns: Whether tiles are turned by a multiple of 90 degrees.
        rotation: Largest free rotation in degrees, either way; uncovered corners are ignored.
        brightness: Largest shift of a band, in its standard deviations.
        contrast: Largest relative change of a band's spread about its mean.
        noise: Standard deviation of Gaussian noise, in a band's standard deviations.
        strong: Factor on brightness, contrast and noise of tiles that show more than 1 % of a class but the first.
    """

    flip: ClosedUnitInterval = 0.5
    flip_vertical: ClosedUnitInterval | None = None
    quarter_turns: bool = True
    rotation: NonNegativeFloat = 15.0
    brightness: ClosedUnitInterval = 0.1
    contrast: ClosedUnitInterval = 0.1
    noise: NonNegativeFloat = 0.0
    strong: PositiveFloat = 1.0
