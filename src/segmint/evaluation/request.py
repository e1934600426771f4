"""What a person asks of ``evaluate``: typed values of the command line. Imports no torch.

How labels are spelled (their values, colours, file names) is the recipe's business: ``--data.ignore_value 255`` and
its like are handed on to the recipe that the model was trained with, and ``--config FILE`` names another.

Example:
    >>> request, reading = parse(["--model", "meta", "--input", "scene.tif", "--labels", "truth.gpkg"])
    >>> request.labels, reading
    ('truth.gpkg', ())
"""

from dataclasses import dataclass
from typing import Literal

from jsonargparse.typing import NonNegativeFloat

from segmint.errors import RecipeError
from segmint.inference.asked import Asked
from segmint.parameters import read

ALIASES = {
    "model_path": "model",
    "image_path": "input",
    "input_path": "input",
    "vectors": "labels",
    "patches_dir": "chips_dir",
    "output_path": "output_dir",
}
"""Documented name -> key."""

_READING = ("--data.", "--recipe", "--config")


@dataclass(frozen=True)
class Request(Asked):
    """Evaluate a model on labelled chips or scenes.

    Attributes:
        chips_dir: Folder of chips.
        labels_dir: Folder of their labels, of the same stems; null where they lie beside the chips.
        input: Instead of chips, a scene, a folder of scenes, or a pattern such as 'scenes/*.tif'.
        labels: Truth of the scenes: a raster, a vector file (GeoPackage, GeoJSON, Shapefile), or a folder that has
            one of either for each scene, of the same stem.
        layer: Layer of a vector file that has several.
        attribute: Attribute of vector truth that tells the class; null where every feature is of class 1.
        classes: Class value of each attribute value, as forest=1,water=2.
        unlabelled: What no feature covers is the 'background', or is to be ignored ('ignore').
        area: A vector file of the area that was labelled; pixels outside it do not count.
        output_dir: Where the report goes.
        min_area_m2: Smallest found object that counts, in square metres.
    """

    chips_dir: str | None = None
    labels_dir: str | None = None
    input: str | None = None
    labels: str | None = None
    layer: str | None = None
    attribute: str | None = None
    classes: str | None = None
    unlabelled: Literal["background", "ignore"] = "background"
    area: str | None = None
    output_dir: str = "evaluation"
    min_area_m2: NonNegativeFloat = 0.0


def parse(arguments: list[str]) -> tuple[Request, tuple[str, ...]]:
    """Read a command line; ``--help`` prints the keys and exits.

    Returns:
        The request, and the arguments for the recipe that reads the labels.

    Raises:
        RecipeError: A misspelt key, a value out of its range, no data, or both chips and scenes.
    """
    own, reading = apart(arguments)
    request = read(Request, own, ALIASES)
    if (request.chips_dir is None) == (request.input is None):
        found = "nothing to evaluate on" if request.input is None else "both chips_dir and input"
        raise RecipeError(found, "either chips or scenes", "Give --chips_dir and --labels_dir, or --input and --labels")
    if request.input is not None and request.labels is None:
        raise RecipeError("input without labels", "the truth of the scenes", "Add --labels truth.gpkg")
    if request.chips_dir is not None and (request.labels or request.area):
        raise RecipeError("labels or area beside chips_dir", "the labels of chips in labels_dir", "Leave one out")
    return request, tuple(reading)


def apart(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Arguments of our own, and those of the recipe, by which labels are read, with their values."""
    own: list[str] = []
    reading: list[str] = []
    current = own
    for argument in arguments:
        if argument.startswith("--"):
            current = reading if argument.startswith(_READING) else own
        current.append(argument)
    return own, reading
