"""What a comparison found, what it has to keep, and ``parity.json``, which states both.

Figures alone: to read them takes neither torch nor a runtime.

Example:
    >>> write(proofs, contract, staging["parity.json"])
    >>> require(proofs)
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from segmint.contract import ModelContract
from segmint.errors import ParityError

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

REDUCED_GATES = {"onnx_fp16": Gate(0.999), "onnx_int8": Gate(0.98, max_iou_change=0.01)}
"""The gates of files of less precision."""


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


def record_errors(content: dict[str, Any], contract: ModelContract) -> list[str]:
    """Why a ``parity.json`` is no proof of a model; the figures decide, not the word ``passed``.

    Args:
        content: Of the file.
        contract: The model's.
    """
    proofs = content.get("formats") or []
    errors = [] if proofs else ["it holds no proof"]
    if content.get("sample_sha256") != contract.parity_sample:
        errors.append("it speaks of another sample than the contract")
    if content.get("max_abs_tolerance") != MAX_ABS or content.get("min_agreement") != MIN_AGREEMENT:
        errors.append("its tolerances are not those of the gate")
    for stated in proofs:
        gate = REDUCED_GATES.get(stated.get("format"), EXACT)
        figures = {field.name: stated.get(field.name) for field in fields(Proof)} | {"gate": gate}
        try:
            proof = Proof(**figures)
            whole = proof.passed and stated["passed"] and (proof.max_abs is not None or proof.file.endswith(".dlpk"))
        except (KeyError, TypeError):
            whole = False
        if not whole:
            errors.append(f"{stated.get('file', 'a proof')} is not within tolerance")
    return errors


def remembered(path: Path, name: str) -> float | None:
    """The change of the test IoU that ``parity.json`` states of a format, or None."""
    formats = json.loads(path.read_text(encoding="utf-8"))["formats"] if path.is_file() else []
    return next((proof.get("iou_change") for proof in formats if proof["format"] == name), None)
