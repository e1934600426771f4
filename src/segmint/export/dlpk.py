"""``best_model.dlpk``: the package for ArcGIS Pro and Image Server, "Classify Pixels Using Deep Learning".

A zip with everything at its root: one ``.emd`` (the model definition, JSON), the TorchScript file and the raster
function ``SegmintClassifier.py``, which needs only torch and numpy and carries the code of :mod:`segmint.fit`. The keys
of the definition follow Esri's "raster-deep-learning" documentation; ``DataRange`` (it rescales pixels), ``BatchSize``
and ``Padding`` (they hide the tool's arguments) are left out on purpose.

Example:
    >>> write(contract, Path("meta/best_model.pt"), Path("meta/stac_item.json"), Path("meta/best_model.dlpk"))
    >>> class_maps(Path("meta/best_model.dlpk"), chips).shape
    (8, 256, 256)
"""

import json
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.errors import ExportError
from segmint.export.whole import carrying
from segmint.files import replace_file

FILE = "best_model.dlpk"
EMD_FILE = "model.emd"
RUNTIME = "ArcGIS raster function in a separate Python"
MODEL_FILE = "best_model.pt"
FUNCTION_FILE = "SegmintClassifier.py"

NOT_IN_ARCGIS = ("segmint", "segmentation_models_pytorch", "mlflow", "pytorch_lightning", "lightning", "torchmetrics")
"""Packages that the raster function cannot import in the proof."""

ONE_TILE = {"padding": 0, "batch_size": 1}
"""Arguments of the tool with which chips of the model's tile size get the network's own answer."""

MAX_UNPACKED_BYTES = 4 * 2**30
"""Largest content of a package that is unpacked; above it a zip would need ZIP64."""

_ESRI = Path(__file__).parent / "esri"
_FUNCTION = _ESRI / FUNCTION_FILE
_EPOCH = (1980, 1, 1, 0, 0, 0)


def emd(contract: ModelContract, model_file: str) -> dict[str, Any]:
    """The model definition.

    Args:
        contract: Where every value comes from.
        model_file: Name of the TorchScript file beside the definition.
    """
    source, output = contract.input, contract.output
    cell_size = _cell_size(contract)
    return {
        "Framework": "PyTorch",
        "ModelConfiguration": "SemanticSegmentation",
        "ModelType": "ImageClassification",
        "ModelFormat": "NCHW",
        "ModelName": contract.name,
        "Description": contract.description,
        "Version": contract.created[:7].replace("-", "."),
        "ModelFile": model_file,
        "InferenceFunction": FUNCTION_FILE,
        "ImageHeight": contract.height,
        "ImageWidth": contract.width,
        "ExtractBands": list(range(len(source.bands))),
        "ImageSpaceUsed": "MAP_SPACE",
        "SupportsVariableTileSize": False,
        "IsMultispectral": len(source.bands) > 3,
        "MinCellSize": cell_size,
        "MaxCellSize": cell_size,
        "Classes": [
            {"Value": item.value, "Name": item.name, "Color": list(bytes.fromhex(item.color[1:]))}
            for item in output.classes
        ],
        "Segmint": {
            "bands": list(contract.band_names),
            "source_dtype": source.source_dtype,
            "value_range": list(source.value_range),
            "nodata": source.nodata,
            "activation": output.activation,
            "channels": output.channels,
            "threshold": output.threshold,
            "stride": contract.stride,
            "fit": contract.fit,
        },
    }


def one_tile(contract: ModelContract) -> Mapping[str, float]:
    """The same for any model: a block of a model of whole images is larger than its image."""
    if contract.fit == "tile":
        return ONE_TILE
    return {"block_size": max(contract.height, contract.width) + 1}


def function_source() -> str:
    """The raster function as a package has it: on its own."""
    return carrying(_FUNCTION.read_text(encoding="utf-8"))


def write_emd(contract: ModelContract, path: Path) -> None:
    """Write the definition alone, for ``best_model.pt`` in the same folder."""
    replace_file(path, _json(emd(contract, MODEL_FILE)))


