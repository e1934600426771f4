"""``stac_item.json``: the model as a STAC 1.1 item with the Machine Learning Model extension (MLM 1.5.2).

Values come from the contract; sizes and checksums from the files. The graph takes raw values and scales them itself, so
``value_scaling`` is null but in the unit form: a consumer has nothing to apply. The normalisation stands among the
hyperparameters, for the record.

Example:
    >>> content = item(contract, model_files(staging.root))
    >>> write(content, staging["stac_item.json"])
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pystac
from shapely.geometry import box, mapping

from segmint import __version__
from segmint.contract import ModelContract
from segmint.data.parallel import in_order
from segmint.export import whole
from segmint.export.assets import ModelFile, asset
from segmint.files import replace_file
from segmint.interface import Band, Input

MLM = "https://stac-extensions.github.io/mlm/v1.5.2/schema.json"
FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v1.1.0/schema.json"
EO = "https://stac-extensions.github.io/eo/v2.0.0/schema.json"

_COMMON_NAMES = {"coastal", "blue", "green", "red", "nir", "nir08", "nir09", "swir16", "swir22", "rededge", "pan"}


def item(contract: ModelContract, files: Sequence[ModelFile]) -> dict[str, Any]:
    """The item of a model and the files that its run left.

    Its time is the range of the training data where that is known, otherwise the time of its making.
    There is no container asset: no image is published yet, and an item states only what is true. Nor is there an
    ``mlm:accelerator_count``: it is how many accelerators a model needs to run, and it runs without. How many GPUs
    trained it stands in ``segmint:environment``, with the rest of the machine.
    """
    created = datetime.fromisoformat(contract.created)
    bbox, start, end = contract.dataset.bbox_wgs84, contract.dataset.start, contract.dataset.end
    ranged = start is not None and end is not None
    form = "-series" if len(contract.inputs) > 1 else "-unit" if contract.input.divisor != 1 else ""
    properties = _properties(contract)
    spectral = any(key.startswith("eo:") for band in properties["bands"] for key in band)
    result = pystac.Item(
        id=f"{contract.name}-{contract.dataset.digest[:8]}-{created:%Y%m%dT%H%M%SZ}{form}",
        geometry=mapping(box(*bbox)) if bbox else None,
        bbox=list(bbox) if bbox else None,
        datetime=None if ranged else created,
        start_datetime=datetime.fromisoformat(start) if start and ranged else None,
        end_datetime=datetime.fromisoformat(end) if end and ranged else None,
        properties=properties,
        stac_extensions=[MLM, FILE, PROCESSING, CLASSIFICATION, *([EO] if spectral else [])],
    )
    bands = [{"name": name} for name in contract.band_names]
    for file, described in zip(files, in_order(lambda file: asset(file, bands), files), strict=True):
        result.add_asset(file.key, described)
    # through JSON: shapely's tuples become the arrays that a validator wants
    content: dict[str, Any] = json.loads(json.dumps(result.to_dict(include_self_link=False, transform_hrefs=False)))
    return content


def write(content: dict[str, Any], path: Path) -> None:
    """Write beside, then rename."""
    replace_file(path, json.dumps(content, indent=2) + "\n")


def flat(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The item for a folder in which the files lie beside it: their names as links, what is not there left out."""
    assets = {
        key: asset | {"href": Path(asset["href"]).name}
        for key, asset in content["assets"].items()
        if (folder / Path(asset["href"]).name).is_file()
    }
    return content | {"assets": assets}


