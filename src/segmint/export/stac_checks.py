"""What the published schemas do not catch in a model item: contradictions, wrong files, broken links.

Example:
    >>> semantic_errors(content, Path("artifacts/metadata"))
    []
"""

from pathlib import Path
from typing import Any

from segmint.contract import ModelContract
from segmint.export.stac import checksum


def semantic_errors(item: dict[str, Any], folder: Path | None = None) -> list[str]:
    """Contradictions inside an item, and between an item and its files.

    Args:
        item: A STAC item with the MLM extension.
        folder: Folder that the item's relative links start from; None leaves files alone.
    """
    properties = item["properties"]
    errors: list[str] = []
    defined = [band["name"] for band in properties.get("bands", [])]
    for source in properties["mlm:input"]:
        errors += _tensor_errors("mlm:input", source["input"])
        errors += [f"mlm:input names the undefined band {band}" for band in source["bands"] if band not in defined]
        order, shape = source["input"]["dim_order"], source["input"]["shape"]
        if "bands" in order and shape[order.index("bands")] != len(source["bands"]):
            errors.append("mlm:input has another number of bands than its shape says")
        scaling = source.get("value_scaling")
        if scaling is not None and len(scaling) not in (1, len(source["bands"])):
            errors.append(f"mlm:input has {len(scaling)} value scalings for {len(source['bands'])} bands")
    for answer in properties["mlm:output"]:
        errors += _tensor_errors("mlm:output", answer["result"])
        errors += _class_errors(answer)
    if properties.get("mlm:pretrained") is False and properties.get("mlm:pretrained_source") is not None:
        errors.append("mlm:pretrained_source is named although mlm:pretrained is false")
    if properties.get("mlm:pretrained") and properties.get("mlm:pretrained_source") is None:
        errors.append("mlm:pretrained is true without a mlm:pretrained_source")
    for key, asset in item["assets"].items():
        errors += _asset_errors(key, asset, defined, folder)
    return errors


def contract_errors(item: dict[str, Any], contract: ModelContract) -> list[str]:
    """Where an item says something else than the contract."""
    properties = item["properties"]
    source, answer = properties["mlm:input"][0], properties["mlm:output"][0]
    tile = [contract.input.height, contract.input.width]
    stated = {
        "bands": (source["bands"], list(contract.band_names)),
        "input shape": (source["input"]["shape"], [-1, len(contract.input.bands), *tile]),
        "input name": (source["name"], contract.input.name),
        "output shape": (answer["result"]["shape"], [-1, contract.output.channels, *tile]),
        "output name": (answer["name"], contract.output.name),
        "classes": ([c["name"] for c in answer["classification:classes"]], list(contract.class_names)),
        "parameters": (properties["mlm:total_parameters"], contract.network.parameters),
        "pretrained": (properties["mlm:pretrained"], contract.network.pretrained is not None),
        "name": (properties["mlm:name"], contract.name),
        "license": (properties["license"], contract.license),
    }
    return [f"{name}: item {found}, contract {wanted}" for name, (found, wanted) in stated.items() if found != wanted]


def _tensor_errors(place: str, tensor: dict[str, Any]) -> list[str]:
    errors = []
    if len(tensor["shape"]) != len(tensor["dim_order"]):
        errors.append(f"{place} has {len(tensor['shape'])} sizes for {len(tensor['dim_order'])} dimensions")
    if any(size == 0 or size < -1 for size in tensor["shape"]):
        errors.append(f"{place} has a size of {min(tensor['shape'])}")
    return errors


def _class_errors(answer: dict[str, Any]) -> list[str]:
    values = [part["value"] for part in answer["classification:classes"]]
    order, shape = answer["result"]["dim_order"], answer["result"]["shape"]
    channels = shape[order.index("class")] if "class" in order and len(shape) == len(order) else None
    errors = []
    if len(set(values)) != len(values):
        errors.append("mlm:output has two classes of one value")
    if channels is not None and channels != (1 if len(values) == 2 and channels == 1 else len(values)):
        errors.append(f"mlm:output has {channels} channels for {len(values)} classes")
    return errors


def _asset_errors(key: str, asset: dict[str, Any], defined: list[str], folder: Path | None) -> list[str]:
    errors = []
    href = str(asset["href"])
    if "mlm:model" in asset.get("roles", []):
        names = [band["name"] for band in asset.get("bands", [])]
        if names != defined:
            errors.append(f"asset {key} has the bands {names}, the item {defined}: all models share one interface")
    if "://" in href:
        return errors
    if Path(href).is_absolute():
        return [*errors, f"asset {key} has the absolute path {href}"]
    if folder is None:
        return errors
    path = folder / href
    if not path.is_file():
        return [*errors, f"asset {key}: no file {href}"]
    if asset.get("file:size") != path.stat().st_size:
        errors.append(f"asset {key} is {path.stat().st_size} bytes, the item says {asset.get('file:size')}")
    if asset.get("file:checksum") != checksum(path):
        errors.append(f"asset {key} has another checksum than the item says")
    return errors
