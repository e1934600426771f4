"""``best_model_fp16.onnx`` and ``best_model_int8.onnx``: smaller files, each behind a gate of its own.

Both have the interface of ``best_model.onnx``. Normalisation and activation stay in fp32: 16-bit pixel values overflow
half precision, and the activation decides the class. int8 is made from the proven file, for convolutions and matrix
products alone: static, with ranges from chips that the model was not tested on, a scale per channel of the weights, and
weights of 7 bits, since sums of 8-bit products saturate on processors without VNNI.

Example:
    >>> REDUCED["onnx_int8"].write(model, contract, original, path, chips)
    >>> prove_reduced("onnx_int8", path, original, sample, contract).sentence()
    'largest difference 8.1e-02, masks agree on 99.2000 %, 1.90 times as fast'
"""

import contextlib
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quant_pre_process, quantize_static

from segmint.contract import ModelContract
from segmint.errors import ExportError
from segmint.export import onnx as full
from segmint.export.parity import ParitySample, prove
from segmint.export.runtime import Exportable, Predict
from segmint.export.tolerance import REDUCED_GATES, Gate, Proof
from segmint.layout import HALF, INTEGER
from segmint.models.deployed import DeployedHalf, DeployedModel

Chips = NDArray[np.float32]
"""Raw values ``[N, C, H, W]`` of the model's tile size."""

_HEAVY = ["Conv", "ConvTranspose", "Gemm", "MatMul"]
_PASSES = 5


@dataclass
class Reduced:
    """A file of less precision.

    Attributes:
        FILE: Its name.
        gate: What it has to keep.
        weights: Type of its weights, as ONNX calls it.
        write: Makes it of the model, or of the file in full precision and chips to take ranges from.
    """

    FILE: str
    gate: Gate
    weights: str
    write: Callable[[DeployedModel, ModelContract, Path, Path, Chips | None], None]
    RUNTIME: str = full.RUNTIME

    def reopen(self, path: Path, contract: ModelContract) -> Predict:
        """Open with ONNX Runtime on the CPU."""
        return full.reopen(path, contract)


def prove_reduced(name: str, path: Path, original: Path, sample: ParitySample, contract: ModelContract) -> Proof:
    """Compare with the trained network, and the time with the file in full precision."""
    kind = REDUCED[name]
    proof = prove(name, kind, path, sample, contract, kind.gate)
    chips = sample.chips.astype(np.float32)
    seconds, before = (_seconds(full.reopen(file, contract), chips) for file in (path, original))
    return replace(proof, seconds=seconds, speed=before / seconds)


def _seconds(predict: Predict, chips: Chips) -> float:
    """Shortest time of one pass."""
    times = []
    for _ in range(_PASSES):
        started = time.perf_counter()
        predict(chips)
        times.append(time.perf_counter() - started)
    return min(times)


def _half(model: DeployedModel, contract: ModelContract, original: Path, path: Path, chips: Chips | None) -> None:
    full.write(Exportable(DeployedHalf(model, contract).eval(), contract), path)


def _integer(model: DeployedModel, contract: ModelContract, original: Path, path: Path, chips: Chips | None) -> None:
    if chips is None:
        wanted = "labelled chips that the model was not tested on"
        raise ExportError(f"{path.name}: no chips to take ranges from", wanted, "Name them with -P chips_dir")
    with tempfile.TemporaryDirectory() as scratch, _quiet():
        prepared, quantised = Path(scratch, "prepared.onnx"), Path(scratch, "quantised.onnx")
        quant_pre_process(original, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            quantised,
            _Fed(contract.input.name, chips),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=_HEAVY,
        )
        proto = onnx.load(str(quantised))
    proto.ir_version = full.IR_VERSION
    del proto.metadata_props[:]
    proto.metadata_props.extend(onnx.load(str(original)).metadata_props)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, str(path))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the hints of onnxruntime's tools, which go to the root logger."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


class _Fed(CalibrationDataReader):  # type: ignore[misc]
    """Chips, one by one."""

    def __init__(self, name: str, chips: Chips) -> None:
        self._chips: Iterator[dict[str, Chips]] = ({name: chip[np.newaxis]} for chip in chips)

    def get_next(self) -> dict[str, Chips] | None:
        """The next one, or None behind the last."""
        return next(self._chips, None)


REDUCED = {
    "onnx_fp16": Reduced(HALF, REDUCED_GATES["onnx_fp16"], "FLOAT16", _half),
    "onnx_int8": Reduced(INTEGER, REDUCED_GATES["onnx_int8"], "INT8", _integer),
}
"""Short name -> how it is made and what it has to keep."""
