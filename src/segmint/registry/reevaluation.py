"""A candidate and the champion on labelled chips that neither of them has learned from.

Example:
    >>> comparison = compared_on("chips", "labels", ("--data.ignore_value=255",), candidate, champion)
    >>> comparison.held_out
    '18 of 24 chips in chips, 6 that version 3 or champion 1 learned from left out'
"""

from collections.abc import Sequence

from segmint.errors import RegistryError
from segmint.evaluation.held_out import HeldOutCounts
from segmint.evaluation.recount import recount
from segmint.registry.comparison import Comparison
from segmint.registry.evidence import Evidence
from segmint.registry.promotion import compared


def compared_on(
    chips_dir: str, labels_dir: str | None, reading: Sequence[str], candidate: Evidence, champion: Evidence | None
) -> Comparison:
    """Predict the chips with both, leave out those that either was trained or tuned on, and compare.

    Args:
        chips_dir: Folder of chips.
        labels_dir: Folder of labels, or None where they lie beside the chips.
        reading: Arguments of the recipe by which labels are read.
        candidate: The one.
        champion: The other, or None.

    Raises:
        RegistryError: Nothing is left, or nobody knows what a model was trained on.
    """
    models = [candidate] if champion is None else [candidate, champion]
    counted: list[HeldOutCounts] = []
    unseen: set[str] = set()
    for evidence in models:
        if not evidence.learned:
            found = f"run {evidence.run_id} of version {evidence.version} has no datasets/manifest.json"
            raise RegistryError(found, "the files that it was trained on", "Train it again")
        counts, digests = recount(f"models:/{evidence.name}/{evidence.version}", chips_dir, labels_dir, reading)
        fresh = {chip for chip, digest in digests.items() if not evidence.knows(digest)}
        unseen = unseen & fresh if counted else fresh
        counted.append(counts)
    total = len(counted[0].chips)
    if not unseen:
        raise RegistryError(
            f"every one of the {total} chips in {chips_dir} was trained or tuned on", "chips that are new to both"
        )
    left_out = f", {total - len(unseen)} that were trained or tuned on left out" if len(unseen) < total else ""
    held_out = f"{len(unseen)} of {total} chips in {chips_dir}{left_out}"
    ours, *theirs = (counts.only(unseen) for counts in counted)
    return compared(candidate, ours, champion, theirs[0] if theirs else None, held_out)
