import pytest
import torch

from segmint.export.checkpoint import write_portable

WEIGHTS = torch.arange(6.0).reshape(2, 3)


@pytest.fixture
def copied(tmp_path):
    """What is left of a value among the states of a checkpoint's callbacks."""

    def copy(value):
        state = {"state_dict": {"network.weight": WEIGHTS}, "epoch": 3, "callbacks": {"ModelCheckpoint": value}}
        torch.save(state, tmp_path / "best.ckpt")
        write_portable(tmp_path / "best.ckpt", tmp_path / "copy.ckpt")
        read = torch.load(tmp_path / "copy.ckpt", weights_only=True)
        assert torch.equal(read["state_dict"]["network.weight"], WEIGHTS)
        assert read["epoch"] == 3
        return read["callbacks"]["ModelCheckpoint"]

    return copy


@pytest.mark.parametrize("root", ["/home/asha/runs/", "C:\\Users\\asha\\runs\\", "\\\\server\\share\\"])
def test_absolute_paths_leave_their_last_name_wherever_they_stand(copied, root):
    assert copied({"best_model_path": f"{root}best.ckpt"}) == {"best_model_path": "best.ckpt"}
    assert copied({"best_k_models": {f"{root}best.ckpt": WEIGHTS[0, 1]}}) == {"best_k_models": {"best.ckpt": 1.0}}
    assert copied([1, (f"{root}a.ckpt", None)]) == [1, ("a.ckpt", None)]


@pytest.mark.parametrize("word", ["val_loss", "checkpoints/best.ckpt", "", "a/b", "train: 3/4"])
def test_other_words_stay_as_they_are(copied, word):
    assert copied({"monitor": word}) == {"monitor": word}
