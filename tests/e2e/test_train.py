import json
import os
import signal
import sqlite3
import time
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from e2e_settings import start_training, wait_for
from mlflow import MlflowClient

from segmint.contract import ModelContract
from segmint.export.dlpk import ONE_TILE
from segmint.export.esri import host
from segmint.layout import ARTIFACT_FOLDERS, FILES


@pytest.fixture
def client(finished, monkeypatch):
    monkeypatch.chdir(finished)
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    return MlflowClient()


@pytest.fixture
def only_run(client):
    runs = client.search_runs([item.experiment_id for item in client.search_experiments()])
    assert len(runs) == 1
    return runs[0]


def test_a_run_leaves_every_documented_file(finished):
    assert {path.name for path in (finished / "meta").iterdir()} == set(FILES)
    assert all((finished / "meta" / name).stat().st_size > 0 for name in FILES)


def test_the_run_is_finished_and_its_artifacts_lie_in_the_documented_folders(client, only_run):
    assert only_run.info.status == "FINISHED"
    for name, folder in ((name, ARTIFACT_FOLDERS[name]) for name in FILES):
        assert f"{folder}/{name}" in [item.path for item in client.list_artifacts(only_run.info.run_id, folder)]
    assert "checkpoints/best.ckpt" in [i.path for i in client.list_artifacts(only_run.info.run_id, "checkpoints")]
    package = {Path(item.path).name for item in client.list_artifacts(only_run.info.run_id, "esri")}
    assert package == {"best_model.dlpk", "model.emd", "best_model.pt", "SegmintClassifier.py"}


def test_the_parts_of_the_esri_package_work_as_they_lie_beside_the_definition(finished):
    """Driven as ArcGIS drives them, from the definition on."""
    (folder,) = finished.glob("mlruns/*/*/artifacts/esri")
    definition = json.loads((folder / "model.emd").read_text())
    function = host.load_function(folder / definition["InferenceFunction"])
    configuration = host.configure(function, str(folder / "model.emd"), dict(ONE_TILE))
    sample = np.load(finished / "meta" / "parity_sample.npz")
    chip, probability = sample["chips"][0], sample["probabilities"][0, 0]
    answer, _ = host.classify(function, configuration, chip, np.ones(chip.shape, np.uint8))
    threshold = ModelContract.read(finished / "meta" / "contract.json").output.threshold
    np.testing.assert_array_equal(answer, probability >= threshold)


def test_the_uploaded_checkpoint_is_the_run_s_own_and_names_no_path_of_the_machine(finished):
    (uploaded,) = finished.glob("mlruns/*/*/artifacts/checkpoints/best.ckpt")
    (local,) = finished.glob(".segmint/runs/*/checkpoints/best.ckpt")
    assert uploaded.read_bytes() == local.read_bytes()
    for room in (finished, finished.parent, Path.home()):
        assert str(room).encode() not in uploaded.read_bytes()


def test_every_epoch_is_in_the_run(client, only_run):
    for name in ("train_loss", "val_loss", "train_acc", "val_acc", "val_iou", "val_f1", "val_precision", "val_recall"):
        history = client.get_metric_history(only_run.info.run_id, name)
        assert [item.step for item in history] == [1, 2, 3], name
    assert only_run.data.metrics["epochs_trained"] == 3
    losses = [item.value for item in client.get_metric_history(only_run.info.run_id, "val_loss")]
    assert only_run.data.metrics["best_val_loss"] == pytest.approx(min(losses))


def test_the_run_says_where_and_on_what_it_was_trained(only_run):
    params = only_run.data.params
    assert params["system.torch"] == torch.__version__
    assert {"system.cpu_model", "system.memory_total_gib", "system.gpu_count", "dataset.digest", "split.rule"} <= set(
        params
    )
    assert [item.tags[0].value for item in only_run.inputs.dataset_inputs] == ["train", "val", "test"]
    samples = [params[f"{name}_samples"] for name in ("train", "val", "test", "total")]
    assert samples == ["16", "4", "4", "24"]
    assert [params[f"image_{name}"] for name in ("channels", "height", "width")] == ["3", "64", "64"]
    assert params["num_classes"] == "2"


def test_the_model_is_registered_with_signature_tags_and_alias(client, finished):
    version = client.get_model_version_by_alias("refugee-camp", "candidate")
    contract = ModelContract.read(finished / "meta" / "contract.json")
    assert version.tags["dataset_digest"] == contract.dataset.digest
    assert version.tags["recipe"] == "refugee-camp"
    assert "IoU" in version.description
    info = mlflow.models.get_model_info("models:/refugee-camp@candidate")
    assert info.signature.inputs.inputs[0].shape == (-1, 3, 64, 64)
    assert info.signature.outputs.inputs[0].shape == (-1, 1, 64, 64)


def test_the_registered_model_answers_like_the_trained_network(client, finished):
    sample = np.load(finished / "meta" / "parity_sample.npz")
    loaded = mlflow.pyfunc.load_model("models:/refugee-camp@candidate")
    answer = loaded.predict(sample["chips"].astype(np.float32))
    np.testing.assert_allclose(answer, sample["probabilities"], atol=1e-4)


