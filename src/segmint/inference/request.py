"""What a person asks of ``predict``: typed values of the command line. Imports no torch.

Example:
    >>> request = parse(["--model_path", "meta", "--image_path", "scene.tif", "--tta", "true"])
    >>> request.input, request.tta
    ('scene.tif', True)
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from jsonargparse.typing import NonNegativeFloat, OpenUnitInterval, PositiveInt

from segmint.errors import RecipeError
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
class Request:
    """Predict scenes with a model.

    Attributes:
        input: A scene (GeoTIFF, COG, VRT, PNG, JPEG, any raster GDAL reads), a URL, a folder, or a pattern such as
            'scenes/*.tif'.
        model: models:/name@alias, models:/name/1, runs:/id, a folder such as meta, or an .onnx, .pt, .pt2, .pth or
            .dlpk file.
        output_dir: Where the maps go.
        stride: Pixels between the origins of neighbouring windows; null takes the model's own.
        batch_size: Windows that the network sees at once.
        bands: Band numbers from 1, or the scene's band names, in the model's order, such as 3,2,1; null matches by
            name, or takes them in order where the scene names none.
        resample: Read the scene at the model's ground resolution; the map has that resolution too.
        nodata: Raw value of empty pixels, where the scene declares none; they stay empty on the map.
        threshold: Probability from which a pixel is foreground (two classes); null takes the model's own.
        tta: Test-time augmentation: the mean over all turned and mirrored windows, at eight times the work.
        probabilities: 'uint8' (or true) also writes probabilities in steps of 0.005, 'float32' in full precision.
        polygons: 'gpkg' (or true), 'geojson' or 'parquet' also writes polygons of every class but the first.
        simplify_m: Tolerance in metres by which polygons are simplified; 0 keeps the pixel edges.
        min_area_m2: Smallest polygon that is kept, in square metres.
        backend: What runs the model; 'auto' measures and takes the fastest.
        resume: Carry on where an interrupted prediction stopped.
        mlflow_tracking: Log the prediction as an MLflow run.
    """

    input: str = ""
    model: str = "meta"
    output_dir: str = "output"
    stride: PositiveInt | None = None
    batch_size: PositiveInt = 8
    bands: str | None = None
    resample: bool = False
    nodata: float | None = None
    threshold: OpenUnitInterval | None = None
    tta: bool = False
    probabilities: Literal["none", "uint8", "float32"] = "none"
    polygons: Literal["none", "gpkg", "geojson", "parquet"] = "none"
    simplify_m: NonNegativeFloat = 0.0
    min_area_m2: NonNegativeFloat = 0.0
    backend: Literal["auto", "onnxruntime", "openvino", "torch", "torch-bf16"] = "auto"
    resume: bool = False
    mlflow_tracking: bool = False

    @property
    def band_list(self) -> tuple[str, ...]:
        """The listed bands one by one."""
        return tuple(item.strip() for item in (self.bands or "").split(",") if item.strip())

    def parameters(self) -> dict[str, Any]:
        """Every value by its name."""
        return asdict(self)


def parse(arguments: list[str]) -> Request:
    """Read a command line; ``--help`` prints the keys and exits.

    Raises:
        RecipeError: A misspelt key, a value out of its range, or no input.
    """
    request = read(Request, arguments, ALIASES, _WORDS)
    if not request.input:
        raise RecipeError("input: nothing to predict", "a scene, a folder or a pattern", "Add -P input=scene.tif")
    return request
