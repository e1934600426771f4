"""The document on fire spread: a network of a fire's history, what it prints and what it logs."""

import re

import pytest
from inputs import spread
from running import Ran
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from segmint.command_line import parse
from segmint.contract import ModelContract

TINY = "--data.tile_size 32 --batch_size 4"
"""What is added to the documented commands, so that they take seconds."""

STEPS = ("loss", "bce", "dice")
SCORES = ("precision", "recall", "f1", "iou", "acc")


@pytest.fixture(scope="module")
def trained(checkout, command, offline) -> Ran:
    """The documented command with its documented options: it stops early, since no epoch is that much better."""
    room = checkout("fire")
    spread(room / "fires")
    line = f"python src/train.py --config configs/fire-spread.yaml --gpu 0 {TINY} --epochs 4 --patience 1"
    line += " --chips_dir fires --labels_dir null --bce_weight 0.7 --dice_weight 0.3 --min_delta 0.9"
    line += " --lr_temporal 2e-3 --lr_spatial 2e-4 --pred_thresh 0.6 --training.step_metrics 2 --wandb --tensorboard"
    return command(room, line, **offline)


@pytest.fixture(scope="module")
def events(trained) -> EventAccumulator:
    (file,) = (trained.checkpoints.parent / "mirrors").rglob("events.out.tfevents.*")
    found = EventAccumulator(str(file.parent), size_guidance={"images": 0, "scalars": 0, "tensors": 0})
    found.Reload()
    return found


@pytest.mark.states(51, 58, 60, 107, 108, 112, 116)
def test_the_documented_command_runs_to_a_registered_version(trained):
    assert trained.run.info.status == "FINISHED"
    assert "no GPU 0 here" in trained.output
    assert (trained.checkpoints / "best.ckpt").is_file()
    assert {"train_history_step", "train_history", "early_stop_counter", "early_stop_best_value"} <= set(
        trained.run.data.metrics
    )


