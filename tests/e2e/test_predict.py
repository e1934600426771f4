"""src/predict.py as a user runs it."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import onnxruntime
import pytest
import rasterio
import rasterio.shutil
from e2e_settings import REPOSITORY, environment
from places import write_raster


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A folder with a space in its name and a scene of 3 bands, larger than two tiles of 64 px, with an empty strip."""
    room = tmp_path_factory.mktemp("scenes to predict")
    values = np.random.default_rng(2).integers(1, 250, (4, 150, 200)).astype(np.uint8)
    values[:, :, 90:110] = 0
    path = room / "scene.tif"
    write_raster(path, values, (500_000.0, 4_000_000.0))
    with rasterio.open(path, "r+") as scene:
        scene.nodata = 0
        scene.descriptions = ("blue", "nir", "green", "red")
    return room


def predict(room, *arguments, check=True):
    command = [sys.executable, str(REPOSITORY / "src" / "predict.py"), *map(str, arguments)]
    done = subprocess.run(command, cwd=room, env=environment(room), capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.mark.states(231)
@pytest.mark.parametrize("form", ["best_model.onnx", "best_model.pt", "best_model.pt2", "best_model.dlpk"])
def test_every_exported_file_predicts_a_scene_on_its_own_grid(room, model_folder, form, tmp_path):
    done = predict(room, "--model_path", model_folder() / form, "--image_path=scene.tif", f"--output_dir={tmp_path}")
    assert "error" not in done.stderr
    with rasterio.open(room / "scene.tif") as scene, rasterio.open(tmp_path / "scene_classes.tif") as found:
        assert (found.crs, found.transform, found.shape) == (scene.crs, scene.transform, scene.shape)
        assert found.nodata == 255
        assert found.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert found.colormap(1)[1] == (0, 0, 1, 255)
        classes = found.read(1)
    rasterio.shutil.copy(tmp_path / "scene_classes.tif", tmp_path / "seen by gdal.vrt", driver="VRT")
    assert "<Category>class1</Category>" in (tmp_path / "seen by gdal.vrt").read_text()
    assert ((classes == 255) == (np.arange(200) // 10 == 9) | (np.arange(200) // 10 == 10)).all()
    assert set(np.unique(classes)) <= {0, 1, 255}


def test_the_middle_of_a_single_window_is_what_onnx_runtime_says(room, model_folder, tmp_path):
    values = np.random.default_rng(4).integers(1, 250, (3, 64, 64)).astype(np.uint8)
    write_raster(tmp_path / "one.tif", values, (500_000.0, 4_000_000.0))
    model = model_folder()
    predict(
        room,
        *("--model", model, "--input", tmp_path / "one.tif", "--output_dir", tmp_path),
        *("--stride", 64, "--probabilities", "float32", "--bands", "1,2,3", "--backend", "torch"),
    )
    session = onnxruntime.InferenceSession(str(model / "best_model.onnx"))
    expected = session.run(None, {"image": values[None].astype(np.float32)})[0][0]
    with rasterio.open(tmp_path / "one_probabilities.tif") as found:
        np.testing.assert_allclose(found.read(), expected, atol=1e-5)
        assert found.descriptions == ("class1",)
    with rasterio.open(tmp_path / "one_classes.tif") as found:
        clear = np.abs(expected[0] - 0.4) > 1e-5  # the contract's threshold
        assert (found.read(1) == (expected[0] >= 0.4))[clear].all()
    facts = json.loads((tmp_path / "one_prediction.json").read_text())
    assert facts["model"]["name"] == "test-model"
    assert facts["files"] == ["one_classes.tif", "one_probabilities.tif", "one_overlay.png"]


def test_what_another_prediction_left_of_a_scene_does_not_stand_beside_the_new_map(room, model_folder, tmp_path):
    given = ["--model", model_folder(), "--input=scene.tif", f"--output_dir={tmp_path}"]
    predict(room, *given, "--polygons=gpkg")
    assert (tmp_path / "scene_polygons.gpkg").is_file()
    predict(room, *given, "--threshold=0.9")
    assert not (tmp_path / "scene_polygons.gpkg").exists()
    (tmp_path / "scene_prediction.json").write_text("[1, 2]")
    done = predict(room, *given, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "scene_prediction.json was not written by a prediction" in done.stderr
    assert (tmp_path / "scene_prediction.json").read_text() == "[1, 2]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strde=3"], "error: there is no parameter 'strde'; expected stride."),
        (["--stride=65"], "error: stride 65 leaves gaps; expected at most the tile, 64."),
        (["--input=nowhere.tif"], "error: there is no scene nowhere.tif"),
        (["--model=nowhere"], "error: there is no model nowhere"),
        (["--bands=1,2"], "error: scene.tif: --bands lists 2 bands; expected 3 bands (red, green, blue)."),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(room, model_folder, tmp_path, arguments, message):
    given = ["--model", model_folder(), "--input=scene.tif", f"--output_dir={tmp_path}", *arguments]
    done = predict(room, *given, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert "backend:" not in done.stdout  # no runtime was timed for it
    assert not list(tmp_path.glob("scene*"))


@pytest.fixture(scope="module")
def long_scene(room):
    """A scene that takes some seconds with a small stride."""
    draw = np.random.default_rng(8)
    write_raster(room / "long.tif", draw.integers(1, 250, (3, 900, 300)).astype(np.uint8), (500_000.0, 4_000_000.0))
    return ["--input=long.tif", "--stride=16", "--backend=onnxruntime"]


def started(room, rows, output, *arguments):
    """The process of a prediction that has finished some rows."""
    command = [sys.executable, str(REPOSITORY / "src" / "predict.py"), f"--output_dir={output}", *map(str, arguments)]
    process = subprocess.Popen(
        command, cwd=room, env=environment(room), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until, growing = time.monotonic() + 120, output / ".long.part" / "certainty.raw"
    while not (growing.exists() and growing.stat().st_size >= rows * 300 * 2):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_no_half_file(room, model_folder, long_scene, tmp_path, number):
    process = started(room, 50, tmp_path, "--model", model_folder(), *long_scene)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == f"stopped by {number.name}: finished scenes stay, nothing half is left\n"
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.json", ".segmint"}


def test_a_killed_prediction_carries_on_to_the_same_map(room, model_folder, long_scene, tmp_path):
    given = ["--model", model_folder(), *long_scene, "--probabilities=float32"]
    predict(room, *given, f"--output_dir={tmp_path / 'whole'}")
    (tmp_path / "parts").mkdir()
    process = started(room, 300, tmp_path / "parts", *given, "--resume=true")
    process.kill()
    process.communicate()
    assert not list((tmp_path / "parts").glob("long*"))
    done = predict(room, *given, "--resume=true", f"--output_dir={tmp_path / 'parts'}")
    resumed = int(done.stdout.split("resume:")[1].split()[0])
    assert resumed >= 300
    for name in ("long_classes.tif", "long_probabilities.tif", "long_overlay.png"):
        with rasterio.open(tmp_path / "whole" / name) as one, rasterio.open(tmp_path / "parts" / name) as other:
            assert (one.read() == other.read()).all()
    assert not (tmp_path / "parts" / ".long.part").exists()


def test_other_parameters_do_not_carry_on(room, model_folder, long_scene, tmp_path):
    given = ["--model", model_folder(), *long_scene, "--resume=true"]
    process = started(room, 50, tmp_path, *given)
    process.kill()
    process.communicate()
    done = predict(room, *given, "--stride=32", f"--output_dir={tmp_path}")
    assert "resume:" not in done.stdout


def test_many_scenes_have_states_and_running_again_does_only_what_is_missing(room, model_folder, tmp_path):
    scenes = tmp_path / "scenes"
    draw = np.random.default_rng(8)
    for name, bands in (("a", 3), ("b", 4), ("c", 3)):
        values = draw.integers(1, 250, (bands, 70, 50)).astype(np.float32)
        write_raster(scenes / f"{name}.tif", values, (500_000.0, 4_000_000.0))
    given = ["--model", model_folder() / "best_model.onnx", "--input", scenes, f"--output_dir={tmp_path / 'maps'}"]
    done = predict(room, *given, "--polygons=gpkg", check=False)
    assert done.returncode == 1
    assert "1 of 3 scenes failed" in done.stderr
    manifest = json.loads((tmp_path / "maps" / "manifest.json").read_text())
    assert {stem: item["state"] for stem, item in manifest.items()} == {"a": "done", "b": "failed", "c": "done"}
    assert "has 4 bands" in manifest["b"]["error"]
    assert (tmp_path / "maps" / "c_polygons.gpkg").is_file()
    before = (tmp_path / "maps" / "a_classes.tif").stat().st_mtime_ns
    write_raster(scenes / "b.tif", values, (500_000.0, 4_000_000.0))
    again = predict(room, *given, "--polygons=gpkg")
    assert again.stdout.count("stood already") == 2
    assert (tmp_path / "maps" / "b_classes.tif").is_file()
    assert (tmp_path / "maps" / "a_classes.tif").stat().st_mtime_ns == before


def test_a_prediction_is_logged_on_request_with_its_model(room, model_folder, tmp_path):
    from mlflow import MlflowClient

    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    script = str(REPOSITORY / "src" / "predict.py")
    given = ["--model", str(model_folder() / "best_model.onnx"), "--input=scene.tif", "--mlflow_tracking=true"]
    done = subprocess.run(
        [sys.executable, script, *given, f"--output_dir={tmp_path / 'maps'}"],
        cwd=room,
        env=environment(room) | {"MLFLOW_TRACKING_URI": store, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"},
        capture_output=True,
        text=True,
        check=True,
    )
    client = MlflowClient(store)
    run = client.get_run(done.stdout.split("run:")[1].split()[0])
    assert run.info.status == "FINISHED"
    facts = json.loads((tmp_path / "maps" / "scene_prediction.json").read_text())
    assert run.data.tags["model.sha256"] == facts["model"]["sha256"]
    names = {path.path for path in client.list_artifacts(run.info.run_id, "scene")}
    assert {"scene/scene_classes.tif", "scene/scene_classes.tif.aux.xml", "scene/scene_prediction.json"} <= names
