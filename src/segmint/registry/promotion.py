"""A promotion from its evidence to its record: what is compared, how it is judged, and what is written down.

Example:
    >>> checks = judge(candidate, comparison, first=False, tolerance=0.01, collapse=0.5, accepted="")
    >>> decision = Decision(candidate, "1", comparison, checks, author(), now(), "trained on the new camps", "")
    >>> decision.failed
    ()
    >>> decision.log_comparison()
    'promotion/against_version_1.json'
"""

import getpass
import json
import math
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from mlflow import MlflowClient

from segmint.errors import RegistryError
from segmint.evaluation.held_out import HeldOutCounts
from segmint.export.stac_schemas import SchemaStore
from segmint.registry import gate
from segmint.registry.comparison import CONFIDENCE, DRAWS, SEED, Comparison, compare
from segmint.registry.evidence import Evidence
from segmint.registry.gate import Check
from segmint.registry.store import answering

FOLDER = "promotion"
"""Folder of the comparison among the candidate's artifacts."""

_HEADING = "\n\n### Promotion\n\n"


def compared_as_tested(candidate: Evidence, champion: Evidence | None) -> Comparison:
    """Compare by the counts that the trainings left, which needs no data.

    Raises:
        RegistryError: The two were not tested on the same pixels, or counts are missing.
    """
    remedy = "Add -P chips_dir=CHIPS -P labels_dir=LABELS to compare both on the same labelled chips"
    for evidence in (candidate, champion):
        if evidence is not None and evidence.counts is None:
            raise RegistryError(f"version {evidence.version} has no counts of test chips", "some", remedy)
    assert candidate.counts is not None
    held_out = f"{len(candidate.counts.chips)} test chips, as the trainings counted them"
    if champion is None:
        return compared(candidate, candidate.counts, None, None, held_out)
    assert champion.counts is not None
    for part, word in (("dataset", "another dataset"), ("tiles", "other tiles of the same dataset")):
        if getattr(candidate.counts, part) != getattr(champion.counts, part):
            raise RegistryError(
                f"version {candidate.version} was tested on {word} than champion {champion.version}",
                "the same held-out data",
                remedy,
            )
    return compared(candidate, candidate.counts, champion, champion.counts, held_out)


def compared(
    candidate: Evidence,
    ours: HeldOutCounts,
    champion: Evidence | None,
    theirs: HeldOutCounts | None,
    held_out: str,
) -> Comparison:
    """Compare counts with the champion's, or before the first champion with the best constant answer.

    Raises:
        RegistryError: Classes or truth differ.
    """
    name = f"version {candidate.version}"
    if champion is None or theirs is None:
        constant, answer = ours.best_constant()
        return compare(ours, constant, name, f"all {answer}", held_out)
    if ours.classes != theirs.classes:
        raise RegistryError(
            f"version {candidate.version} has the classes {', '.join(ours.classes)}",
            f"those of champion {champion.version}, {', '.join(theirs.classes)}",
            "Register it under another name: train -P model_name=NAME",
        )
    if ours.chips != theirs.chips or not np.array_equal(ours.truth, theirs.truth):
        raise RegistryError(
            f"versions {candidate.version} and {champion.version} counted other labels on the same chips",
            "the same truth",
            "Compare both anew, on the labels of -P chips_dir=CHIPS -P labels_dir=LABELS",
        )
    return compare(ours, theirs, name, f"champion {champion.version}", held_out)


def judge(
    candidate: Evidence, comparison: Comparison, first: bool, tolerance: float, collapse: float, accepted: str
) -> tuple[Check, ...]:
    """Hold a candidate against every condition of the gate.

    Args:
        candidate: What it brings.
        comparison: With the champion, or with the best constant answer.
        first: Whether there is no champion yet: the candidate must then be better than a constant answer.
        tolerance: How much worse than a champion it may be, in IoU.
        collapse: Share of the reference's IoU below which a class has collapsed.
        accepted: Why it may be below a baseline; empty where it may not.
    """
    return (
        gate.parity(candidate),
        gate.stac(candidate, SchemaStore.default()),
        gate.baselines(candidate, accepted),
        gate.not_worse(comparison, 0.0 if first else -tolerance),
        gate.no_collapse(comparison, collapse),
    )


