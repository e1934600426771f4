import resource

import pytest
import torch

from segmint.training.checkpoints import WholeCheckpoints


def test_a_checkpoint_that_cannot_be_written_whole_leaves_the_one_before(tmp_path):
    """A limit on the size of files stands for a full disk."""
    last = tmp_path / "checkpoints" / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"epoch": 1}, last)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises((OSError, RuntimeError)):
            WholeCheckpoints().save_checkpoint({"epoch": 2, "weights": torch.ones(100_000)}, last)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert torch.load(last, weights_only=True) == {"epoch": 1}
    assert [path.name for path in last.parent.iterdir()] == ["last.ckpt"]


def test_what_a_killed_process_left_half_is_gone_after_the_next_checkpoint(tmp_path):
    (tmp_path / ".last.ckpt.123-456.part").write_bytes(b"half")
    WholeCheckpoints().save_checkpoint({"epoch": 1}, tmp_path / "last.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