def test_the_reference_is_the_checkpoint_s_own_answer(finished):
    """The sample's probabilities, from nothing but checkpoint, contract and the formula."""
    from segmint.models.factory import build

    contract = ModelContract.read(finished / "meta" / "contract.json")
    sample = np.load(finished / "meta" / "parity_sample.npz")
    (best,) = finished.glob(".segmint/runs/*/checkpoints/best.ckpt")
    state = torch.load(best, map_location="cpu", weights_only=True)["state_dict"]
    network, _ = build("unet_small", "", None, contract.band_names, 1)
    network.load_state_dict({k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")})
    mean = torch.tensor(contract.normalisation.mean)[:, None, None]
    std = torch.tensor(contract.normalisation.std)[:, None, None]
    with torch.no_grad():
        logits = network.eval()((torch.from_numpy(sample["chips"].astype(np.float32)) / 255 - mean) / std)
    expected = 1 / (1 + np.exp(-logits.numpy() / contract.output.temperature))
    np.testing.assert_allclose(sample["probabilities"], expected, atol=2e-5)


def test_every_proof_passed_and_is_in_the_run(finished, only_run):
    proofs = json.loads((finished / "meta" / "parity.json").read_text())["formats"]
    assert {proof["format"] for proof in proofs} == {"pth", "torchscript", "onnx", "pt2", "dlpk"}
    for proof in proofs:
        assert proof["passed"]
        assert only_run.data.metrics[f"parity_{proof['format']}_agreement"] == proof["agreement"]


@pytest.mark.states(229)
def test_training_again_with_the_same_seed_gives_the_same_figures_to_the_last_bit(train, finished, tmp_path):
    train(tmp_path, "--epochs=3")
    assert _history(tmp_path) == _history(finished)


def test_a_run_killed_in_the_middle_of_an_epoch_ends_with_the_same_figures(train, finished, tmp_path, bright_squares):
    process = start_training(tmp_path, bright_squares, "--epochs=3")
    wait_for(tmp_path, "last.ckpt")
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (run,) = tmp_path.glob(".segmint/runs/*")
    done = train(tmp_path, "--epochs=3")
    assert "carried on" in done.stdout
    assert run.name in done.stdout
    assert _history(tmp_path) == _history(finished)


def test_ctrl_c_marks_the_run_killed_and_keeps_the_best_checkpoint(tmp_path, bright_squares):
    process = start_training(tmp_path, bright_squares, "--epochs=50")
    wait_for(tmp_path, "last.ckpt")
    os.killpg(process.pid, signal.SIGINT)
    rest = process.stdout.read()
    process.wait()
    assert process.returncode == 130
    assert "KILLED" in rest
    assert "Traceback" not in process.stderr.read()
    assert len(list(tmp_path.glob(".segmint/runs/*/checkpoints/best.ckpt"))) == 1
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        assert store.execute("select status from runs").fetchall() == [("KILLED",)]
    assert not (tmp_path / "meta").exists()


def test_a_folder_that_holds_other_files_is_not_overwritten(train, tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "thesis.txt").write_text("mine")
    done = train(tmp_path, "--epochs=1", check=False)
    assert done.returncode == 1
    assert "thesis.txt" in done.stderr
    assert (tmp_path / "meta" / "thesis.txt").read_text() == "mine"


def _history(room: Path) -> list[tuple[str, int, float]]:
    """Every training, validation and test figure of the only run in ``room``."""
    with sqlite3.connect(room / "mlflow.db") as store:
        rows = store.execute(
            "select distinct key, step, value from metrics where key like 'train_%' or key like 'val_%' "
            "or key like 'test_%' or key in ('temperature', 'threshold', 'best_val_loss') order by key, step"
        ).fetchall()
    assert len(rows) > 40
    return rows


@pytest.mark.states(292)
def test_a_model_that_answers_otherwise_fails_the_run_and_registers_nothing(train, tmp_path, bright_squares):
    """The fault of the original example, planted: a second sigmoid in the deployed module."""
    process = start_training(tmp_path, bright_squares, "--epochs=1", fault=SECOND_SIGMOID)
    said, errors = process.communicate()
    assert process.returncode == 1
    assert "largest difference" in errors
    assert "Traceback" not in errors
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        assert store.execute("select status from runs").fetchall() == [("FAILED",)]
        assert store.execute("select * from model_versions").fetchall() == []
        (difference,) = store.execute("select value from metrics where key = 'parity_onnx_max_abs'").fetchone()
    assert difference > 0.1
    assert not (tmp_path / "meta").exists()
    (refused,) = tmp_path.glob(".segmint/runs/*/state.json")
    assert "by its proof; the same command starts a new one. On a CPU that ends with the same weights" in said
    done = train(tmp_path, "--epochs=1")  # without the fault
    assert f"in sqlite:///mlflow.db, a new one: {refused.parent.name} was refused by its proof" in done.stdout
    assert (tmp_path / "meta" / "contract.json").is_file()


SECOND_SIGMOID = """
import torch
from segmint.models.deployed import DeployedModel
once = DeployedModel.forward
DeployedModel.forward = lambda self, image: torch.sigmoid(once(self, image))
"""
