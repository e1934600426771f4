"""src/predict.py as a user runs it."""

import json
import os
import subprocess
import sys

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
        *("--stride", 64, "--probabilities", "float32", "--bands", "1,2,3"),
    )
    session = onnxruntime.InferenceSession(str(model / "best_model.onnx"))
    expected = session.run(None, {"image": values[None].astype(np.float32)})[0][0]
    with rasterio.open(tmp_path / "one_probabilities.tif") as found:
        np.testing.assert_allclose(found.read(), expected, atol=1e-5)
        assert found.descriptions == ("class1",)
    with rasterio.open(tmp_path / "one_classes.tif") as found:
        clear = np.abs(expected[0] - 0.4) > 1e-5  # the contract's threshold
        assert (found.read(1) == (expected[0] >= 0.4))[clear].all()
    facts = json.loads((tmp_path / "one.json").read_text())
    assert facts["model"]["name"] == "test-model"
    assert facts["files"] == ["one_classes.tif", "one_probabilities.tif"]


def test_help_lists_the_parameters_and_loads_nothing_heavy(room):
    script = str(REPOSITORY / "src" / "predict.py")
    code = (
        f"import runpy, sys; sys.argv = ['predict.py', '--help']\ntry: runpy.run_path({script!r}, run_name='__main__')"
    )
    code += "\nfinally: print({'torch', 'mlflow', 'rasterio', 'onnxruntime'} & set(sys.modules))"
    path = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True)
    assert "--resample" in done.stdout
    assert done.stdout.rstrip().endswith("set()")


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
    assert not list(tmp_path.glob("scene*"))
