"""``best_model.onnx``: one file for ONNX Runtime, QGIS Deepness and ArcGIS Pro.

Opset 18 and IR version 8, because onnxruntime 1.17 (QGIS Deepness, ArcGIS Pro 3.3) refuses newer IR versions; a named
batch dimension; static height and width, because Deepness reads its tile size from them.

Example:
    >>> onnx.write(model, contract, Path("meta/best_model.onnx"))
"""

import contextlib
import io
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.export.program import capture
from segmint.export.runtime import Predict
from segmint.export.torchscript import example_input
from segmint.models.deployed import DeployedModel

FILE = "best_model.onnx"
RUNTIME = "onnxruntime"
OPSET = 18
IR_VERSION = 8


def write(model: DeployedModel, contract: ModelContract, path: Path) -> None:
    """Export, lower the IR version, write the metadata, and run ONNX's own full check."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _quiet("torch.onnx"), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            capture(model, contract),
            (example_input(contract),),
            str(path),
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            input_names=[contract.input.name],
            output_names=[contract.output.name],
            verbose=False,
        )
    proto = onnx.load(str(path))
    proto.ir_version = IR_VERSION
    _name_batch(proto)
    onnx.helper.set_model_props(proto, {key: json.dumps(value) for key, value in metadata(contract).items()})
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, str(path))


def metadata(contract: ModelContract) -> dict[str, Any]:
    """Metadata that QGIS Deepness reads, every value JSON, and the contract itself.

    Deepness divides pixels by 255 and then applies mean and std: mean 0 and std 1/255 hand the graph raw values.
    """
    bands = len(contract.input.bands)
    entries: dict[str, Any] = {
        "model_type": "Segmentor",
        "class_names": {str(item.value): item.name for item in contract.output.classes},
        "tile_size": contract.width,
        "tiles_size": contract.width,
        "tiles_overlap": round(100 * (1 - contract.stride / contract.width)),
        "standardization_mean": [0.0] * bands,
        "standardization_std": [1 / 255] * bands,
        "seg_thresh": contract.output.threshold if contract.output.activation == "sigmoid" else 0,
        "seg_small_segment": 0,
        "contract": contract.model_dump(mode="json"),
    }
    if contract.resolution_m is not None:
        entries["resolution"] = round(100 * contract.resolution_m, 3)
    return entries


def reopen(path: Path, contract: ModelContract) -> Predict:
    """Open with ONNX Runtime on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def predict(raw: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run([contract.output.name], {contract.input.name: raw})[0])

    return predict


def _name_batch(proto: onnx.ModelProto) -> None:
    for value in (*proto.graph.input, *proto.graph.output):
        dimension = value.type.tensor_type.shape.dim[0]
        dimension.Clear()
        dimension.dim_param = "batch"


@contextlib.contextmanager
def _quiet(name: str) -> Any:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
