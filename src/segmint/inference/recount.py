"""Counts of any model on any labelled chips, read as its recipe reads them.

Example:
    >>> counts, digests = recount("models:/refugee-camp/3", "chips", "labels")
    >>> counts.confusion.shape, digests["scene00_0"]
    ((24, 2, 2), '3f2a...')
"""

import numpy as np
from numpy.typing import NDArray

from segmint.command_line import parse
from segmint.contract import ModelContract
from segmint.data.dataset import TileDataset
from segmint.data.fingerprint import fingerprint
from segmint.data.normalisation import Normaliser
from segmint.data.preparation import READERS
from segmint.data.tiles import Tile, partition
from segmint.errors import DataError, stop
from segmint.evaluation.held_out import HeldOutCounts, confusion_matrix
from segmint.inference.backend import choose
from segmint.inference.models import find_model


def recount(address: str, chips_dir: str, labels_dir: str | None) -> tuple[HeldOutCounts, dict[str, str]]:
    """Predict every chip and count; also the SHA-256 of every chip's image, by name.

    Raises:
        DataError: Chips or labels that the model's recipe cannot read, or of other bands or classes.
        ModelError: There is no such model.
    """
    folders = [f"--data.chips_dir={chips_dir}", f"--data.labels_dir={labels_dir or chips_dir}"]
    with find_model(address) as files:
        contract = files.contract
        data = parse([f"--recipe={contract.recipe}", *folders]).data
        find, name_bands = READERS[data.reader]
        names = tuple(band.name for band in name_bands(data)), tuple(item.name for item in data.classes)
        if names != (contract.band_names, contract.class_names):
            raise DataError(
                f"recipe {contract.recipe} reads the bands and classes {', '.join(names[0] + names[1])}",
                f"those of the model, {', '.join(contract.band_names + contract.class_names)}",
                "Evaluate the model with the recipe that it was trained with",
            )
        chips = find(data, stop)
        predict = choose(files, "auto").predict
        confusion = []
        for place, chip in enumerate(chips):
            whole = contract.fit != "tile"
            edge = max(chip.height, chip.width) if whole else contract.height
            tiles = [Tile(place, *window) for window in partition(0, 0, chip.height, chip.width, edge)]
            dataset = TileDataset(chips, tiles, contract.height, contract.fit, Normaliser(contract.input))
            matrix = np.zeros((len(contract.class_names),) * 2, np.int64)
            for number in range(len(tiles)):
                raw, truth = dataset.read(number)
                answer = _classes(predict(raw[None].astype(np.float32)), contract)
                matrix += confusion_matrix(answer[0], truth, len(matrix))
            confusion.append(matrix)
    printed = fingerprint(chips)
    by_path = {entry.path: entry.sha256 for entry in printed.files}
    stems = tuple(chip.stem for chip in chips)
    counts = HeldOutCounts(contract.class_names, stems, np.stack(confusion), printed.digest, "every chip as a whole")
    return counts, {chip.stem: by_path[chip.files[0][0]] for chip in chips}


def _classes(probabilities: NDArray[np.float32], contract: ModelContract) -> NDArray[np.uint8]:
    if contract.output.activation == "sigmoid":
        return (probabilities[:, 0] >= np.float32(contract.output.threshold)).astype(np.uint8)
    return np.asarray(probabilities.argmax(axis=1), np.uint8)
