import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from places import REPOSITORY
from torch import nn

from segmint.command_line import parse
from segmint.data.preparation import prepare
from segmint.errors import ModelError
from segmint.recipe import Recipe, TrainingRecipe
from segmint.training.banner import banner
from segmint.training.capacity import is_overflow, largest_batch
from segmint.training.hardware import choose
from segmint.training.session import Session
from segmint.training.task import SegmentationTask

MIB = 2**20


@pytest.fixture
def hardware():
    return choose(Recipe(training=TrainingRecipe(precision="32-true")))


@pytest.fixture
def tile():
    return {"image": torch.rand(3, 64, 64), "target": torch.zeros(64, 64, dtype=torch.uint8)}


def task_of(channels):
    """Each of two convolutions keeps its input for the backward pass, the activation between them keeps its output."""
    return SegmentationTask(
        nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, 1, 3, padding=1)), Recipe()
    )


def test_a_step_is_measured_by_what_it_keeps(hardware, tile):
    """A tile of 64 x 64 keeps 3 and 64 channels of float32; the loss adds a few planes of one channel."""
    planes = 64 * 64 * 4
    kept = (3 + 64) * planes
    budget = 64 * MIB
    found = largest_batch(task_of(64), tile, 10_000, hardware, budget)
    most = budget / (1.5 * kept)
    least = budget / (1.5 * (kept + 16 * planes))
    assert least / 2 < found.batch <= most
    assert found.batch & (found.batch - 1) == 0
    assert "MiB a tile" in found.reason


def test_there_are_never_more_tiles_in_a_batch_than_in_the_split(hardware, tile):
    assert largest_batch(task_of(4), tile, 21, hardware, 10**12).batch == 16
    assert largest_batch(task_of(4), tile, 21, hardware, 1).batch == 1


def test_the_search_changes_nothing(hardware, tile):
    task = task_of(4)
    task.network.append(nn.BatchNorm2d(1))
    before = {name: value.clone() for name, value in task.state_dict().items()}
    torch.manual_seed(5)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    largest_batch(task, tile, 8, hardware, 10**9)
    assert torch.rand(1) == drawn
    assert all(torch.equal(value, before[name]) for name, value in task.state_dict().items())


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the memory of a process")
def test_torch_s_own_errors_are_told_from_others():
    lines = (
        "import resource, torch",
        "from segmint.training.capacity import is_overflow",
        "resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))",
        "try: torch.zeros(2**40)",
        "except RuntimeError as error: print(is_overflow(error))",
    )
    environment = {"PYTHONPATH": str(REPOSITORY / "src"), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "True\n"
    assert is_overflow(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_overflow(RuntimeError("shapes cannot be multiplied"))


class Small(nn.Module):
    """A network whose step fits with at most four tiles, as on a GPU that is too small."""

    def __init__(self, network):
        super().__init__()
        self.network, self.batches = network, []

    def forward(self, image):
        if self.training:
            self.batches.append(len(image))
            if len(image) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.network(image)


def session_of(folders, *options):
    chips, labels = folders
    network = ("--network.architecture=unet_small", "--network.weights=null", "--data.tile_size=64", "--epochs=2")
    recipe = parse([f"--chips_dir={chips}", f"--labels_dir={labels}", *network, *options])
    opened = Session.open(recipe, prepare(recipe), choose(recipe))
    opened.task.network = Small(opened.task.network)
    return opened


@pytest.mark.states(236)
def test_a_batch_that_does_not_fit_is_halved_where_the_recipe_says_so(bright_squares, tmp_path, capsys):
    opened = session_of(
        bright_squares, "--batch_size=16", "--training.out_of_memory=halve", "--training.step_metrics=1"
    )
    many = torch.ones(99, 64, 64, dtype=torch.uint8)
    opened.task.train_scores.counts.update(many, many)  # as a step has whose gradients did not fit after its scores
    steps, counted = [], []
    recorder = SimpleNamespace(
        log_epoch=lambda epoch, record: counted.append(int(opened.task.train_scores.counts.pixels.sum())),
        log_steps=steps.extend,
    )
    session, history = opened.fit(tmp_path, recorder)
    assert len(history) == 2
    assert all(0 < pixels <= 16 * 64 * 64 for pixels in counted)  # of 16 training tiles, each counted once
    assert session.batch_size == 4  # what the model's contract suggests, and evaluation takes
    assert [number for number, _ in steps] == [1, 2]  # a step of four batches in each epoch
    assert opened.task.network.batches[:2] == [16, 8]
    assert set(opened.task.network.batches[2:]) <= {4, 3, 2}
    assert "8 tiles do not fit, on with 4" in capsys.readouterr().out


@pytest.mark.states(236)
def test_otherwise_the_person_is_told_which_batch_to_ask_for(bright_squares, tmp_path):
    opened = session_of(bright_squares, "--batch_size=8")
    with pytest.raises(ModelError, match=r"a step of 8 tiles of 64 px does not fit.* -P batch_size=4"):
        opened.fit(tmp_path, SimpleNamespace())


def test_an_automatic_batch_is_named_with_its_reason(bright_squares):
    opened = session_of(bright_squares, "--batch_size=auto")
    assert opened.batch_size == 16  # of 16 training tiles; they are small
    assert "batch 16: " in banner(opened)
    assert opened.facts()["hardware.batch"] == opened.capacity.reason
