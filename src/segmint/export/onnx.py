"""``best_model.onnx``: one file for ONNX Runtime, QGIS Deepness and ArcGIS Pro.

Opset 18 and IR version 8, because onnxruntime 1.17 (QGIS Deepness, ArcGIS Pro 3.3) refuses newer IR versions; a named
batch dimension; static height and width, because Deepness reads its tile size from them.

Example:
    >>> onnx.write(Exportable(model, contract), Path("meta/best_model.onnx"))
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
from segmint.export.runtime import Exportable, Predict, example_inputs

FILE = "best_model.onnx"
RUNTIME = "onnxruntime"
OPSET = 18
IR_VERSION = 8


def write(exportable: Exportable, path: Path) -> None:
    """Export, lower the IR version, write the metadata, and run ONNX's own full check."""
    contract = exportable.contract
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _quiet("torch.onnx"):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            exportable.program,
            example_inputs(contract),
            str(path),
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            input_names=[item.name for item in contract.inputs],
            output_names=[contract.output.name],
            verbose=False,
        )
    proto = onnx.load(str(path))
    proto.ir_version = IR_VERSION
    _name_axes(proto, contract)
    onnx.helper.set_model_props(proto, {key: json.dumps(value) for key, value in metadata(contract).items()})
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, str(path))


def metadata(contract: ModelContract) -> dict[str, Any]:
    """Metadata that QGIS Deepness reads, every value JSON, and the contract itself.

    Deepness divides pixels by 255 and then applies mean and std: mean 0 and std 1/255 hand the graph raw values, and
    std 1 those of the unit form. It takes one raster; a model of several tensors carries the contract alone.
    """
    if len(contract.inputs) > 1:
        return {"contract": contract.model_dump(mode="json")}
    bands = len(contract.input.bands)
    entries: dict[str, Any] = {
        "model_type": "Segmentor",
        "class_names": {str(item.value): item.name for item in contract.output.classes},
        "tile_size": contract.width,
        "tiles_size": contract.width,
        "tiles_overlap": round(100 * (1 - contract.stride / contract.width)),
        "standardization_mean": [0.0] * bands,
        "standardization_std": [contract.input.divisor / 255] * bands,
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

    def predict(*raw: NDArray[np.float32]) -> NDArray[np.float32]:
        named = {
            item.name: array if item.divisor == 1 else array / np.float32(item.divisor)
            for item, array in zip(contract.inputs, raw, strict=True)
        }
        return np.asarray(session.run([contract.output.name], named)[0])

    return predict


def _name_axes(proto: onnx.ModelProto, contract: ModelContract) -> None:
    """Call the free axes by what they are."""
    described = zip(proto.graph.input, contract.inputs, strict=True)
    free = [(value, axis, name) for value, item in described for axis, name in contract.free_axes(item).items()]
    for value, axis, name in [*free, (proto.graph.output[0], 0, "batch")]:
        dimension = value.type.tensor_type.shape.dim[axis]
        dimension.Clear()
        dimension.dim_param = name


@contextlib.contextmanager
def _quiet(name: str) -> Any:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
