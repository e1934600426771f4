"""The model files: answers, the contract that they carry, the figures inside the weights, the ONNX graph.

Example:
    >>> for outcome in checks(bundle, contract, sample):
    ...     print(outcome.line())
    ok     onnx answers          largest difference 2.4e-06, masks agree on 100.0000 % (onnxruntime)
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from segmint.contract import ModelContract
from segmint.export import onnx as onnx_format
from segmint.export import tolerance
from segmint.export.formats import FORMATS, prove_file
from segmint.export.parity import ParitySample
from segmint.export.reduced import REDUCED
from segmint.export.series import SeriesSample
from segmint.inference.models import carried
from segmint.models.deployed import rebuilt
from segmint.validation.bundle import CONTRACT, Bundle
from segmint.validation.checks import Check, check, require

_MOST = 0.5
"""Share of a smaller file's weights above which it is what its name says."""

_AGAIN = "Make it again with the entry point export"


def checks(bundle: Bundle, contract: ModelContract, sample: ParitySample | SeriesSample | None) -> Iterator[Check]:
    """Everything that is to be said of the model files of a bundle.

    Args:
        bundle: The files.
        contract: What they have to be.
        sample: Raw chips and the trained network's answers, or None where they cannot be had.
    """
    files = {name: kind.FILE for name, kind in (FORMATS | REDUCED).items()}
    for name, file in files.items():
        path = bundle.files.get(file)
        if path is None:
            continue
        if sample is not None:
            yield check(f"{name} answers", _answers, name, path, sample, contract)
        if name == "pth":
            yield check("pth figures", _figures, path, contract)
        elif CONTRACT in bundle.files:
            yield check(f"{name} contract", _same_contract, path, contract)
        if path.suffix == ".onnx":
            yield check(f"{name} graph", _graph, path, contract)
            yield check(f"{name} metadata", _metadata, path, contract)
        if name in REDUCED:
            yield check(f"{name} weights", _weights, path, REDUCED[name].weights)


def _answers(name: str, path: Path, sample: ParitySample | SeriesSample, contract: ModelContract) -> str:
    proof = prove_file(name, path, sample, contract)
    tolerance.require([proof])
    return f"{proof.sentence()} ({proof.runtime})"


def _same_contract(path: Path, contract: ModelContract) -> str:
    text = carried(path)
    if text is None:
        require([f"{path.name} carries no contract"], "the one of contract.json", _AGAIN)
    inside = ModelContract.parse(str(text), path.name)
    mine, theirs = contract.model_dump(), inside.model_dump()
    errors = [f"{key} is {_short(theirs[key])} inside" for key in mine if mine[key] != theirs[key]]
    require([f"{path.name}: {error}" for error in errors], "the values of contract.json", _AGAIN)
    return "the same as contract.json"


def _figures(path: Path, contract: ModelContract) -> str:
    state = torch.load(path, map_location="cpu", weights_only=True)
    wanted = {name: value for name, value in rebuilt(contract).state_dict().items() if not name.startswith("network.")}
    errors = [
        f"{path.name}: {name} is {_short(state[name].tolist()) if name in state else 'missing'}"
        for name, value in wanted.items()
        if name not in state or not torch.equal(torch.nan_to_num(state[name]), torch.nan_to_num(value))
    ]
    require(errors, "the normalisation and temperature of the contract", _AGAIN)
    parameters = sum(value.numel() for name, value in rebuilt(contract).network.named_parameters())
    if parameters != contract.network.parameters:
        require(
            [f"the network has {parameters} parameters"], f"{contract.network.parameters}, as the contract says", _AGAIN
        )
    return f"{len(wanted)} buffers as the contract says, {parameters} parameters"


def _graph(path: Path, contract: ModelContract) -> str:
    proto = onnx.load(str(path))
    onnx.checker.check_model(proto, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True)
    opsets = {entry.domain: entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")}
    answer = [-1, contract.output.channels, contract.height, contract.width]
    stated: dict[str, tuple[Any, Any]] = {
        "opset": (list(opsets.values()), [onnx_format.OPSET]),
        "IR version": (proto.ir_version, onnx_format.IR_VERSION),
        "inputs": (_tensors(inferred.graph.input), [(i.name, _axes(contract, i)) for i in contract.inputs]),
        "outputs": (_tensors(inferred.graph.output), [(contract.output.name, ["batch", *answer[1:]])]),
        "element types": ({_element(value) for value in [*inferred.graph.input, *inferred.graph.output]}, {"FLOAT"}),
        "files beside it": ([t.name for t in proto.graph.initializer if t.external_data], []),
    }
    errors = [f"{name}: {found}, not {wanted}" for name, (found, wanted) in stated.items() if found != wanted]
    require([f"{path.name}: {error}" for error in errors], "what old runtimes and Deepness read", _AGAIN)
    return f"full check and shape inference pass; opset {onnx_format.OPSET}, IR {proto.ir_version}, named batch"


def _weights(path: Path, wanted: str) -> str:
    kinds = [(_type(t.data_type), int(np.prod(t.dims))) for t in onnx.load(str(path)).graph.initializer]
    share = sum(count for kind, count in kinds if kind == wanted) / max(1, sum(count for _, count in kinds))
    errors = [] if share > _MOST else [f"{path.name}: {100 * share:.0f} % of the weights are {wanted}"]
    require(errors, f"most of them in {wanted}, which the name promises", _AGAIN)
    return f"{100 * share:.1f} % are {wanted}"


def _metadata(path: Path, contract: ModelContract) -> str:
    found = {entry.key: entry.value for entry in onnx.load(str(path), load_external_data=False).metadata_props}
    errors = []
    for key, value in onnx_format.metadata(contract).items():
        if key not in found:
            errors.append(f"{key} is missing")
        elif key != "contract" and _parsed(found[key]) != value:
            errors.append(f"{key} is {found[key][:80]}, not {json.dumps(value)[:80]}")
    require([f"{path.name}: {error}" for error in errors], "the metadata that QGIS Deepness reads", _AGAIN)
    return f"{len(onnx_format.metadata(contract))} keys as QGIS Deepness reads them"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _axes(contract: ModelContract, item: Any) -> list[Any]:
    free = contract.free_axes(item)
    return [free.get(axis, size) for axis, size in enumerate(contract.shape(item))]


def _tensors(values: Any) -> list[tuple[str, list[Any]]]:
    return [(v.name, [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]) for v in values]


def _element(value: Any) -> str:
    return _type(value.type.tensor_type.elem_type)


def _type(number: int) -> str:
    return str(onnx.TensorProto.DataType.Name(number))


def _short(value: Any) -> str:
    text = str(np.round(value, 6).tolist() if isinstance(value, list) and value else value)
    return text if len(text) <= 80 else text[:76] + " ..."
