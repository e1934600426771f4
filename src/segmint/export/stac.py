"""``stac_item.json``: the model as a STAC 1.1 item with the Machine Learning Model extension (MLM 1.5.2).

Values come from the contract; sizes and checksums from the files. The graph takes raw values and scales them itself, so
``value_scaling`` is null but in the unit form: a consumer has nothing to apply. The normalisation stands among the
hyperparameters, for the record.

Example:
    >>> content = item(contract, model_files(staging.root))
    >>> write(content, staging["stac_item.json"])
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pystac
from shapely.geometry import box, mapping

from segmint import __version__
from segmint.contract import ModelContract
from segmint.files import replace_file
from segmint.interface import Band, Input

MLM = "https://stac-extensions.github.io/mlm/v1.5.2/schema.json"
FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v1.1.0/schema.json"
EO = "https://stac-extensions.github.io/eo/v2.0.0/schema.json"

_BINARY, _ZIP, _JSON, _PNG = "application/octet-stream", "application/zip", "application/json", "image/png"
_COMMON_NAMES = {"coastal", "blue", "green", "red", "nir", "nir08", "nir09", "swir16", "swir22", "rededge", "pan"}


@dataclass(frozen=True)
class ModelFile:
    """One file of a run as an asset.

    Attributes:
        key: Asset key.
        path: The file.
        href: Where it lies, relative to ``metadata/stac_item.json`` in the run's artifacts.
        title: For people.
        roles: STAC roles.
        media_type: MIME type.
        artifact_type: ``mlm:artifact_type``; only of files with the role ``mlm:model``.
        compile_method: ``mlm:compile_method``, where one applies.
        entrypoint: ``mlm:entrypoint``, only of code.
    """

    key: str
    path: Path
    href: str
    title: str
    roles: tuple[str, ...]
    media_type: str
    artifact_type: str | None = None
    compile_method: str | None = None
    entrypoint: str | None = None


_MODEL, _WEIGHTS, _COMPILED = "mlm:model", "mlm:weights", "mlm:compiled"

# artifact path -> key, title, roles, media type, artifact type, compile method, entry point
_KNOWN: dict[str, tuple[str, str, tuple[str, ...], str, str | None, str | None, str | None]] = {
    "models/best_model.pth": ("weights", "State dict", (_MODEL, _WEIGHTS, "data"), _BINARY, "torch.save", None, None),
    "models/best_model.pt": ("torchscript", "TorchScript", (_MODEL, _COMPILED), _BINARY, "torch.jit.save", "jit", None),
    "models/best_model.onnx": ("onnx", "ONNX", (_MODEL, _COMPILED), _BINARY, "torch.onnx.export", None, None),
    "models/best_model.pt2": ("pt2", "torch.export program", (_MODEL,), _BINARY, "torch.export.save", None, None),
    "models/best_model_fp16.onnx": (
        *("onnx-fp16", "ONNX, network in half precision", (_MODEL, _COMPILED)),
        *(_BINARY, "torch.onnx.export in fp16", None, None),
    ),
    "models/best_model_int8.onnx": (
        *("onnx-int8", "ONNX, network in 8-bit integers", (_MODEL, _COMPILED)),
        *(_BINARY, "onnxruntime.quantization", None, None),
    ),
    "esri/best_model.dlpk": ("esri-package", "Esri package", ("mlm:inference-runtime",), _ZIP, None, None, None),
    "esri/model.emd": ("esri-definition", "Esri model definition", ("metadata",), _JSON, None, None, None),
    "checkpoints/best.ckpt": ("checkpoint", "Training checkpoint", ("mlm:checkpoint",), _BINARY, None, None, None),
    "source/train.py": (
        *("training-source", "Training script", ("code", "mlm:source_code", "mlm:training")),
        *("text/x-python", None, None, "train:train"),
    ),
    "source/SegmintClassifier.py": (
        *("inference-source", "Inference code (raster function)", ("code", "mlm:source_code", "mlm:inference")),
        *("text/x-python", None, None, "SegmintClassifier:SegmintClassifier"),
    ),
    "source/requirements.txt": ("requirements", "Pinned packages", ("metadata",), "text/plain", None, None, None),
    "metadata/contract.json": ("contract", "Model contract", ("metadata",), _JSON, None, None, None),
    "metadata/parity.json": ("parity", "Proof of the formats", ("metadata",), _JSON, None, None, None),
    "metadata/parity_sample.npz": ("parity-sample", "Test chips and answers", ("data",), _ZIP, None, None, None),
    "metadata/model_card.md": ("model-card", "Model card", ("metadata",), "text/markdown", None, None, None),
    "evaluation/report.html": ("report", "Report", ("overview",), "text/html", None, None, None),
    "evaluation/test_chips.csv": ("test-counts", "Counts per test chip", ("data",), "text/csv", None, None, None),
    "evaluation/confusion_matrix.png": ("confusion-matrix", "Confusion matrix", ("overview",), _PNG, None, None, None),
    "examples/example_input.png": ("example-input", "Example chip", ("overview",), _PNG, None, None, None),
    "examples/example_pred.png": ("example-prediction", "Example prediction", ("overview",), _PNG, None, None, None),
    "examples/example_target.png": ("example-target", "Example truth", ("overview",), _PNG, None, None, None),
}


def model_files(artifacts: Path) -> list[ModelFile]:
    """The known files that exist in a folder laid out as a run's artifacts."""
    return [
        ModelFile(key, artifacts / name, f"../{name}", title, roles, media, artifact, compiled, entry)
        for name, (key, title, roles, media, artifact, compiled, entry) in _KNOWN.items()
        if (artifacts / name).is_file()
    ]


