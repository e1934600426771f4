"""What runs a model: ONNX Runtime or torch, chosen by measurement where both can, and why.

Example:
    >>> backend = choose(files, wanted="auto")
    >>> print(backend.sentence())
    onnxruntime on the CPU, 2 threads: 61 ms a window, torch 104 ms
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.errors import ModelError
from segmint.inference.models import ModelFiles
from segmint.inference.pipeline import Predict

if TYPE_CHECKING:
    import torch

Wanted = Literal["auto", "onnxruntime", "torch"]

_TORCH_FORMS = ("torchscript", "pt2", "pth")
_TRIAL_BATCH = 2


@dataclass(frozen=True)
class Backend:
    """A model that is ready to answer.

    Attributes:
        predict: Raw values ``[N, C, H, W]`` to probabilities ``[N, K, H, W]``.
        form: The format that it runs.
        runtime: What runs it, with its version.
        device: Where.
        reason: Why this one.
    """

    predict: Predict
    form: str
    runtime: str
    device: str
    reason: str

    def sentence(self) -> str:
        """For the person."""
        return f"{self.runtime} on {self.device}, {self.form}: {self.reason}"


def choose(files: ModelFiles, wanted: Wanted) -> Backend:
    """Open the model in the runtime that is wanted, or in the faster one.

    A GPU that torch sees decides without a measurement. Two runtimes on the CPU each answer a few windows of
    made-up values.

    Raises:
        ModelError: The runtime has no file of this model, or cannot open it.
    """
    has_onnx, torch_form = "onnx" in files.forms, next((form for form in _TORCH_FORMS if form in files.forms), None)
    if (wanted == "onnxruntime" and not has_onnx) or (wanted == "torch" and torch_form is None):
        formats = ", ".join(files.forms)
        raise ModelError(f"{files.address} has {formats}", f"a file for {wanted}", "Leave -P backend away")
    if torch_form is None or wanted == "onnxruntime":
        return _onnx(files, "asked for" if wanted != "auto" else "the only format here")
    on_torch = _torch(files, torch_form, "asked for" if wanted == "torch" else "the only format here")
    if not has_onnx or wanted == "torch":
        return on_torch
    if on_torch.device != "the CPU":
        return Backend(on_torch.predict, torch_form, on_torch.runtime, on_torch.device, "there is a GPU")
    on_onnx = _onnx(files, "")
    rivals = [(_milliseconds(candidate, files.contract), candidate) for candidate in (on_onnx, on_torch)]
    (fast, chosen), (slow, other) = sorted(rivals, key=lambda rival: rival[0])
    reason = f"{fast:.0f} ms a window, {other.runtime} {slow:.0f} ms"
    return Backend(chosen.predict, chosen.form, chosen.runtime, chosen.device, reason)


def _milliseconds(backend: Backend, contract: ModelContract) -> float:
    """Time of one window among two; the passes before it warm up, TorchScript compiles in its second."""
    low, high = contract.input.value_range
    shape = (_TRIAL_BATCH, len(contract.input.bands), contract.height, contract.width)
    windows = np.random.default_rng(0).uniform(low, high, shape).astype(np.float32)
    backend.predict(windows)
    backend.predict(windows)
    started = time.perf_counter()
    backend.predict(windows)
    return 1000 * (time.perf_counter() - started) / _TRIAL_BATCH


def _onnx(files: ModelFiles, reason: str) -> Backend:
    import onnxruntime

    path, contract = files.forms["onnx"], files.contract
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

    return Backend(predict, "onnx", f"onnxruntime {onnxruntime.__version__}", "the CPU", reason)


def _torch(files: ModelFiles, form: str, reason: str) -> Backend:
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(cores())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says on every call that TorchScript is deprecated
            model = _OPENERS[form](files.forms[form], files.contract, str(device))
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise ModelError(f"{files.forms[form]}: {str(error).splitlines()[0]}", "a file that torch opens") from error

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            answer: torch.Tensor = model(torch.from_numpy(windows).to(device))
            return np.asarray(answer.cpu().numpy())

    name = "the CPU" if device.type == "cpu" else torch.cuda.get_device_name(device)
    return Backend(predict, form, f"torch {torch.__version__}", name, reason)


def _open_torchscript(path: Path, contract: ModelContract, device: str) -> Callable[..., torch.Tensor]:
    import torch

    model: torch.nn.Module = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
    return model.eval()


def _open_program(path: Path, contract: ModelContract, device: str) -> Callable[..., torch.Tensor]:
    import torch

    return torch.export.load(str(path)).module().to(device)


def _open_weights(path: Path, contract: ModelContract, device: str) -> Callable[..., torch.Tensor]:
    import torch

    from segmint.models.deployed import rebuilt

    model = rebuilt(contract)
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return model.eval().to(device)


_OPENERS = {"torchscript": _open_torchscript, "pt2": _open_program, "pth": _open_weights}


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
