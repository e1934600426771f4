"""Which runtime runs a model: the fastest here, by measurement, and why.

Example:
    >>> backend = choose(files, wanted="auto")
    >>> print(backend.sentence())
    onnxruntime 1.31.1 on the CPU, onnx: 61 ms a window, openvino 2026.4.1 68, torch 2.15.0 104
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from segmint.contract import ModelContract
from segmint.errors import ModelError
from segmint.inference.asked import Wanted
from segmint.inference.models import ModelFiles
from segmint.inference.protocols import Predict
from segmint.inference.runtimes import CPU, RUNTIMES, Runtime

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


def choose(files: ModelFiles, wanted: Wanted, rivals: Mapping[str, Runtime] = RUNTIMES) -> Backend:
    """Open the model in the runtime that is wanted, or in the fastest one.

    A GPU that torch sees decides without a measurement. Runtimes on the CPU each answer a few windows of made-up
    values; OpenVINO takes part where it is installed, bf16 where the processor has AMX.

    Args:
        files: Of the model.
        wanted: A runtime, or 'auto' for the fastest.
        rivals: What 'auto' chooses from.

    Raises:
        ModelError: The runtime has no file of this model, or cannot open it.
    """
    require_form(files, wanted)
    if wanted != "auto":
        return _open(files, wanted, "asked for")
    opened: list[Backend] = []
    for name, runtime in rivals.items():
        if _form(files, runtime) is None or not runtime.pays():
            continue
        opened.append(_open(files, name, "the only runtime for it here"))
        if opened[-1].device != CPU:
            return replace(opened[-1], reason="there is a GPU")
    if len(opened) == 1:
        return opened[0]
    ranked = sorted(((_milliseconds(rival, files.contract), rival) for rival in opened), key=lambda pair: pair[0])
    (fastest, best), *others = ranked
    slower = ", ".join(f"{other.runtime} {milliseconds:.0f}" for milliseconds, other in others)
    return replace(best, reason=f"{fastest:.0f} ms a window, {slower}")


def require_form(files: ModelFiles, wanted: Wanted) -> None:
    """Refuse a runtime that opens no file of a model.

    Raises:
        ModelError: It has none.
    """
    if wanted != "auto" and _form(files, RUNTIMES[wanted]) is None:
        formats, opened = ", ".join(files.forms), " or ".join(RUNTIMES[wanted].forms)
        raise ModelError(f"{files.address} has {formats}", f"{opened} for {wanted}", "Leave -P backend away")


def _open(files: ModelFiles, name: str, reason: str) -> Backend:
    runtime = RUNTIMES[name]
    form = _form(files, runtime)
    assert form is not None
    opened = runtime.open(files.forms[form], files.contract)
    return Backend(opened.predict, form, opened.runtime, opened.device, reason)


def _form(files: ModelFiles, runtime: Runtime) -> str | None:
    """The best format of a model for a runtime."""
    return next((form for form in runtime.forms if form in files.forms), None)


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