def _properties(contract: ModelContract) -> dict[str, Any]:
    network, environment = contract.network, contract.environment
    processor = environment.get("gpu_0_name") or environment.get("cpu_model", "a CPU")
    properties: dict[str, Any] = {
        "title": contract.title,
        "description": contract.description,
        "keywords": list(contract.keywords),
        "license": contract.license,
        "created": contract.created,
        "bands": [_band(band, item) for item in contract.inputs for band in item.bands],
        "mlm:name": contract.name,
        "mlm:architecture": network.name,
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:framework": "PyTorch",
        "mlm:framework_version": semantic_version(environment["torch"]),
        "mlm:memory_size": network.memory_bytes,
        "mlm:total_parameters": network.parameters,
        "mlm:pretrained": network.pretrained is not None,
        "mlm:pretrained_source": "ImageNet" if network.pretrained == "imagenet" else network.pretrained,
        "mlm:accelerator": None,
        "mlm:accelerator_constrained": False,
        "mlm:accelerator_summary": f"Trained on {processor}",
        "mlm:batch_size_suggestion": contract.batch_size,
        "mlm:hyperparameters": _hyperparameters(contract),
        "mlm:input": [_input(item, contract) for item in contract.inputs],
        "mlm:output": [_output(contract)],
        "processing:software": {"segmint": __version__, "torch": environment["torch"]},
        "processing:lineage": f"Trained on {contract.dataset.chips['train']} chips, {contract.dataset.split_rule}",
        "segmint:metrics": contract.metrics,
        "segmint:dataset_digest": contract.dataset.digest,
        "segmint:environment": environment,
    }
    if contract.providers:
        properties["providers"] = [provider.model_dump(exclude_none=True) for provider in contract.providers]
    if contract.resolution_m is not None:
        properties["gsd"] = contract.resolution_m
    return properties


def semantic_version(version: str) -> str:
    """A PEP 440 version as MLM wants it; pre-releases get a hyphen: 2.9.0a0+nv25.09 is 2.9.0-a0+nv25.09."""
    return re.sub(r"^(\d+\.\d+\.\d+)\.?([a-z])", r"\1-\2", version)


def _band(band: Band, source: Input) -> dict[str, Any]:
    described: dict[str, Any] = {"name": band.name, "data_type": source.source_dtype}
    if source.nodata is not None:
        described["nodata"] = source.nodata
    if band.name in _COMMON_NAMES:
        described["eo:common_name"] = band.name
    if band.wavelength_um is not None:
        described["eo:center_wavelength"] = band.wavelength_um
    return described


def _hyperparameters(contract: ModelContract) -> dict[str, Any]:
    output = contract.output
    return {
        "recipe": contract.recipe,
        "normalisation_inside_the_graph": normalisations(contract),
        "temperature_inside_the_graph": output.temperature,
        "threshold": output.threshold,
        "stride": contract.stride,
        **contract.network.options,
    }


def normalisations(contract: ModelContract) -> dict[str, Any]:
    """What the graph does to each input that it does not take as it is."""
    return {item.name: item.normalisation.model_dump(mode="json") for item in contract.inputs if item.normalisation}


def _input(source: Input, contract: ModelContract) -> dict[str, Any]:
    low, high = source.value_range
    return {
        "name": source.name,
        "description": source.description
        or f"Raw {source.source_dtype} values as stored ({low:g} to {high:g}), cast to float32",
        "bands": [band.name for band in source.bands],
        "input": {
            "shape": list(contract.shape(source)),
            "dim_order": list(source.dimensions),
            "data_type": "float32",
        },
        "value_scaling": value_scaling(source),
        "resize_type": whole.resize_type(contract),
        "pre_processing_function": whole.pre_processing(contract),
    }


def value_scaling(source: Input) -> list[dict[str, Any]] | None:
    """What a consumer does to stored values first; MLM's ``min-max`` is (value - minimum) / (maximum - minimum)."""
    return None if source.divisor == 1 else [{"type": "min-max", "minimum": 0, "maximum": source.divisor}]


def _output(contract: ModelContract) -> dict[str, Any]:
    return {
        "name": contract.output.name,
        "tasks": ["semantic-segmentation"],
        "result": {
            "shape": [-1, contract.output.channels, contract.height, contract.width],
            "dim_order": ["batch", "class", "height", "width"],
            "data_type": "float32",
        },
        "classification:classes": [
            {
                "value": part.value,
                "name": part.name,
                "description": part.name.replace("_", " "),
                "color_hint": part.color.lstrip("#"),
            }
            for part in contract.output.classes
        ],
        "post_processing_function": whole.post_processing(contract),
    }
