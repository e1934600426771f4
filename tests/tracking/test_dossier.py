import numpy as np

from segmint.evaluation.results import Example
from segmint.tracking.dossier import Dossier


def test_tiles_of_one_chip_are_all_shown(make_contract, make_evaluation, calibration, history):
    evaluation = make_evaluation({"north": [[900, 50], [30, 220]]}, ("background", "building"))
    mask = np.zeros((8, 8), np.uint8)
    tiles = [Example("north", np.full((3, 8, 8), shade, np.uint8), mask, mask[None] / 2.0, mask) for shade in (0, 9)]
    drawings = Dossier(make_contract(), evaluation, calibration, history, tiles, tiles[:1], tiles[1]).begin().finish()
    words = [drawing.words for drawing in drawings.values()]
    assert sum(text.startswith("best: north") for text in words) == 2
    assert sum(text.startswith("median: north") for text in words) == 1
    assert sum(text.startswith("worst: north") for text in words) == 1
