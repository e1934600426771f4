"""What the published schemas do not catch in a model item: contradictions, wrong files, broken links.

Example:
    >>> semantic_errors(content, Path("artifacts/metadata"))
    []
"""

from datetime import datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft7Validator
from shapely.errors import ShapelyError
from shapely.geometry import box, shape

from segmint.contract import ModelContract
from segmint.export import whole
from segmint.export.assets import checksum
from segmint.export.stac import normalisations, semantic_version, value_scaling

_SHAPE = {"type": "array", "items": {"type": "integer"}}
_NAMES = {"type": "array", "items": {"type": "string"}}
_NAMED = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}


def _tensors(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    described = {"type": "object", "required": list(required), "properties": {**required, **optional}}
    return {"type": "array", "minItems": 1, "items": described}


_TENSOR = {"type": "object", "required": ["shape", "dim_order"], "properties": {"shape": _SHAPE, "dim_order": _NAMES}}
_CLASSES = {"type": "array", "items": {"type": "object", "required": ["value", "name"]}}
_ASSET = {
    "type": "object",
    "required": ["href"],
    "properties": {
        "href": {"type": "string"},
        "roles": _NAMES,
        "bands": {"type": "array", "items": _NAMED},
    },
}
# what the checks below take for granted, since the published schemas may be out of reach
_FORM = Draft7Validator(
    {
        "type": "object",
        "required": ["properties", "assets"],
        "properties": {
            "assets": {"type": "object", "additionalProperties": _ASSET},
            "geometry": {"type": ["object", "null"]},
            "bbox": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
            "properties": {
                "type": "object",
                "required": ["mlm:input", "mlm:output"],
                "properties": {
                    "bands": {"type": "array", "items": _NAMED},
                    "mlm:input": _tensors(
                        {"input": _TENSOR, "bands": _NAMES}, value_scaling={"type": ["array", "null"]}
                    ),
                    "mlm:output": _tensors({"result": _TENSOR, "classification:classes": _CLASSES}),
                    "mlm:hyperparameters": {"type": "object"},
                    "processing:software": {"type": "object"},
                },
            },
        },
    }
)


def semantic_errors(item: dict[str, Any], folder: Path | None = None) -> list[str]:
    """Contradictions inside an item, and between an item and its files.

    Args:
        item: A STAC item with the MLM extension.
        folder: Folder that the item's relative links start from; None leaves files alone.
    """
    errors = _statement_errors(item)
    return errors if folder is None else errors + file_errors(item, folder)


def file_errors(item: dict[str, Any], folder: Path) -> list[str]:
    """Files that an item names and that are not there, or not what it says.

    Args:
        item: A STAC item with the MLM extension.
        folder: Folder that its relative links start from; absolute links are another check's matter.
    """
    if _form_errors(item):
        return []
    errors = []
    for key, asset in item["assets"].items():
        if not urlsplit(asset["href"]).scheme and not _is_absolute(asset["href"]):
            errors += _file_errors(key, asset, folder / asset["href"])
    return errors


def _statement_errors(item: dict[str, Any]) -> list[str]:
    if malformed := _form_errors(item):
        return malformed
    properties = item["properties"]
    defined = [band["name"] for band in properties.get("bands", [])]
    errors = [*_time_errors(properties), *_place_errors(item)]
    if len(set(defined)) != len(defined):
        errors.append("bands defines a name twice")
    for source in properties["mlm:input"]:
        errors += _input_errors(source, defined)
    for answer in properties["mlm:output"]:
        errors += _tensor_errors("mlm:output", answer["result"])
        errors += _class_errors(answer)
    if properties.get("mlm:pretrained") is False and properties.get("mlm:pretrained_source") is not None:
        errors.append("mlm:pretrained_source is named although mlm:pretrained is false")
    if properties.get("mlm:pretrained") and properties.get("mlm:pretrained_source") is None:
        errors.append("mlm:pretrained is true without a mlm:pretrained_source")
    for key, asset in item["assets"].items():
        errors += _asset_errors(key, asset, defined)
    return errors


def contract_errors(item: dict[str, Any], contract: ModelContract) -> list[str]:
    """Where an item says something else than the contract."""
    if malformed := _form_errors(item):
        return malformed
    properties = item["properties"]
    sources, answer = properties["mlm:input"], properties["mlm:output"][0]
    inside = properties.get("mlm:hyperparameters", {})
    tile = [contract.height, contract.width]
    bbox, names = contract.dataset.bbox_wgs84, list(contract.band_names)
    stated: dict[str, tuple[Any, Any]] = {
        "bbox": (item.get("bbox"), list(bbox) if bbox else None),
        "defined bands": ([band["name"] for band in properties.get("bands", [])], names),
        "inputs": ([source.get("name") for source in sources], [part.name for part in contract.inputs]),
        "output shape": (answer["result"]["shape"], [-1, contract.output.channels, *tile]),
        "output name": (answer.get("name"), contract.output.name),
        "classes": (
            [(part["value"], part["name"], part.get("color_hint")) for part in answer["classification:classes"]],
            [(part.value, part.name, part.color.lstrip("#")) for part in contract.output.classes],
        ),
        "threshold": (inside.get("threshold"), contract.output.threshold),
        "temperature": (inside.get("temperature_inside_the_graph"), contract.output.temperature),
        "normalisation": (
            inside.get("normalisation_inside_the_graph"),
            normalisations(contract),
        ),
        "parameters": (properties.get("mlm:total_parameters"), contract.network.parameters),
        "memory": (properties.get("mlm:memory_size"), contract.network.memory_bytes),
        "pretrained": (properties.get("mlm:pretrained"), contract.network.pretrained is not None),
        "framework": (properties.get("mlm:framework_version"), semantic_version(contract.environment["torch"])),
        "torch": (properties.get("processing:software", {}).get("torch"), contract.environment["torch"]),
        "metrics": (properties.get("segmint:metrics"), contract.metrics),
        "environment": (properties.get("segmint:environment", contract.environment), contract.environment),
        "name": (properties.get("mlm:name"), contract.name),
        "license": (properties.get("license"), contract.license),
    }
    for source, part in zip(sources, contract.inputs, strict=False):
        stated |= {
            f"{part.name} bands": (source["bands"], [band.name for band in part.bands]),
            f"{part.name} shape": (source["input"]["shape"], list(contract.shape(part))),
            f"{part.name} dimensions": (source["input"]["dim_order"], list(part.dimensions)),
            f"{part.name} type": (source["input"].get("data_type"), "float32"),
            f"{part.name} value scaling": (source.get("value_scaling"), value_scaling(part)),
            f"{part.name} resize type": (source.get("resize_type"), whole.resize_type(contract)),
            f"{part.name} pre-processing": (source.get("pre_processing_function"), whole.pre_processing(contract)),
        }
    return [f"{name}: item {found}, contract {wanted}" for name, (found, wanted) in stated.items() if found != wanted]


def _form_errors(item: dict[str, Any]) -> list[str]:
    return [
        f"{'/'.join(str(part) for part in error.absolute_path) or 'item'}: {error.message[:200]}"
        for error in _FORM.iter_errors(item)
    ]


def _time_errors(properties: dict[str, Any]) -> list[str]:
    errors, times = [], {}
    for key in ("datetime", "start_datetime", "end_datetime", "created"):
        if properties.get(key) is None:
            continue
        try:
            times[key] = datetime.fromisoformat(str(properties[key])).timestamp()
        except ValueError:
            errors.append(f"{key} is {properties[key]}, which is no time")
    if times.get("start_datetime", 0.0) > times.get("end_datetime", float("inf")):
        errors.append("start_datetime lies after end_datetime")
    return errors


def _place_errors(item: dict[str, Any]) -> list[str]:
    if item.get("geometry") is None or "bbox" not in item:
        return []
    try:
        ground = shape(item["geometry"])
    except (ShapelyError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:  # whatever it holds
        return [f"geometry cannot be read: {error}"]
    agrees = ground.envelope.equals_exact(box(*item["bbox"]).envelope, 1e-9, normalize=True)
    return [] if agrees else ["bbox is not the bounds of the geometry"]


def _input_errors(source: dict[str, Any], defined: list[str]) -> list[str]:
    errors = _tensor_errors("mlm:input", source["input"])
    errors += [f"mlm:input names the undefined band {band}" for band in source["bands"] if band not in defined]
    sizes = dict(zip(source["input"]["dim_order"], source["input"]["shape"], strict=False))
    if sizes.get("bands", len(source["bands"])) != len(source["bands"]):
        errors.append("mlm:input has another number of bands than its shape says")
    scaling = source.get("value_scaling")
    if scaling is not None and len(scaling) not in (1, len(source["bands"])):
        errors.append(f"mlm:input has {len(scaling)} value scalings for {len(source['bands'])} bands")
    return errors


def _tensor_errors(place: str, tensor: dict[str, Any]) -> list[str]:
    errors = []
    if len(tensor["shape"]) != len(tensor["dim_order"]):
        errors.append(f"{place} has {len(tensor['shape'])} sizes for {len(tensor['dim_order'])} dimensions")
    if any(size == 0 or size < -1 for size in tensor["shape"]):
        errors.append(f"{place} has a size of {min(tensor['shape'])}")
    return errors


def _class_errors(answer: dict[str, Any]) -> list[str]:
    values = [part["value"] for part in answer["classification:classes"]]
    order, sizes = answer["result"]["dim_order"], answer["result"]["shape"]
    channels = sizes[order.index("class")] if "class" in order and len(sizes) == len(order) else None
    errors = []
    if any(values.count(value) > 1 for value in values):
        errors.append("mlm:output has two classes of one value")
    if channels is not None and channels != (1 if len(values) == 2 and channels == 1 else len(values)):
        errors.append(f"mlm:output has {channels} channels for {len(values)} classes")
    return errors


def _asset_errors(key: str, asset: dict[str, Any], defined: list[str]) -> list[str]:
    errors = []
    if "mlm:model" in asset.get("roles", []):
        names = [band["name"] for band in asset.get("bands", [])]
        if names != defined:
            errors.append(f"asset {key} has the bands {names}, the item {defined}: all models share one interface")
    if _is_absolute(asset["href"]):
        errors.append(f"asset {key} has the absolute path {asset['href']}")
    return errors


def _is_absolute(href: str) -> bool:
    return href.startswith("file:") or PurePosixPath(href).is_absolute() or bool(PureWindowsPath(href).drive)


def _file_errors(key: str, asset: dict[str, Any], path: Path) -> list[str]:
    if not path.is_file():
        return [f"asset {key}: no file {asset['href']}"]
    errors = []
    if asset.get("file:size") != path.stat().st_size:
        errors.append(f"asset {key} is {path.stat().st_size} bytes, the item says {asset.get('file:size')}")
    if asset.get("file:checksum") != checksum(path):
        errors.append(f"asset {key} has another checksum than the item says")
    return errors
