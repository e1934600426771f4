"""What can run an exported model: ONNX Runtime, OpenVINO, torch, and torch in bf16.

Example:
    >>> opened = open_onnxruntime(Path("meta/best_model.onnx"), contract)
    >>> opened.predict(windows).shape  # windows [2, 3, 256, 256]
    (2, 1, 256, 256)
"""

import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.errors import ModelError
from segmint.inference.protocols import Predict
from segmint.processor import cores, has_amx

CPU = "the CPU"

_TORCH_FILES = {".pt": "torchscript", ".pt2": "program", ".pth": "weights"}
"""File ending -> module of :mod:`segmint.export` that loads it; only ``weights`` imports every network."""


@dataclass(frozen=True)
class Opened:
    """A model in a runtime.

    Attributes:
        predict: Raw values ``[N, C, H, W]`` to probabilities ``[N, K, H, W]``.
        runtime: Its name and version.
        device: Where it computes.
    """

    predict: Predict
    runtime: str
    device: str = CPU


@dataclass(frozen=True)
class Runtime:
    """A way to run a model.

    Attributes:
        forms: Formats that it opens, the best first.
        open: Opens a file.
        pays: Whether it is worth a trial on this machine.
    """

    forms: tuple[str, ...]
    open: Callable[[Path, ModelContract], Opened]
    pays: Callable[[], bool] = lambda: True


def open_onnxruntime(path: Path, contract: ModelContract) -> Opened:
    """Open an ONNX file in ONNX Runtime, on the CPU.

    Raises:
        ModelError: It cannot be opened.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # reading and writing need the cores too
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base of their own
        raise ModelError(f"{path} cannot be opened ({str(error).splitlines()[0]})", "an ONNX file") from error

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run([contract.output.name], {contract.input.name: windows})[0])

    return Opened(predict, f"onnxruntime {onnxruntime.__version__}")


def open_openvino(path: Path, contract: ModelContract) -> Opened:
    """Open an ONNX file in OpenVINO, on the CPU and in fp32, which it would leave for bf16 where the CPU has AMX.

    Raises:
        ModelError: It cannot be opened, or OpenVINO is not installed.
    """
    if find_spec("openvino") is None:
        raise ModelError("OpenVINO is not installed", remedy="Install it with `pip install openvino`")
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it reports every import to its maker
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": cores()}
    try:
        compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    except RuntimeError as error:
        raise ModelError(f"{path} cannot be opened ({str(error).splitlines()[0]})", "an ONNX file") from error

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array(compiled({contract.input.name: windows})[contract.output.name])

    return Opened(predict, f"openvino {openvino.__version__.partition('-')[0]}")


def open_torch(path: Path, contract: ModelContract) -> Opened:
    """Open a file in torch, on a GPU where there is one.

    Raises:
        ModelError: torch cannot open it.
    """
    return _open_torch(path, contract, bf16=False)


def open_torch_bf16(path: Path, contract: ModelContract) -> Opened:
    """The same with convolutions in bf16: faster where the processor has AMX, with about three digits of precision."""
    return _open_torch(path, contract, bf16=True)


def _open_torch(path: Path, contract: ModelContract, bf16: bool) -> Opened:
    import torch

    kind = import_module(f"segmint.export.{_TORCH_FILES[path.suffix]}")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(cores())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own loaders
            model = kind.load(path, contract).to(device).to(memory_format=torch.channels_last)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: {str(error).splitlines()[0]}", "a file that torch opens") from error

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext():
            images = torch.from_numpy(windows).to(device, memory_format=torch.channels_last)
            return np.asarray(model(images).float().cpu().numpy())

    name = CPU if device.type == "cpu" else torch.cuda.get_device_name(device)
    return Opened(predict, f"torch {torch.__version__}{' bf16' * bf16}", name)


RUNTIMES = {
    "torch": Runtime(("torchscript", "pt2", "pth"), open_torch),
    "onnxruntime": Runtime(("onnx",), open_onnxruntime),
    "openvino": Runtime(("onnx",), open_openvino, lambda: find_spec("openvino") is not None),
    "torch-bf16": Runtime(("pth", "pt2"), open_torch_bf16, has_amx),
}
"""What ``-P backend=`` names; torch comes first, as it alone may find a GPU, which ends the search."""

EXACT = {name: runtime for name, runtime in RUNTIMES.items() if name != "torch-bf16"}
"""Those in fp32, in which formats are proven equal: a model's scores must not depend on which runtime was fastest."""