@dataclass(frozen=True)
class Decision:
    """What was found about a candidate, by whom, when and why.

    Attributes:
        candidate: What it brings.
        champion: Version that it was compared with, or None.
        comparison: The figures.
        checks: The conditions.
        by: Who asked.
        at: When, ISO 8601 UTC.
        reason: Why.
        accepted: Why it may be below a baseline; empty where it is above all.
    """

    candidate: Evidence
    champion: str | None
    comparison: Comparison
    checks: tuple[Check, ...]
    by: str
    at: str
    reason: str
    accepted: str

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the conditions that do not hold."""
        return tuple(check.name for check in self.checks if not check.passed)

    def plain(self) -> dict[str, Any]:
        """Everything as plain values; None where a class does not occur."""
        interval = self.comparison.interval
        return {
            "model": self.candidate.name,
            "candidate": self.candidate.version,
            "champion": self.champion,
            "by": self.by,
            "at": self.at,
            "reason": self.reason,
            "held_out": self.comparison.held_out,
            "chips": self.comparison.chips,
            "scores": [
                {"score": row.score, self.comparison.reference: _defined(row.reference)}
                | {self.comparison.candidate: _defined(row.candidate), "difference": _defined(row.difference)}
                for row in self.comparison.rows
            ],
            "interval": {
                "low": _defined(interval.low),
                "high": _defined(interval.high),
                "confidence": CONFIDENCE,
                "draws": DRAWS,
                "draws_with_a_score": interval.draws,
                "seed": SEED,
            },
            "test_iou": _defined(self.candidate.standing.iou),
            "baselines_test_iou": self.candidate.standing.baselines,
            "accepted_below_baseline": self.accepted or None,
            "checks": [{"name": check.name, "passed": check.passed, "reason": check.reason} for check in self.checks],
        }

    def markdown(self) -> str:
        """The same for people."""
        checks = "\n".join(f"- {'pass' if c.passed else 'FAIL'}: **{c.name}** {c.reason}" for c in self.checks)
        return (
            f"Version {self.candidate.version} against {self.comparison.reference}, by {self.by} at {self.at}: "
            f"{self.reason}\n\nOn {self.comparison.held_out}:\n\n{self.comparison.markdown()}\n\n{checks}\n"
        )

    def log_comparison(self) -> str:
        """Put the comparison among the artifacts of the candidate's run and return its place.

        Raises:
            TrackingError: The store refused; nothing else was changed.
        """
        place = f"{FOLDER}/against_version_{self.champion}" if self.champion else f"{FOLDER}/first"
        client, run_id = MlflowClient(), self.candidate.run_id
        with answering(f"run {run_id}", "No alias was moved, run it again"):
            client.log_text(run_id, json.dumps(self.plain(), indent=2) + "\n", f"{place}.json")
            client.log_text(run_id, f"# Promotion of {self.candidate.name}\n\n{self.markdown()}", f"{place}.md")
        return f"{place}.json"

    def describe(self) -> None:
        """Write who, when, why and the table to the version's tags and description."""
        client, name, version = MlflowClient(), self.candidate.name, self.candidate.version
        interval = self.comparison.interval
        tags = {
            "promoted_by": self.by,
            "promoted_at": self.at,
            "promotion_reason": self.reason,
            "promoted_over": self.champion or "none",
            "promotion_difference": f"{self.comparison.headline.difference:+.4f}",
            "promotion_interval": f"{interval.low:+.4f} to {interval.high:+.4f}",
        }
        if self.accepted:
            tags["accepted_below_baseline"] = self.accepted
        with answering(f"{name} version {version} is champion, but its tags", "The comparison is among its artifacts"):
            for key, value in tags.items():
                client.set_model_version_tag(name, version, key, value)
            before = (client.get_model_version(name, version).description or "").split(_HEADING)[0]
            client.update_model_version(name, version, before + _HEADING + self.markdown())


def record_rollback(name: str, version: str, by: str, at: str, reason: str) -> None:
    """Write who, when and why to the version that is champion no longer."""
    tags = {"rolled_back_by": by, "rolled_back_at": at, "rollback_reason": reason}
    with answering(f"{name} version {version} was rolled back, but its tags"):
        for key, value in tags.items():
            MlflowClient().set_model_version_tag(name, version, key, value)


def author() -> str:
    """Who is asking: the user at the tracking server where one is named, else the user of this machine."""
    named = os.environ.get("MLFLOW_TRACKING_USERNAME")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def now() -> str:
    """The time, ISO 8601 UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
