"""Runtimes that users have and this project's environment has not: each runs a small program of its own.

``make test-consumers`` puts them into ``.consumers/``; Node with npm and Debian's torch come from the system.

Example:
    >>> answer = RUNTIMES["node"].answer(Path("meta/best_model.onnx"), chips)
    >>> answer.runtime, answer.probabilities.shape
    ('ONNX Runtime for Node 1.30.0', (8, 1, 256, 256))
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("SEGMINT_CONSUMERS", REPOSITORY / ".consumers"))
PROGRAMS = Path(__file__).parent / "programs"
GEODEEP = HOME / "geodeep" / "bin" / "geodeep"


class MissingRuntimeError(Exception):
    """A runtime that is not there; its tests fail, they never skip."""


@dataclass(frozen=True)
class Answer:
    """What a runtime said.

    Attributes:
        probabilities: ``[N, K, H, W]``.
        runtime: Its name and version, as it says itself.
        seconds: Time of one pass over all chips, after a first one.
    """

    probabilities: NDArray[np.float32]
    runtime: str
    seconds: float


@dataclass(frozen=True)
class Runtime:
    """An interpreter and its program.

    Attributes:
        command: The interpreter.
        program: File in ``programs/``: it takes the model, the chips and where its answers go.
        opens: Ending of the files that it opens.
        needs: What has to be installed, for the person.
    """

    command: str
    program: str
    opens: str
    needs: str

    def answer(self, model: Path, chips: NDArray[Any]) -> Answer:
        """Answer raw chips ``[N, C, H, W]``, in its own interpreter.

        Raises:
            MissingRuntimeError: The interpreter or its library is not there.
        """
        with tempfile.TemporaryDirectory() as folder:
            asked, answered = Path(folder, "chips.npy"), Path(folder, "answers.npy")
            np.save(asked, chips.astype(np.float32))
            output = call(
                [self.command, str(PROGRAMS / self.program), str(model), str(asked), str(answered)], self.needs
            )
            facts = json.loads(output.splitlines()[-1])
            return Answer(np.load(answered), facts["runtime"], facts["seconds"])


def call(command: list[str], needs: str) -> str:
    """Run a program of another environment and give what it prints.

    Raises:
        MissingRuntimeError: It cannot be started, or fails.
    """
    # nothing of this environment's: neither its packages, nor a module path
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment["NODE_PATH"] = str(HOME / "node" / "node_modules")
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        raise MissingRuntimeError(f"{command[0]} cannot be started ({error}): {needs}") from error
    if done.returncode:
        raise MissingRuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()[-1000:]}\nIt needs {needs}")
    return done.stdout


_OLD = HOME / "onnxruntime-1.17" / "bin" / "python"
_DEBIAN = os.environ.get("SEGMINT_DEBIAN_PYTHON", "/usr/bin/python3")

RUNTIMES = {
    "onnxruntime": Runtime(sys.executable, "run_onnxruntime.py", ".onnx", "`make setup`"),
    "onnxruntime 1.17": Runtime(str(_OLD), "run_onnxruntime.py", ".onnx", "`make test-consumers`"),
    "openvino": Runtime(sys.executable, "run_openvino.py", ".onnx", "`make setup`"),
    "node": Runtime("node", "run_node.js", ".onnx", "Node, npm and `make test-consumers`"),
    "torch": Runtime(sys.executable, "run_torchscript.py", ".pt", "`make setup`"),
    "torch 1.13": Runtime(_DEBIAN, "run_torchscript.py", ".pt", "Debian's packages python3-torch and python3-numpy"),
}
"""What the tests and the benchmark run the files in."""
