"""What a file of less precision costs in test IoU.

Example:
    >>> iou_change(Path("best_model.onnx"), Path("best_model_int8.onnx"), contract, "chips", "labels", counts)
    -0.0021
"""

from pathlib import Path

from segmint.contract import ModelContract
from segmint.errors import DataError
from segmint.evaluation.chips import tallied
from segmint.evaluation.held_out import HeldOutCounts
from segmint.evaluation.reading import labelled_chips, reading
from segmint.export import onnx


def iou_change(
    original: Path, reduced: Path, contract: ModelContract, chips_dir: str, labels_dir: str | None, counts: Path | None
) -> float:
    """Test IoU of a reduced ONNX file less that of the original, on the same chips.

    Args:
        original: The file in full precision.
        reduced: The other.
        contract: That of both.
        chips_dir: Labelled chips; those of the test split are taken.
        labels_dir: Their labels, or None where they lie beside the chips.
        counts: ``test_chips.csv``, which names the chips of the test split.

    Raises:
        DataError: None of the chips is of the test split, or nothing names them.
    """
    if counts is None:
        raise DataError("the model has no test_chips.csv", "the chips of its test split", "Train it again")
    tested = set(HeldOutCounts.read(counts, contract, "").chips)
    chips = labelled_chips(reading(contract, (), chips_dir, labels_dir), contract)
    kept = [chip for chip in chips if chip.stem in tested]
    if not kept:
        wanted = f"some of the {len(tested)} of the test split, such as {min(tested)}"
        raise DataError(f"{chips_dir}: {len(chips)} chips, none that the model was tested on", wanted)
    before, after = (
        tallied(kept, contract, onnx.reopen(path, contract)).evaluation("test", pooled=None).scores["iou"]
        for path in (original, reduced)
    )
    return after - before
