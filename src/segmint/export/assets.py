"""The files of a run as assets of its STAC item, in the words of the Machine Learning Model and file extensions.

Example:
    >>> [file.key for file in model_files(staging.root)][:3]
    ['weights', 'torchscript', 'onnx']
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pystac

_BINARY, _ZIP, _JSON, _PNG = "application/octet-stream", "application/zip", "application/json", "image/png"


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
    "esri/SegmintClassifier.py": (
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
    "examples/example_input.png": (
        "example-input",
        "Median test tile",
        ("overview",),
        _PNG,
        None,
        None,
        None,
    ),
    "examples/example_pred.png": (
        "example-prediction",
        "Its prediction",
        ("overview",),
        _PNG,
        None,
        None,
        None,
    ),
    "examples/example_target.png": ("example-target", "Its truth", ("overview",), _PNG, None, None, None),
}


def model_files(artifacts: Path) -> list[ModelFile]:
    """The known files that exist in a folder laid out as a run's artifacts."""
    return [
        ModelFile(key, artifacts / name, f"../{name}", title, roles, media, artifact, compiled, entry)
        for name, (key, title, roles, media, artifact, compiled, entry) in _KNOWN.items()
        if (artifacts / name).is_file()
    ]


def asset(file: ModelFile, bands: list[dict[str, str]]) -> pystac.Asset:
    """A file as an asset with its size and checksum; a model's own file also names its bands."""
    fields: dict[str, Any] = {"file:size": file.path.stat().st_size, "file:checksum": checksum(file.path)}
    if file.artifact_type is not None:
        fields |= {"mlm:artifact_type": file.artifact_type, "bands": bands}
    if file.compile_method is not None:
        fields["mlm:compile_method"] = file.compile_method
    if file.entrypoint is not None:
        fields["mlm:entrypoint"] = file.entrypoint
    return pystac.Asset(file.href, file.title, media_type=file.media_type, roles=list(file.roles), extra_fields=fields)


def checksum(path: Path) -> str:
    """SHA-256 as a multihash in lower-case hex, as the file extension wants it."""
    with path.open("rb") as stream:
        return "1220" + hashlib.file_digest(stream, "sha256").hexdigest()
