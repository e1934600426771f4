"""Raster function for ArcGIS Pro and ArcGIS Image Server: pixel classes from a TorchScript model.

ArcGIS imports this file from the unpacked ``.dlpk`` and takes the class that is named like the file. It needs only
torch and numpy, both in Esri's "Deep Learning Libraries": in a package the import of ``Fit`` is replaced by its code.
The model takes pixel values as they are stored, ``[B, C, H, W]`` float32, and gives probabilities ``[B, K, H, W]``;
the ``.emd`` beside this file says the rest.

Example:
    >>> function = SegmintClassifier()
    >>> function.initialize(model="best_model.emd", device=-1)
    >>> function.getConfiguration(padding="64", batch_size="4")["tx"]
    256
"""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmint.fit import Fit

_torch_error: Exception | None = None
try:
    import torch
except (ImportError, OSError) as error:  # OSError: a library of torch that Windows cannot load
    _torch_error = error

CHOOSE, CPU = -2, -1
"""Device numbers of ArcGIS that are not a GPU."""

_INHERIT_ALL_BUT_PIXEL_TYPE = 2 | 4 | 8
_KEYS = ("ModelFile", "ImageHeight", "ImageWidth", "ExtractBands", "Classes", "Segmint")
_BLOCK = 4096
"""Edge of a block, in pixels, in which a whole image is classified, where nobody names another."""

_FLIPS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))


