"""The gate: what must hold before a version becomes champion, each with its figures.

Example:
    >>> checks = [parity(evidence), stac(evidence, SchemaStore.default()), baselines(evidence, accepted="")]
    >>> print(checks[0].line())
    pass  parity     6 formats, largest difference 2.4e-06 (at most 0.0001), agreement 1.000000 (at least 0.9999)
"""

import posixpath
from dataclasses import dataclass
from urllib.parse import urlsplit

from segmint.export.stac_checks import contract_errors, semantic_errors
from segmint.export.stac_schemas import SchemaStore, validate
from segmint.export.tolerance import MAX_ABS, MIN_AGREEMENT, REDUCED_GATES, record_errors
from segmint.registry.comparison import FEW_CHIPS, Comparison
from segmint.registry.evidence import Evidence

MEANINGFUL = 0.1
"""IoU from which a class of the champion can collapse; below it there is nothing to lose."""


@dataclass(frozen=True)
class Check:
    """One condition, whether it holds, and why."""

    name: str
    passed: bool
    reason: str

    def line(self) -> str:
        """For the console."""
        return f"{'pass' if self.passed else 'FAIL'}  {self.name:10} {self.reason}"


def parity(evidence: Evidence) -> Check:
    """Every format was proven equal to the trained network."""
    if evidence.parity is None:
        return Check("parity", False, f"run {evidence.run_id} has no metadata/parity.json")
    if errors := record_errors(evidence.parity, evidence.contract):
        return Check("parity", False, f"parity.json: {'; '.join(errors)}")
    proofs = evidence.parity["formats"]  # those of less precision have gates of their own
    exact = [proof for proof in proofs if proof["format"] not in REDUCED_GATES]
    largest = max((proof["max_abs"] for proof in exact if proof["max_abs"] is not None), default=0.0)
    least = min((proof["agreement"] for proof in exact), default=1.0)
    reason = (
        f"{len(proofs)} formats, largest difference {largest:.1e} (at most {MAX_ABS:g}), "
        f"agreement {least:.6f} (at least {MIN_AGREEMENT})"
    )
    return Check("parity", True, reason)


def stac(evidence: Evidence, store: SchemaStore) -> Check:
    """The STAC item is valid, says what the contract says, and its files lie in the run, each of the stated size."""
    item = evidence.stac_item
    if item is None:
        return Check("STAC item", False, f"run {evidence.run_id} has no metadata/stac_item.json")
    report = validate(item, store)
    errors = [*report.errors, *semantic_errors(item), *contract_errors(item, evidence.contract)]
    if errors:
        return Check("STAC item", False, f"{len(errors)} errors, first {errors[0]}")
    if report.missing:
        url, reason = next(iter(report.missing.items()))
        return Check("STAC item", False, f"schema {url} cannot be had: {reason}; set SEGMINT_STAC_SCHEMAS")
    for key, asset in item["assets"].items():
        if urlsplit(asset["href"]).scheme:
            continue
        path = posixpath.normpath(posixpath.join("metadata", asset["href"]))
        if path not in evidence.sizes or evidence.sizes[path] != asset.get("file:size"):
            found = f"is {evidence.sizes[path]} bytes" if path in evidence.sizes else "is missing"
            return Check("STAC item", False, f"asset {key}: {path} {found} in the run, not {asset.get('file:size')}")
    return Check(
        "STAC item", True, f"valid against {len(report.checked)} published schemas, {len(item['assets'])} files there"
    )


def baselines(evidence: Evidence, accepted: str) -> Check:
    """The test IoU is above that of every recorded baseline, or somebody accepts that it is not.

    Args:
        evidence: The candidate's.
        accepted: Why it may be below one; empty where nobody says so.
    """
    standing = evidence.standing
    if standing.is_above:
        return Check("baselines", True, standing.sentence())
    ending = f"accepted: {accepted}" if accepted else "--accept_below_baseline REASON overrides this"
    return Check("baselines", bool(accepted), f"{standing.sentence()}; {ending}")


def not_worse(comparison: Comparison, margin: float) -> Check:
    """The lower bound of the difference of the IoU is above ``margin`` (negative: so much worse it may be)."""
    row, interval = comparison.headline, comparison.interval
    if not interval.draws:
        return Check("IoU", False, f"the {comparison.chips} chips show nothing that could be scored")
    passed = interval.low > margin
    reason = (
        f"{row.candidate:.4f} against {row.reference:.4f}, difference {row.difference:+.4f}, 95 % interval "
        f"{interval.low:+.4f} to {interval.high:+.4f}; its lower bound must be above {margin:+g}"
    )
    if comparison.chips < FEW_CHIPS:
        few = f"{comparison.chips} chip{'s' * (comparison.chips > 1)}"
        reason += f" ({few}: the interval means little, the rule decides all the same)"
    return Check("IoU", passed, reason)


def no_collapse(comparison: Comparison, share: float) -> Check:
    """No class that the reference finds is lost: its IoU is at least ``share`` of the reference's."""
    meaningful = [
        row
        for row, present in zip(comparison.classes, comparison.present, strict=True)
        if present and row.reference >= MEANINGFUL
    ]
    lost = [row for row in meaningful if row.candidate < share * row.reference]
    if lost:
        figures = ", ".join(f"{row.score} {row.candidate:.4f} against {row.reference:.4f}" for row in lost)
        return Check("classes", False, f"{figures}; a class collapses below {share:g} of the reference")
    return Check("classes", True, f"each of {len(meaningful)} keeps {share:g} or more of {comparison.reference}'s IoU")
