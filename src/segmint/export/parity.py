"""The proof: every format, reopened in its users' runtime, against the training task's own path.

The reference comes from the training reader, the training normalisation, the network's logits and the activation
written out, never from ``DeployedModel``, whose own mistake would pass.

Example:
    >>> proofs = [prove("onnx", onnx, path, sample, contract)]
    >>> proofs[0].max_abs, proofs[0].agreement
    (2.4e-06, 1.0)
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.errors import ParityError
from segmint.export.runtime import Runtime
from segmint.export.tolerance import EXACT, Gate, Proof


class Answered(Protocol):
    """A chip and what the trained network answers, as the training path gives them."""

    @property
    def stem(self) -> str:
        """Where the chip comes from."""

    @property
    def raw(self) -> NDArray[np.generic]:
        """``[C, H, W]`` raw values in their stored type."""

    @property
    def probability(self) -> NDArray[np.float32]:
        """``[K, H, W]`` of the trained network."""


class Answers(Protocol):
    """Inputs of a model and what the trained network answers."""

    @property
    def inputs(self) -> tuple[NDArray[np.generic], ...]:
        """One array per input of the contract, a sample per row."""

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """``[N, K, H, W]`` of the trained network."""


@dataclass(frozen=True)
class ParitySample:
    """Raw test chips and what the trained network answers.

    Attributes:
        chips: ``[N, C, H, W]`` raw values in their stored type; every class of the test split occurs.
        probabilities: ``[N, K, H, W]`` of the reference, float32.
        stems: Where the chips come from.
    """

    chips: NDArray[np.generic]
    probabilities: NDArray[np.float32]
    stems: tuple[str, ...]

    @classmethod
    def of(cls, answered: Sequence[Answered]) -> "ParitySample":
        """Put answered chips together."""
        return cls(
            chips=np.stack([item.raw for item in answered]),
            probabilities=np.stack([item.probability for item in answered]),
            stems=tuple(item.stem for item in answered),
        )

    @classmethod
    def read(cls, path: Path) -> "ParitySample":
        """Read ``parity_sample.npz``."""
        with np.load(path) as stored:
            return cls(stored["chips"], stored["probabilities"], tuple(str(stem) for stem in stored["stems"]))

    @property
    def inputs(self) -> tuple[NDArray[np.generic], ...]:
        """The chips."""
        return (self.chips,)

    def write(self, path: Path) -> str:
        """Write ``parity_sample.npz`` and return its SHA-256."""
        np.savez_compressed(path, chips=self.chips, probabilities=self.probabilities, stems=np.array(self.stems))
        return hashlib.sha256(path.read_bytes()).hexdigest()


def prove(name: str, kind: Runtime, path: Path, sample: Answers, contract: ModelContract, gate: Gate = EXACT) -> Proof:
    """Reopen a format and compare its probabilities with the sample's."""
    predict = kind.reopen(path, contract)
    started = time.perf_counter()
    answer = predict(*(array.astype(np.float32) for array in sample.inputs))
    seconds = time.perf_counter() - started
    if answer.shape != sample.probabilities.shape:
        raise ParityError(f"{path.name} answers {answer.shape}", f"{sample.probabilities.shape}", "Report this")
    difference = np.abs(answer - sample.probabilities)
    max_abs = float(difference.max()) if np.isfinite(difference).all() else float("inf")
    agreement = _agreement(classes(answer, contract), sample, contract)
    return Proof(name, path.name, kind.RUNTIME, max_abs, agreement, seconds, path.stat().st_size, gate)


def prove_class_maps(
    name: str,
    runtime: str,
    path: Path,
    maps: NDArray[np.uint8],
    seconds: float,
    sample: ParitySample,
    contract: ModelContract,
) -> Proof:
    """Compare class maps ``[N, H, W]``, for a consumer that gives nothing else."""
    return Proof(name, path.name, runtime, None, _agreement(maps, sample, contract), seconds, path.stat().st_size)


def require_sample(path: Path, contract: ModelContract) -> None:
    """Raise unless ``parity_sample.npz`` is there and is the one of the contract: it is the truth of every proof.

    Raises:
        ParityError: It is not.
    """
    remedy = "Nothing is proven without it: take it from the run that made the model"
    if not path.is_file():
        raise ParityError(f"there is no {path}", "the chips and answers of the proof", remedy)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != contract.parity_sample:
        stated = contract.parity_sample or "nothing"
        raise ParityError(
            f"{path.name} has the SHA-256 {digest[:12]}", f"{stated[:12]}, as the contract states", remedy
        )


def classes(probabilities: NDArray[np.float32], contract: ModelContract) -> NDArray[np.uint8]:
    """Class values ``[N, H, W]`` of probabilities ``[N, K, H, W]``, by the contract's threshold or the largest."""
    if contract.output.activation == "sigmoid":
        return (probabilities[:, 0] >= np.float32(contract.output.threshold)).astype(np.uint8)
    return np.asarray(probabilities.argmax(axis=1), np.uint8)


def _agreement(maps: NDArray[np.uint8], sample: Answers, contract: ModelContract) -> float:
    return float((maps == classes(sample.probabilities, contract)).mean())