@pytest.mark.states(53, 54, 55, 56, 59, 60, 61, 62, 63, 64, 67, 70)
def test_the_documented_defaults_are_the_recipe_s(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fires").mkdir()
    recipe = parse(["--recipe", "fire-spread", "--chips_dir", "fires", "--labels_dir", "null"])
    network, training = recipe.network, recipe.training
    assert (network.d_model, network.nhead, network.num_layers, network.spatial_decoder) == (96, 8, 4, "segformer")
    assert (training.batch_size, training.epochs, training.lr_temporal, training.lr) == (16, 50, 1e-3, 1e-4)
    assert (training.weight_decay, training.patience, training.min_delta, training.monitor) == (
        1e-4,
        10,
        1e-3,
        "val_f1",
    )
    assert (recipe.loss.bce, recipe.loss.dice) == (0.5, 0.5)
    other = parse(["--recipe", "fire-spread", "--network.d_model", "64", "--network.spatial_decoder", "unet"])
    assert (other.network.d_model, other.network.spatial_decoder) == (64, "unet")


@pytest.mark.states(74, 75, 76, 77, 78, 79, 80, 110, 111)
def test_the_banner_states_what_is_about_to_be_trained(trained):
    banner = trained.output
    assert "emberformer (segformer decoder)" in banner
    assert re.search(r"\d+ train, \d+ val, \d+ test tiles", banner)
    assert "4 epochs at most" in banner
    assert "batch 4" in banner
    assert "lr 0.0002" in banner
    assert "temporal part 0.002" in banner
    assert "loss 0.7 bce + 0.3 dice" in banner
    assert "stops early after 1 epochs" in banner


@pytest.mark.states(81)
def test_the_folder_of_the_w_and_b_run_is_printed_before_the_first_epoch(trained):
    assert trained.output.index("wandb") < trained.output.index("epoch 1/4")


@pytest.mark.states(82, 83, 84)
def test_the_line_of_an_epoch_has_the_documented_scores(trained):
    (line,) = [line for line in trained.output.splitlines() if line.startswith("epoch 1/4")]
    score = r"\d\.\d{3}"
    assert re.search(rf"train loss \d+\.\d{{4}} f1 {score} prec {score} \| val loss \d+\.\d{{4}} f1 {score}", line)
    assert re.search(rf"prec {score} iou {score}", line)


@pytest.mark.states(85, 86, 109)
def test_an_early_stop_says_the_best_value_its_epoch_and_how_long_ago_that_was(trained):
    (line,) = [line for line in trained.output.splitlines() if line.startswith("stopped:")]
    metrics = trained.run.data.metrics
    assert "best val_f1" in line
    assert f"{metrics['early_stop_best_value']:.4f} at epoch {metrics['early_stop_best_epoch']:.0f}" in line
    assert metrics["epochs_trained"] < 4
    assert line.index("best") < line.index("no improvement")


@pytest.mark.states(87, 88, 89)
def test_the_parts_of_the_loss_are_logged_at_every_step(trained):
    for name in STEPS:
        steps = trained.steps(f"train_{name}_step")
        assert steps == list(range(1, len(steps) + 1))


@pytest.mark.states(90, 91, 92, 93, 94)
def test_running_scores_are_logged_every_so_many_steps(trained):
    for name in SCORES:
        steps = trained.steps(f"train_{name}_step")
        assert steps
        assert all(step % 2 == 0 for step in steps), name


@pytest.mark.states(95, 96, 97, 98, 99, 100, 105, 106)
def test_every_epoch_has_the_documented_metrics(trained):
    epochs = list(range(1, int(trained.run.data.metrics["epochs_trained"]) + 1))
    for split in ("train", "val"):
        for name in ("loss", *SCORES):
            assert trained.steps(f"{split}_{name}") == epochs, name
    assert trained.steps("lr_temporal") == trained.steps("lr_spatial") == epochs
    assert trained.run.data.metrics["lr_temporal"] == pytest.approx(2e-3)


@pytest.mark.states(103)
def test_every_epoch_has_a_preview_picture(trained):
    steps = {name.split("+")[2] for name in trained.artifacts("images") if name.startswith("preview+step+")}
    assert steps == {str(step) for step in trained.steps("val_loss")}


@pytest.mark.states(101, 102, 104)
def test_tensorboard_has_steps_pictures_and_final_scores_too(trained, events):
    scalars = set(events.Tags()["scalars"])
    assert {"train_loss_step", "train_bce_step", "train_dice_step", "train_f1_step", "val_f1", "test_iou"} <= scalars
    assert [event.step for event in events.Scalars("train_loss_step")] == trained.steps("train_loss_step")
    assert events.Tags()["images"]


@pytest.mark.states(101, 102, 104)
def test_w_and_b_has_steps_pictures_parameters_and_final_scores_too(trained):
    (file,) = (trained.checkpoints.parent / "mirrors").rglob("*.wandb")
    content = file.read_bytes()
    for word in (b"train_loss_step", b"train_f1_step", b"val_f1", b"test_iou", b"preview", b"training.batch_size"):
        assert word in content
    assert list(file.parent.rglob("media/images/**/*.png"))


@pytest.mark.states(73)
def test_the_threshold_of_the_command_is_that_of_the_exports(trained):
    """That of epochs is held by tests/training/test_scores.py."""
    assert trained.run.data.metrics["threshold"] == 0.6
    assert ModelContract.read(trained.room / "meta" / "contract.json").output.threshold == 0.6


@pytest.mark.states(115)
def test_the_load_of_the_machine_is_logged(trained):
    assert any(name.startswith("system/cpu") for name in trained.run.data.metrics)


YAML = """
base: fire-spread
model: {d_model: 32, nhead: 4, num_layers: 1, loss: {use_dice: true, bce_weight: 0.3, dice_weight: 0.7}}
early_stopping: {enabled: true, patience: 5, min_delta: 0.005, monitor: "val/iou", mode: "max"}
metrics: {pred_thresh: 0.6}
"""


@pytest.mark.states(65, 66, 68, 69, 71, 72, 73, 114)
def test_the_documented_sections_of_a_file_are_read(tmp_path):
    path = tmp_path / "emberformer.yaml"
    path.write_text(YAML)
    recipe = parse(["--config", str(path)])
    training = recipe.training
    assert (recipe.network.d_model, recipe.network.nhead, recipe.network.num_layers) == (32, 4, 1)
    assert (recipe.loss.bce, recipe.loss.dice) == (0.3, 0.7)
    assert (training.patience, training.min_delta) == (5, 0.005)
    assert (training.monitor, training.monitor_mode, training.threshold) == ("val_iou", "max", 0.6)
    path.write_text(YAML.replace("enabled: true", "enabled: false").replace("use_dice: true", "use_dice: false"))
    off = parse(["--config", str(path)])
    assert (off.training.patience, off.loss.dice) == (0, 0.0)


@pytest.mark.documents
@pytest.mark.states(52)
def test_fires_in_the_documented_layout_train_without_a_recipe_of_one_s_own(checkout, command, shared_data):
    room = checkout("documented fire")
    given = shared_data / "spread_c2f_dogrib"
    (room / "dogrib" / "fire_frames").mkdir(parents=True)
    for part in ("landscape", "isochrones", "sequences.csv"):
        (room / "dogrib" / part).symlink_to(given / part)
    for sequence in sorted((given / "fire_frames").iterdir())[:8]:
        (room / "dogrib" / "fire_frames" / sequence.name).symlink_to(sequence)
    line = f"python src/train.py --config configs/fire-spread.yaml {TINY} --epochs 1 --chips_dir dogrib"
    ran = command(room, f"{line} --labels_dir null --network.d_model 16 --network.num_layers 1 --data.history 2")
    assert ran.run.info.status == "FINISHED"
