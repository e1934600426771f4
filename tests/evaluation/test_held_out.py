import numpy as np
import pytest
from sklearn import metrics as sklearn

from segmint.errors import DataError
from segmint.evaluation.held_out import HeldOutCounts, class_iou, headline_iou


@pytest.mark.parametrize("classes", [2, 4])
def test_iou_of_counts_is_scikit_learn_s_of_pixels(classes):
    answer, truth = np.random.default_rng(0).integers(0, classes, (2, 2000))
    counted = sklearn.confusion_matrix(truth, answer)
    each = sklearn.jaccard_score(truth, answer, average=None)
    np.testing.assert_allclose(class_iou(counted), each)
    assert headline_iou(counted) == pytest.approx(each[1] if classes == 2 else each.mean())


def test_a_class_that_is_nowhere_has_no_part_in_the_mean():
    counted = np.array([[3, 1, 0], [1, 3, 0], [0, 0, 0]])
    assert headline_iou(counted) == pytest.approx(3 / 5)
    assert np.isnan(class_iou(counted)[2])


def test_counts_come_back_from_their_file_as_they_were(tmp_path):
    confusion = np.random.default_rng(1).integers(0, 2**40, (5, 3, 3))
    path = tmp_path / "test_counts.json"
    names = tuple(f"chip, {place} \"é'" for place in range(len(confusion)))
    HeldOutCounts(("a", "b", "c"), names, confusion, "d" * 64, "e" * 64).write(path)
    read = HeldOutCounts.read(path)
    assert (read.classes, read.chips, read.dataset, read.tiles) == (("a", "b", "c"), names, "d" * 64, "e" * 64)
    assert (read.confusion == confusion).all()


def test_the_best_constant_answer_scores_the_share_of_its_class():
    confusion = np.array([[[50, 10], [15, 25]]])
    constant, name = HeldOutCounts(("background", "building"), ("chip",), confusion, "", "").best_constant()
    assert name == "building"
    assert headline_iou(constant.confusion.sum(0)) == pytest.approx(40 / 100)


def test_a_file_that_holds_no_counts_is_refused_by_name(tmp_path):
    (tmp_path / "test_counts.json").write_text('{"classes": ["a", "b"], "chips": {"one": [[1]]}}')
    with pytest.raises(DataError, match=r"test_counts\.json"):
        HeldOutCounts.read(tmp_path / "test_counts.json")
