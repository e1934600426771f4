"""The proof: every format, reopened in its users' runtime, against the training task's own path.

The reference comes from the training reader, the training normalisation, the network's logits and the activation
written out, never from ``DeployedModel``, whose own mistake would pass.

Example:
    >>> proofs = [prove("onnx", onnx, path, sample, contract)]
    >>> proofs[0].max_abs, proofs[0].agreement
    (2.4e-06, 1.0)
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.errors import ParityError
from segmint.export.runtime import Runtime

MAX_ABS = 1e-4
MIN_AGREEMENT = 0.9999


@dataclass(frozen=True)
class Gate:
    """What a format has to keep.

    Attributes:
        min_agreement: Smallest share of pixels with the same class.
        max_abs: Largest difference of a probability, or None where only the class counts.
        max_iou_change: Largest change of the test IoU, or None where it is not measured.
    """

    min_agreement: float = MIN_AGREEMENT
    max_abs: float | None = None
    max_iou_change: float | None = None

    def sentence(self) -> str:
        """The limits, for a person."""
        limits = [f"agreement at least {self.min_agreement}"]
        if self.max_abs is not None:
            limits.insert(0, f"difference at most {self.max_abs:g}")
        if self.max_iou_change is not None:
            limits.append(f"test IoU within {self.max_iou_change}")
        return ", ".join(limits)


EXACT = Gate(MIN_AGREEMENT, MAX_ABS)
"""The gate of every format in full precision."""


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


@dataclass(frozen=True)
class Proof:
    """How one format compares.

    Attributes:
        format: Short name, as in the metric ``parity_<format>_max_abs``.
        file: File name.
        runtime: What opened it.
        max_abs: Largest difference of a probability, or None where the format answers class values only.
        agreement: Share of pixels with the same class.
        seconds: Time of one pass over the sample.
        bytes: Size of the file.
        gate: What it has to keep.
        iou_change: Test IoU less that of the file in full precision, where the gate asks for it.
        speed: How many times as fast as the file in full precision, where it is another.
    """

    format: str
    file: str
    runtime: str
    max_abs: float | None
    agreement: float
    seconds: float
    bytes: int
    gate: Gate = EXACT
    iou_change: float | None = None
    speed: float | None = None

    @property
    def passed(self) -> bool:
        """Whether it is within tolerance."""
        gate = self.gate
        near = gate.max_abs is None or self.max_abs is None or self.max_abs <= gate.max_abs
        change = float("inf") if self.iou_change is None else abs(self.iou_change)
        return near and self.agreement >= gate.min_agreement and change <= (gate.max_iou_change or float("inf"))

    def sentence(self) -> str:
        """Its figures, for a person."""
        agreement = f"masks agree on {100 * self.agreement:.4f} %"
        parts = [agreement] if self.max_abs is None else [f"largest difference {self.max_abs:.1e}", agreement]
        if self.iou_change is not None:
            parts.append(f"test IoU {self.iou_change:+.4f}")
        if self.speed is not None:
            parts.append(f"{self.speed:.2f} times as fast")
        return ", ".join(parts)

    def metrics(self) -> dict[str, float]:
        """The figures under their MLflow names."""
        figures = {f"parity_{self.format}_agreement": self.agreement}
        return figures if self.max_abs is None else figures | {f"parity_{self.format}_max_abs": self.max_abs}


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


def require(proofs: list[Proof]) -> None:
    """Raise unless every proof is within tolerance.

    Raises:
        ParityError: Names the formats and their figures.
    """
    failed = [
        f"{proof.file}: largest difference {proof.max_abs}, agreement {proof.agreement:.6f}"
        + ("" if proof.iou_change is None else f", test IoU {proof.iou_change:+.4f}")
        for proof in proofs
        if not proof.passed
    ]
    if failed:
        limits = dict.fromkeys(proof.gate.sentence() for proof in proofs if not proof.passed)
        raise ParityError("; ".join(failed), "; ".join(limits), "Nothing was registered; the figures are in the run")


def write(proofs: list[Proof], contract: ModelContract, path: Path) -> None:
    """Write ``parity.json``: the tolerances, the sample's digest and every proof."""
    content = {
        "reference": "training reader, training normalisation, network logits, activation, fp32",
        "max_abs_tolerance": MAX_ABS,
        "min_agreement": MIN_AGREEMENT,
        "sample_sha256": contract.parity_sample,
        "formats": [asdict(proof) | {"passed": proof.passed} for proof in proofs],
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def remembered(path: Path, name: str) -> float | None:
    """The change of the test IoU that ``parity.json`` states of a format, or None."""
    formats = json.loads(path.read_text(encoding="utf-8"))["formats"] if path.is_file() else []
    return next((proof.get("iou_change") for proof in formats if proof["format"] == name), None)


def classes(probabilities: NDArray[np.float32], contract: ModelContract) -> NDArray[np.uint8]:
    """Class values ``[N, H, W]`` of probabilities ``[N, K, H, W]``, by the contract's threshold or the largest."""
    if contract.output.activation == "sigmoid":
        return (probabilities[:, 0] >= np.float32(contract.output.threshold)).astype(np.uint8)
    return np.asarray(probabilities.argmax(axis=1), np.uint8)


def _agreement(maps: NDArray[np.uint8], sample: Answers, contract: ModelContract) -> float:
    return float((maps == classes(sample.probabilities, contract)).mean())