def write(contract: ModelContract, torchscript: Path, stac_item: Path | None, path: Path) -> None:
    """Write the package; the same content gives the same bytes.

    Args:
        contract: The contract of the model.
        torchscript: The TorchScript file.
        stac_item: A STAC item to put in, or None.
        path: The ``.dlpk``; its stem names the ``.emd`` and the model file inside.

    Raises:
        ExportError: A file that belongs in the package is missing.
    """
    model_file = f"{path.stem}.pt"
    members = {
        f"{path.stem}.emd": _json(emd(contract, model_file)).encode(),
        FUNCTION_FILE: function_source().encode(),
    }
    sources = {model_file: torchscript}
    if stac_item is not None:
        sources["stac_item.json"] = stac_item
    for name, source in sources.items():
        if not source.is_file():
            raise ExportError(f"{path.name}: {source} is missing", f"the file for {name}", "Export that format first")
        members[name] = source.read_bytes()
    beside = path.with_name(path.name + ".part")
    with zipfile.ZipFile(beside, "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system, member.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            # deflate is what is read everywhere; level 0 of it copies, since weights hardly get smaller
            archive.writestr(member, content, zipfile.ZIP_DEFLATED, compresslevel=0)
    beside.replace(path)


def class_maps(
    path: Path,
    rasters: NDArray[np.generic],
    masks: NDArray[np.uint8] | None = None,
    arguments: Mapping[str, float] = ONE_TILE,
) -> NDArray[np.uint8]:
    """Class values that the package gives, driven as ArcGIS drives it.

    The package is unpacked and its raster function runs in a Python process of its own that cannot import
    :data:`NOT_IN_ARCGIS`.

    Args:
        path: The ``.dlpk``.
        rasters: ``[N, C, H, W]`` raw values in their stored type, of any size.
        masks: Of the same shape, 0 where a value is missing; None where none is.
        arguments: Those of the tool, the others as the raster function proposes them.

    Returns:
        ``[N, H, W]`` class values.

    Raises:
        ExportError: The package is malformed, or the raster function fails.
    """
    with tempfile.TemporaryDirectory(prefix="segmint épreuve ") as scratch:
        package, job = Path(scratch, "package"), Path(scratch, "job")
        package.mkdir()
        job.mkdir()
        definition = unpack(path, package)
        content = json.loads(definition.read_text(encoding="utf-8"))
        np.save(job / "rasters.npy", rasters)
        np.save(job / "masks.npy", np.ones(rasters.shape, np.uint8) if masks is None else masks)
        order = {
            "function": str(package / content["InferenceFunction"]),
            "model": str(definition),
            "arguments": dict(arguments),
            "refused": NOT_IN_ARCGIS,
        }
        (job / "job.json").write_text(json.dumps(order), encoding="utf-8")
        command = [sys.executable, "-I", "-X", "utf8", str(_ESRI / "host.py"), str(job)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise ExportError(f"{path.name}: {reason}", "class values", "The package would fail in ArcGIS the same way")
        return np.asarray(np.load(job / "classes.npy"), np.uint8)


def unpack(path: Path, folder: Path) -> Path:
    """Unpack a package into an empty folder, after a look at every member, and return its ``.emd``.

    Raises:
        ExportError: Not a zip; a member that is a link, not at the root, twice or too large; not exactly one ``.emd``
            of the package's stem; or a file that the definition names is absent.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive.infolist())
            archive.extractall(folder)
        definition = folder / f"{path.stem}.emd"
        content = json.loads(definition.read_text(encoding="utf-8"))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ExportError(f"{path.name}: {error}", "a whole zip with a JSON .emd", "Export it again") from error
    for key in ("ModelFile", "InferenceFunction"):
        if content.get(key) not in {item.name for item in folder.iterdir()}:
            raise ExportError(f"{path.name}: {key} is {content.get(key)!r}", "a file of the package", "Export it again")
    return definition


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    for member in members:
        if member.filename in (".", "..") or set(member.filename) & set("/\\:") or names.count(member.filename) > 1:
            raise ExportError(f"{path.name}: member {member.filename!r}", "unique file names without a folder")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ExportError(f"{path.name}: member {member.filename!r} is a link", "a file")
    size = sum(member.file_size for member in members)
    if size > MAX_UNPACKED_BYTES:
        raise ExportError(f"{path.name}: {size} bytes unpacked", f"at most {MAX_UNPACKED_BYTES}")
    definitions = [name for name in names if name.lower().endswith(".emd")]
    if definitions != [f"{path.stem}.emd"]:
        raise ExportError(f"{path.name}: definitions {definitions}", f"exactly {path.stem}.emd", "Export it again")


def _cell_size(contract: ModelContract) -> dict[str, Any] | None:
    """The ground resolution in the UTM zone (EPSG 326xx, 327xx) amid the training data, where metres are true."""
    resolution, bounds = contract.resolution_m, contract.dataset.bbox_wgs84
    if resolution is None or bounds is None:
        return None
    west, south, east, north = bounds
    zone = min(int(((west + east) / 2 + 180) // 6) + 1, 60)
    wkid = (32600 if south + north >= 0 else 32700) + zone
    return {"x": resolution, "y": resolution, "spatialReference": {"wkid": wkid, "latestWkid": wkid}}


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