class SegmintClassifier:
    """Classifies pixels tile by tile, or whole images; the methods are those that ArcGIS calls, in its order."""

    def __init__(self) -> None:
        self.name = "Segmint Classifier"
        self.description = "Gives every pixel a class with a semantic segmentation model."
        self.definition: dict[str, Any] = {}
        self.padding, self.batch_size, self.threshold, self.augment = 0, 1, 0.5, False
        self.block = _BLOCK

    def initialize(self, **kwargs: Any) -> None:
        """Read the model definition and load the model.

        Args:
            **kwargs: ``model``, path of an ``.emd`` or its JSON text, may be missing while the tool is being filled in;
                ``device``, -2 to choose, -1 for the CPU, otherwise the number of a GPU.

        Raises:
            RuntimeError: torch is not installed.
            FileNotFoundError: The definition or the model file is missing.
            ValueError: The definition is not one of this function.
        """
        model = kwargs.get("model")
        if not model:
            return
        if _torch_error is not None:
            raise RuntimeError(
                f"PyTorch cannot be imported ({_torch_error}). Install Esri's Deep Learning Libraries for this version "
                "of ArcGIS Pro with their installer, then restart ArcGIS Pro."
            )
        definition, folder = _read_definition(str(model))
        file = folder / definition["ModelFile"]
        if not file.is_file():
            raise FileNotFoundError(f"The model file {file} is missing. Keep it beside the .emd, or unpack it again.")
        self.device = _torch_device(kwargs.get("device"))
        with file.open("rb") as stream:  # torch on Windows cannot open every path, Python can
            self.model = torch.jit.load(stream, map_location=self.device)  # type: ignore[no-untyped-call]
        self.model.eval()
        self.definition = definition
        self.tile = (int(definition["ImageHeight"]), int(definition["ImageWidth"]))
        self.interface = definition["Segmint"]
        self.whole = self.interface["fit"] != "tile"
        self.threshold = float(self.interface["threshold"])
        nodata = self.interface["nodata"]
        self.empty = math.nan if nodata is None else float(nodata)

    def getParameterInfo(self) -> list[dict[str, Any]]:
        """The arguments that the tool shows; those of the model once it is chosen."""
        parameters = [
            _parameter("raster", "raster", None, "Raster", "The imagery to classify.", required=True),
            _parameter("model", "string", None, "Model Definition", "The .dlpk, the .emd, or its text.", required=True),
            _parameter("device", "numeric", CHOOSE, "Device", "-2 chooses, -1 is the CPU, 0 the first GPU."),
        ]
        if not self.definition:
            return parameters
        if self.whole:
            description = "More pixels than the longer side of the image, which is classified in one piece."
            parameters.append(_parameter("block_size", "numeric", _BLOCK, "Block Size", description))
        else:
            description = "Border of each tile, in pixels, that is left out."
            parameters += [
                _parameter("padding", "numeric", min(self.tile) // 4, "Padding", description),
                _parameter("batch_size", "numeric", 4, "Batch Size", "Tiles that are classified at once."),
            ]
        if self.interface["activation"] == "sigmoid":
            foreground = self.definition["Classes"][1]["Name"]
            description = f"Probability from which a pixel is {foreground}, 0 to 1."
            parameters.append(_parameter("threshold", "numeric", self.threshold, "Threshold", description))
        description = "Average four mirrored predictions; four times slower."
        augmentation = _parameter("test_time_augmentation", "string", "False", "Test Time Augmentation", description)
        return [*parameters, augmentation | {"domain": ("True", "False")}]

    def getConfiguration(self, **scalars: Any) -> dict[str, Any]:
        """Take the arguments, which arrive as text, and say which blocks to send.

        Raises:
            ValueError: An argument is not a number or out of its range.
        """
        self.threshold = _number(scalars, "threshold", self.interface["threshold"], 0, 1)
        self.augment = str(scalars.get("test_time_augmentation", "")).strip().lower() == "true"
        if self.whole:
            self.block = round(_number(scalars, "block_size", _BLOCK, 2, 65536))
            height = width = self.block
        else:
            self.padding = round(_number(scalars, "padding", min(self.tile) // 4, 0, (min(self.tile) - 1) // 2))
            self.batch_size = round(_number(scalars, "batch_size", 4, 1, 4096))
            height, width = self.tile
        rows = math.isqrt(self.batch_size)
        columns = self.batch_size // rows
        return {
            "extractBands": tuple(self.definition["ExtractBands"]),
            "padding": self.padding,
            "batch_size": self.batch_size,
            "tx": (width - 2 * self.padding) * columns,
            "ty": (height - 2 * self.padding) * rows,
            "fixedTileSize": 1,
            "inheritProperties": _INHERIT_ALL_BUT_PIXEL_TYPE,
            "invalidateProperties": _INHERIT_ALL_BUT_PIXEL_TYPE,
            "inputMask": True,
        }

    def updateRasterInfo(self, **kwargs: Any) -> dict[str, Any]:
        """Describe the output: one 8-bit band of class values with an attribute table."""
        kwargs["output_info"].update(
            bandCount=1,
            pixelType="u1",
            statistics=(),
            histogram=(),
            rasterAttributeTable=json.dumps(_attribute_table(self.definition["Classes"])),
        )
        return kwargs

    def updatePixels(
        self, tlc: tuple[int, ...], shape: tuple[int, ...], props: dict[str, Any], **pixelBlocks: Any
    ) -> dict[str, Any]:
        """Classify one block.

        Args:
            tlc: Top left corner of the block, in pixels (not used).
            shape: Shape of the block (not used, the block itself tells).
            props: Properties of the output; ``pixelType`` is used.
            **pixelBlocks: ``raster_pixels`` ``[C, ty + 2 padding, tx + 2 padding]`` in any type and ``raster_mask`` of
                the same shape, 0 where a value is missing.

        Returns:
            The blocks with ``output_pixels`` ``[1, ty, tx]``, class values, and ``output_mask``, 0 where every band
            is missing.

        Raises:
            ValueError: The model takes whole images, and this one may be larger than a block.
        """
        block = np.asarray(pixelBlocks["raster_pixels"])
        stored = block.reshape(-1, *block.shape[-2:])
        valid = np.broadcast_to(np.asarray(pixelBlocks.get("raster_mask", 1)) != 0, stored.shape)
        if self.whole:
            classes = self._classify_whole(stored, valid.max(axis=0))
        else:
            values = stored.astype(np.float32)
            values[~valid] = self.empty
            classes = self._classify(values)
        inner = (slice(None), *(slice(self.padding, self.padding + length) for length in classes.shape))
        pixelBlocks["output_pixels"] = classes[np.newaxis].astype(props["pixelType"])
        pixelBlocks["output_mask"] = valid.max(axis=0, keepdims=True)[inner].astype(np.uint8)
        return pixelBlocks

    def _classify_whole(self, stored: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Class values ``[h, w]`` of a block ``[C, h, w]``: what is valid of it, ``[h, w]``, stands in one image."""
        classes = np.zeros(valid.shape, np.uint8)
        rows, columns = (np.flatnonzero(valid.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return classes
        if self.block in (rows[-1] + 1, columns[-1] + 1):
            raise ValueError(
                f"The image reaches the edge of its block of {self.block} pixels and may go on beyond it. "
                "Set block_size to more pixels than its longer side has."
            )
        inside = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        image, known = stored[(slice(None), *inside)], valid[inside]
        fit = Fit.of(self.interface["fit"], known.shape, self.tile)
        tile = fit.into_tile(lambda row, count: (image[:, row : row + count], known[row : row + count]))
        answer = self._predict(tile[np.newaxis])[0]
        classes[inside] = self._decide(fit.onto_image(answer, 0, len(known))[np.newaxis])[0]
        return classes

    def _classify(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Class values ``[h, w]`` of ``[C, h + 2 padding, w + 2 padding]``, whatever h and w are."""
        border = 2 * self.padding
        height, width = values.shape[1] - border, values.shape[2] - border
        step_y, step_x = (length - border for length in self.tile)
        rows, columns = math.ceil(height / step_y), math.ceil(width / step_x)
        canvas = np.full((len(values), rows * step_y + border, columns * step_x + border), self.empty, np.float32)
        canvas[:, : values.shape[1], : values.shape[2]] = values
        classes = np.empty((rows * step_y, columns * step_x), np.uint8)
        corners = [(row * step_y, column * step_x) for row in range(rows) for column in range(columns)]
        for first in range(0, len(corners), self.batch_size):
            batch = corners[first : first + self.batch_size]
            tiles = np.stack([canvas[:, y : y + self.tile[0], x : x + self.tile[1]] for y, x in batch])
            for (y, x), answer in zip(batch, self._decide(self._predict(tiles)), strict=True):
                inner = answer[self.padding : self.padding + step_y, self.padding : self.padding + step_x]
                classes[y : y + step_y, x : x + step_x] = inner
        return classes[:height, :width]

    def _predict(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities ``[B, K, H, W]`` of raw tiles ``[B, C, H, W]``."""
        flips = _FLIPS if self.augment else _FLIPS[:1]
        with torch.no_grad():
            images = torch.from_numpy(tiles).to(self.device)
            answers = [torch.flip(self.model(torch.flip(images, dims)), dims) for dims in flips]
            probabilities = np.asarray((sum(answers[1:], answers[0]) / len(answers)).cpu().numpy())
        if probabilities.shape[1] != self.interface["channels"]:
            raise ValueError(
                f"The model gives {probabilities.shape[1]} channels, its definition says {self.interface['channels']}. "
                "The .emd and the model file do not belong together."
            )
        return probabilities

    def _decide(self, probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Class values ``[B, H, W]`` of probabilities ``[B, K, H, W]``."""
        if self.interface["activation"] == "sigmoid":
            return np.asarray(probabilities[:, 0] >= np.float32(self.threshold), np.uint8)
        return np.asarray(probabilities.argmax(axis=1), np.uint8)


def _read_definition(model: str) -> tuple[dict[str, Any], Path]:
    """The definition and the folder that its file names are relative to; text has none, so the function's own."""
    if model.lstrip().startswith("{"):
        text, folder, origin = model, Path(__file__).parent, "The model definition"
    else:
        path = Path(model)
        if not path.is_file():
            raise FileNotFoundError(f"The model definition {path} is missing. Choose an existing .emd or .dlpk.")
        text, folder, origin = path.read_text(encoding="utf-8-sig"), path.parent, str(path)
    try:
        definition = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{origin} is not JSON: {error}. Unpack it again from its .dlpk.") from error
    missing = [key for key in _KEYS if key not in definition]
    if missing:
        raise ValueError(f"{origin} has no {', '.join(missing)}. Use a definition that was written for this function.")
    return definition, folder


def _torch_device(device: Any) -> "torch.device":
    """The device that ArcGIS asked for; the CPU where there is no such GPU."""
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # the order in which ArcGIS counts GPUs
    number = _arcgis_device() if device is None else int(device)
    number = 0 if number == CHOOSE else number
    return torch.device("cuda", number) if 0 <= number < torch.cuda.device_count() else torch.device("cpu")


def _arcgis_device() -> int:
    """Device number of the geoprocessing environment, or CHOOSE outside ArcGIS."""
    try:
        import arcpy  # type: ignore[import-not-found]
    except (ImportError, RuntimeError):  # RuntimeError: arcpy without a licence
        return CHOOSE
    return int(arcpy.env.gpuId or 0) if arcpy.env.processorType == "GPU" else CPU


def _parameter(
    name: str, data_type: str, value: Any, display_name: str, description: str, *, required: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "dataType": data_type,
        "value": value,
        "required": required,
        "displayName": display_name,
        "description": description,
    }


def _number(scalars: dict[str, Any], name: str, default: float, low: float, high: float) -> float:
    """A number from text that may have a decimal comma; the default where it is missing or blank."""
    text = str(scalars.get(name, "")).strip().replace(",", ".") or str(default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise ValueError(f"{name} is {scalars[name]!r}. Use a number from {low:g} to {high:g}.")
    return value


def _attribute_table(classes: list[dict[str, Any]]) -> dict[str, Any]:
    """An Esri feature set with one row per class."""
    types = {
        "OID": "OID",
        "Value": "Integer",
        "Class": "String",
        "Red": "Integer",
        "Green": "Integer",
        "Blue": "Integer",
    }
    rows = [(row, item["Value"], item["Name"], *item["Color"]) for row, item in enumerate(classes)]
    return {
        "displayFieldName": "",
        "fieldAliases": {name: name for name in types},
        "fields": [{"name": name, "type": f"esriFieldType{kind}", "alias": name} for name, kind in types.items()],
        "features": [{"attributes": dict(zip(types, row, strict=True))} for row in rows],
    }
