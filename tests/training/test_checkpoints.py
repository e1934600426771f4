import resource

import pytest
import torch

from segmint.training.checkpoints import WholeCheckpoints

FIRST = {"epoch": 1, "global_step": 10}
SECOND = {"epoch": 2, "global_step": 20}


def save(written, checkpoint, path):
    """As after the training's end, when every file has its name."""
    written.save_checkpoint(checkpoint, path)
    written.teardown()


def test_a_checkpoint_that_cannot_be_written_whole_leaves_the_one_before(tmp_path):
    """A limit on the size of files stands for a full disk."""
    last = tmp_path / "checkpoints" / "last.ckpt"
    save(WholeCheckpoints(), FIRST, last)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises((OSError, RuntimeError)):
            save(WholeCheckpoints(), SECOND | {"weights": torch.ones(100_000)}, last)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert torch.load(last, weights_only=True) == FIRST
    assert [path.name for path in last.parent.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("at_the_end", [True, False])
def test_a_checkpoint_that_does_not_get_its_name_stops_the_training(tmp_path, at_the_end):
    (tmp_path / "last.ckpt").mkdir()
    written = WholeCheckpoints()
    written.save_checkpoint(FIRST, tmp_path / "last.ckpt")
    with pytest.raises(IsADirectoryError):
        written.teardown() if at_the_end else written.save_checkpoint(SECOND, tmp_path / "best.ckpt")


def test_a_checkpoint_is_what_training_was_when_it_was_saved(tmp_path):
    """Training goes on while the file gets its name."""
    weights = torch.zeros(1_000_000)
    written = WholeCheckpoints()
    written.save_checkpoint(FIRST | {"weights": weights}, tmp_path / "best.ckpt")
    weights += 1
    written.save_checkpoint(FIRST | {"weights": weights}, tmp_path / "last.ckpt")
    written.teardown()
    for name in ("best.ckpt", "last.ckpt"):
        assert not torch.load(tmp_path / name, weights_only=True)["weights"].any()


def test_what_a_killed_process_left_half_is_gone_after_the_next_checkpoint(tmp_path):
    (tmp_path / ".last.ckpt.123-456.part").write_bytes(b"half")
    save(WholeCheckpoints(), FIRST, tmp_path / "last.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_the_best_and_the_last_are_one_file_until_the_last_moves_on(tmp_path):
    best, last = tmp_path / "best.ckpt", tmp_path / "last.ckpt"
    written = WholeCheckpoints()
    for path in (best, last, last):  # the last one twice, as where training ends
        save(written, FIRST, path)
        assert path.samefile(best)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt"]
    save(written, SECOND, last)
    assert [torch.load(path, weights_only=True)["epoch"] for path in (best, last)] == [1, 2]
    save(written, FIRST | {"epoch": 3}, best)  # as many steps, another epoch
    assert [torch.load(path, weights_only=True)["epoch"] for path in (best, last)] == [3, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt"]


def test_a_disk_without_second_names_gets_two_files(tmp_path, monkeypatch):
    def refuse(path, target):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    best, last = tmp_path / "best.ckpt", tmp_path / "last.ckpt"
    written = WholeCheckpoints()
    for path in (best, last):
        written.save_checkpoint(FIRST, path)
    written.teardown()
    assert not best.samefile(last)
    assert torch.load(last, weights_only=True) == FIRST
