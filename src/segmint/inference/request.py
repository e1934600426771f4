"""What a person asks of ``predict``: typed values of the command line. Imports no torch.

Example:
    >>> request = parse(["--model_path", "meta", "--image_path", "scene.tif", "--tta", "true"])
    >>> request.input, request.tta
    ('scene.tif', True)
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
    "output_path": "output_dir",
}
"""Documented name -> key."""

_WORDS = {
    ("probabilities", "true"): "uint8",
    ("probabilities", "false"): "none",
    ("polygons", "true"): "gpkg",
    ("polygons", "false"): "none",
}


@dataclass(frozen=True)
class Request(Asked):
    """Predict scenes with a model.

    Attributes:
        input: A scene (GeoTIFF, COG, VRT, PNG, JPEG, any raster GDAL reads), a URL, a folder, or a pattern such as
            'scenes/*.tif'.
        output_dir: Where the maps go.
        probabilities: 'uint8' (or true) also writes probabilities in steps of 0.005, 'float32' in full precision.
        polygons: 'gpkg' (or true), 'geojson' or 'parquet' also writes polygons of every class but the first.
        simplify_m: Tolerance in metres by which polygons are simplified; 0 keeps the pixel edges.
        min_area_m2: Smallest polygon that is kept, in square metres.
        resume: Carry on where an interrupted prediction stopped.
    """

    input: str = ""
    output_dir: str = "output"
    probabilities: Literal["none", "uint8", "float32"] = "none"
    polygons: Literal["none", "gpkg", "geojson", "parquet"] = "none"
    simplify_m: NonNegativeFloat = 0.0
    min_area_m2: NonNegativeFloat = 0.0
    resume: bool = False


def parse(arguments: list[str]) -> Request:
    """Read a command line; ``--help`` prints the keys and exits.

    Raises:
        RecipeError: A misspelt key, a value out of its range, or no input.
    """
    request = read(Request, arguments, ALIASES, _WORDS)
    if not request.input:
        raise RecipeError("input: nothing to predict", "a scene, a folder or a pattern", "Add -P input=scene.tif")
    return request