def item(contract: ModelContract, files: Sequence[ModelFile]) -> dict[str, Any]:
    """The item of a model and the files that its run left.

    Its time is the range of the training data where that is known, otherwise the time of its making.
    There is no container asset: no image is published yet, and an item states only what is true.
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
    for file in files:
        result.add_asset(file.key, _asset(file, bands))
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


def checksum(path: Path) -> str:
    """SHA-256 as a multihash in lower-case hex, as the file extension wants it."""
    with path.open("rb") as stream:
        return "1220" + hashlib.file_digest(stream, "sha256").hexdigest()


def _asset(file: ModelFile, bands: list[dict[str, str]]) -> pystac.Asset:
    fields: dict[str, Any] = {"file:size": file.path.stat().st_size, "file:checksum": checksum(file.path)}
    if file.artifact_type is not None:
        fields |= {"mlm:artifact_type": file.artifact_type, "bands": bands}
    if file.compile_method is not None:
        fields["mlm:compile_method"] = file.compile_method
    if file.entrypoint is not None:
        fields["mlm:entrypoint"] = file.entrypoint
    return pystac.Asset(file.href, file.title, media_type=file.media_type, roles=list(file.roles), extra_fields=fields)


def _properties(contract: ModelContract) -> dict[str, Any]:
    network, environment = contract.network, contract.environment
    gpus = int(environment.get("gpu_count", "0"))
    processor = environment.get("gpu_0_name") or environment.get("cpu_model", "a CPU")
    properties: dict[str, Any] = {
        "title": contract.title,
        "description": contract.description,
        "keywords": list(contract.keywords),
        "license": contract.license,
        "created": contract.created,
        "bands": [_band(band, item) for item in contract.inputs for band in item.bands],
        "mlm:name": contract.name,
        "mlm:architecture": "-".join(part for part in (network.architecture, network.encoder) if part),
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
    }
    if gpus:
        properties["mlm:accelerator_count"] = gpus
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
        "resize_type": None,
        "pre_processing_function": None,
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
        "post_processing_function": {"format": "python", "expression": "segmint.export.parity:classes"},
    }
