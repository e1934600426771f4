"""Counts of any model on any labelled chips, as ``evaluate`` counts them.

Example:
    >>> counts, images = recount("models:/refugee-camp/3", "chips", "labels", ())
    >>> counts.confusion.shape, images["scene00_0"]
    ((24, 2, 2), '3f2a...')
"""

from collections.abc import Sequence

from segmint.data.fingerprint import fingerprint
from segmint.evaluation.chips import tallied
from segmint.evaluation.held_out import HeldOutCounts
from segmint.evaluation.reading import labelled_chips, reading
from segmint.inference.backend import choose
from segmint.inference.models import find_model

_WHOLE = "every chip as a whole"


def recount(
    address: str, chips_dir: str, labels_dir: str | None, arguments: Sequence[str]
) -> tuple[HeldOutCounts, dict[str, str]]:
    """Answer every chip with the model's own threshold and stride, and count; also SHA-256 of each image, by chip.

    torch answers, whatever is the fastest here: two models are compared by one runtime, and again the same tomorrow.

    Args:
        address: Of the model.
        chips_dir: Folder of chips.
        labels_dir: Folder of labels, or None where they lie beside the chips.
        arguments: Of the recipe by which labels are read.

    Raises:
        ModelError: There is no such model.
        DataError: Chips or labels that cannot be used.
        SceneError: Chips that the model was not trained for.
    """
    with find_model(address) as files:
        contract = files.contract
        chips = labelled_chips(reading(contract, arguments, chips_dir, labels_dir), contract)
        tally = tallied(chips, contract, choose(files, "torch").predict)
    known = fingerprint(chips)
    digests = {entry.path: entry.sha256 for entry in known.files}
    counts = tally.evaluation("test", pooled=None).counts(known.digest, _WHOLE)
    return counts, {chip.stem: digests[chip.files[0][0]] for chip in chips}
