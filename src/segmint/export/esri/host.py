"""A stand-in for ArcGIS: drives the raster function of an unpacked package over rasters, block by block.

It needs only numpy, so that it runs in a Python of its own: ``python -I host.py JOB_FOLDER``. The folder holds
``job.json``, ``rasters.npy`` and ``masks.npy`` ``[N, C, H, W]``; ``classes.npy`` ``[N, H, W]`` uint8 is written beside
them.

Example:
    >>> function = load_function(Path("unpacked/SegmintClassifier.py"))
    >>> configure(function, "unpacked/best_model.emd", {"padding": 0}).tile
    (512, 512)
"""

import importlib.util
import json
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Configuration(NamedTuple):
    """What the raster function asked for.

    Attributes:
        bands: Zero-based bands, in the order in which it wants them.
        tile: Height and width of the answer of one block, in pixels.
        padding: Pixels that a block has more than its answer on each side.
        output_info: What it says of its output.
    """

    bands: tuple[int, ...]
    tile: tuple[int, int]
    padding: int
    output_info: dict[str, Any]


class Refusal:
    """An import hook that refuses packages which ArcGIS does not have."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = frozenset(packages)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Raise for the refused packages, leave the others to the next finder."""
        if name.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"No module named {name!r} in ArcGIS", name=name)
        return None


def load_function(path: Path) -> Any:
    """An instance of the class that is named like its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, path.stem)()


def configure(function: Any, model: str, arguments: dict[str, Any]) -> Configuration:
    """Run the calls that come before the pixels; arguments go as text over the function's own defaults."""
    function.initialize()
    function.initialize(model=model, device=-1)
    defaults = {item["name"]: item["value"] for item in function.getParameterInfo() if item["name"] != "raster"}
    scalars = {name: str(value) for name, value in (defaults | arguments | {"model": model, "device": -1}).items()}
    asked = function.getConfiguration(**scalars)
    info = function.updateRasterInfo(raster_info={}, output_info={})["output_info"]
    return Configuration(tuple(asked["extractBands"]), (asked["ty"], asked["tx"]), asked["padding"], info)


def classify(
    function: Any, configuration: Configuration, raster: NDArray[np.generic], mask: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Class values and mask ``[H, W]`` of a whole raster, put together from blocks.

    Args:
        function: A configured raster function.
        configuration: What it asked for.
        raster: ``[C, H, W]`` in any type.
        mask: ``[C, H, W]``, 1 where the value is valid.

    Raises:
        ValueError: An answer has another shape or type than announced.
    """
    bands, (rows, columns), padding, info = configuration
    height, width = raster.shape[1:]
    # Every block has its full size, as with fixedTileSize 1: zeros with mask 0 stand outside the raster.
    below, right = -height % rows + padding, -width % columns + padding
    border = ((0, 0), (padding, below), (padding, right))
    pixels, valid = (np.pad(array[list(bands)], border) for array in (raster, mask))
    classes = np.empty((pixels.shape[1] - 2 * padding, pixels.shape[2] - 2 * padding), np.uint8)
    classes_mask = np.empty_like(classes)
    for y in range(0, height, rows):
        for x in range(0, width, columns):
            window = (slice(None), slice(y, y + rows + 2 * padding), slice(x, x + columns + 2 * padding))
            answer = function.updatePixels(
                (x, y),
                pixels[window].shape,
                {"pixelType": info["pixelType"]},
                raster_pixels=pixels[window].copy(),
                raster_mask=valid[window].copy(),
            )
            block = answer["output_pixels"]
            if block.shape != (info["bandCount"], rows, columns) or block.dtype != np.dtype(info["pixelType"]):
                raise ValueError(f"a block of {rows} x {columns} was answered with {block.shape} {block.dtype}")
            classes[y : y + rows, x : x + columns] = block[0]
            classes_mask[y : y + rows, x : x + columns] = answer["output_mask"][0]
    return classes[:height, :width], classes_mask[:height, :width]


def main(folder: Path) -> None:
    """Classify the rasters of a job: ``job.json`` has ``function``, ``model``, ``arguments`` and ``refused``."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    sys.meta_path.insert(0, Refusal(job["refused"]))
    rasters, masks = np.load(folder / "rasters.npy"), np.load(folder / "masks.npy")
    function = load_function(Path(job["function"]))
    configuration = configure(function, job["model"], job["arguments"])
    pairs = zip(rasters, masks, strict=True)
    maps = [classify(function, configuration, raster, mask)[0] for raster, mask in pairs]
    np.save(folder / "classes.npy", np.stack(maps))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
