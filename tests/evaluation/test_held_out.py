import numpy as np
import pytest
from sklearn import metrics as sklearn

from segmint.contract import ModelContract
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


def test_counts_are_read_from_the_table_of_test_chips(tmp_path, model_folder):
    contract = ModelContract.read(model_folder() / "contract.json")
    path = tmp_path / "test_chips.csv"
    path.write_text('chip,iou,true_negatives,...\n"a, b ""é\'",0.5,1,2,3,1099511627776\nc,,4,0,0,0\n', "utf-8")
    read = HeldOutCounts.read(path, contract, "e" * 64)
    assert (read.classes, read.dataset, read.tiles) == (contract.class_names, contract.dataset.digest, "e" * 64)
    assert read.chips == ("a, b \"é'", "c")
    assert read.confusion.tolist() == [[[1, 2], [3, 2**40]], [[4, 0], [0, 0]]]


def test_the_best_constant_answer_scores_the_share_of_its_class():
    confusion = np.array([[[50, 10], [15, 25]]])
    constant, name = HeldOutCounts(("background", "building"), ("chip",), confusion, "", "").best_constant()
    assert name == "building"
    assert headline_iou(constant.confusion.sum(0)) == pytest.approx(40 / 100)


@pytest.mark.parametrize("text", ["", "chip,iou,...\none,0.5,1,2\n", "chip,iou,...\none,0.5,1,2,3,many\n"])
def test_a_file_that_holds_no_counts_is_refused_by_name(tmp_path, model_folder, text):
    (tmp_path / "test_chips.csv").write_text(text)
    with pytest.raises(DataError, match=r"test_chips\.csv"):
        HeldOutCounts.read(tmp_path / "test_chips.csv", ModelContract.read(model_folder() / "contract.json"), "")
