"""src/evaluate.py as a user runs it."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pyogrio
import pytest
import rasterio
import rasterio.features
import shapely
from e2e_settings import REPOSITORY, environment
from places import write_raster

from segmint.contract import ModelContract

WEST, NORTH = 500_000.0, 4_000_000.0


def run(script, room, *arguments, check=True, **settings):
    command = [sys.executable, str(REPOSITORY / "src" / f"{script}.py"), *map(str, arguments)]
    set_to = environment(room) | settings
    done = subprocess.run(command, cwd=room, env=set_to, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr[-3000:]
    return done


def figures(folder):
    return json.loads((folder / "metrics.json").read_text())["metrics"]


def test_on_its_own_test_chips_a_model_scores_what_training_logged(finished, bright_squares, tmp_path):
    """Chips of one tile: nothing is different but the runtime, which is proven equal to 1e-4 of a probability."""
    (split,) = finished.glob("mlruns/*/*/artifacts/datasets/split.json")
    stems = {tile["chip"] for tile in json.loads(split.read_text())["tiles"]["test"]}
    for source, name in zip(bright_squares, ("chips", "labels"), strict=True):
        (tmp_path / name).mkdir()
        for stem in stems:
            shutil.copy(source / f"{stem}.tif", tmp_path / name)
    where = ["--chips_dir", tmp_path / "chips", "--labels_dir", tmp_path / "labels"]
    run("evaluate", finished, "--model=meta", *where, f"--output_dir={tmp_path / 'out'}")
    logged = ModelContract.read(finished / "meta" / "contract.json").metrics
    found = figures(tmp_path / "out")
    compared = {name for name in logged if name.startswith("test_")} - {"test_ece_before"}
    compared = {name for name in compared if not name.startswith("test_baseline_iou_")}
    assert {"test_iou", "test_f1", "test_iou_building", "test_baseline_iou", "test_ece_after"} <= compared
    assert {name: found[name] for name in compared} == pytest.approx(
        {name: logged[name] for name in compared}, abs=2e-4
    )

    (trained,) = finished.glob("mlruns/*/*/artifacts/evaluation/test_chips.csv")
    ours = list(csv.reader((tmp_path / "out" / "test_chips.csv").read_text().splitlines()))
    theirs = list(csv.reader(trained.read_text().splitlines()))
    assert [row[0] for row in ours] == [row[0] for row in theirs]
    assert np.abs(np.array(ours[1:])[:, 2:].astype(int) - np.array(theirs[1:])[:, 2:].astype(int)).max() <= 2


@pytest.fixture(scope="module")
def predicted(model_folder, tmp_path_factory):
    """A scene with an empty strip, the map and polygons that predict makes of it, and how it was asked."""
    room = tmp_path_factory.mktemp("a scene to evaluate")
    noise = np.random.default_rng(3).integers(1, 250, (3, 15, 20)).astype(np.uint8)
    values = noise.repeat(10, axis=1).repeat(10, axis=2)
    values[:, :, 90:110] = 0
    write_raster(room / "scene.tif", values, (WEST, NORTH))
    with rasterio.open(room / "scene.tif", "r+") as scene:
        scene.nodata = 0
    given = ["--model", model_folder(), "--backend=onnxruntime"]
    run("predict", room, *given, "--input=scene.tif", "--probabilities=float32", "--output_dir=once")
    with rasterio.open(room / "once" / "scene_probabilities.tif") as found:
        given.append(f"--threshold={np.nanmedian(found.read()):.4f}")  # an untrained network says about the same always
    run("predict", room, *given, "--input=scene.tif", "--polygons=gpkg", "--output_dir=maps")
    with rasterio.open(room / "maps" / "scene_classes.tif") as found:
        classes = found.read(1)
    assert (np.bincount(classes[classes < 255]) > 1000).all()
    return room, classes, given


@pytest.mark.parametrize("truth", ["scene_classes.tif", "scene_polygons.gpkg"])
def test_against_its_own_map_or_polygons_a_model_is_right_everywhere(predicted, tmp_path, truth):
    """So a scene is answered exactly as predict answers it, and an empty pixel counts nowhere."""
    room, classes, given = predicted
    done = run(
        "evaluate", room, *given, "--input=scene.tif", f"--labels=maps/{truth}", f"--output_dir={tmp_path / 'out'}"
    )
    found = figures(tmp_path / "out")
    assert found["test_iou"] == 1
    assert found["test_object_f1"] == 1
    with rasterio.open(room / "maps" / "scene_classes.tif") as source:
        shapes = [value for _, value in rasterio.features.shapes(source.read(1)) if value == 1]
    assert found["test_object_true_count"] == found["test_object_count_class1"] == len(shapes)
    (row,) = csv.DictReader((tmp_path / "out" / "test_chips.csv").read_text().splitlines())
    assert (int(row["true_negatives"]), int(row["true_positives"])) == ((classes == 0).sum(), (classes == 1).sum())
    assert "IoU 1.0000" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")) == [".segmint"]
    assert "objects of class1" in done.stdout
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in page
    assert page.count("data:image/png;base64,") >= 5


def test_a_chip_larger_than_a_tile_is_answered_as_predict_answers_a_scene(predicted, tmp_path):
    room, classes, given = predicted
    (tmp_path / "chips").mkdir()
    shutil.copy(room / "scene.tif", tmp_path / "chips" / "a.tif")
    write_raster(tmp_path / "labels" / "a.tif", np.where(classes == 255, 0, classes)[None], (WEST, NORTH))
    where = [f"--chips_dir={tmp_path / 'chips'}", f"--labels_dir={tmp_path / 'labels'}"]
    run("evaluate", room, *given, *where, f"--output_dir={tmp_path / 'out'}")
    assert figures(tmp_path / "out")["test_iou"] == 1
    (row,) = csv.DictReader((tmp_path / "out" / "test_chips.csv").read_text().splitlines())
    assert int(row["true_positives"]) == (classes == 1).sum()


def test_truths_are_found_by_stem_and_only_the_labelled_area_counts(predicted, tmp_path):
    room, classes, given = predicted
    (tmp_path / "truths").mkdir()
    shutil.copy(room / "maps" / "scene_classes.tif", tmp_path / "truths" / "scene.tif")
    west_half = shapely.to_wkb([shapely.box(WEST, NORTH - 75, WEST + 20, NORTH)])
    kind = {"geometry_type": "Polygon", "crs": "EPSG:32636"}
    pyogrio.raw.write(tmp_path / "area.gpkg", geometry=west_half, field_data=[], fields=[], **kind)
    run(
        "evaluate",
        room,
        *given,
        *("--input=scene.tif", f"--labels={tmp_path / 'truths'}", f"--area={tmp_path / 'area.gpkg'}"),
        f"--output_dir={tmp_path / 'out'}",
    )
    (row,) = csv.DictReader((tmp_path / "out" / "test_chips.csv").read_text().splitlines())
    assert int(row["true_positives"]) == (classes[:, :40] == 1).sum()
    assert "only pixels within" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input=scene.tif", "--labels=nowhere.gpkg"], "error: labels: no file nowhere.gpkg"),
        (["--input=scene.tif", "--labels=scene.tif"], "error: label scene.tif is a colour rendering with three bands"),
        (["--input=scene.tif", "--labels=maps/scene_polygons.gpkg", "--stride=65"], "error: stride 65 leaves gaps"),
        (["--chips_dir=nowhere"], "error: chips_dir: no folder nowhere"),
        (["--chips_dir=maps", "--data.ignore=3"], "error: there is no recipe key 'data.ignore'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(predicted, tmp_path, arguments, message):
    room, _, given = predicted
    done = run("evaluate", room, *given, *arguments, f"--output_dir={tmp_path / 'out'}", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name != ".segmint"] == []


def test_an_evaluation_is_logged_on_request_with_model_and_data(predicted, tmp_path):
    from mlflow import MlflowClient

    room, _, given = predicted
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    where = ["--input=scene.tif", "--labels=maps/scene_classes.tif", "--mlflow_tracking=true"]
    done = run("evaluate", room, *given, *where, f"--output_dir={tmp_path / 'out'}", MLFLOW_TRACKING_URI=store)
    client = MlflowClient(store)
    logged = client.get_run(done.stdout.split("run:")[1].split()[0])
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert logged.info.status == "FINISHED"
    assert logged.data.metrics["test_iou"] == 1
    assert logged.data.metrics["test_object_recall"] == 1
    assert logged.data.tags["model.name"] == "test-model"
    assert logged.data.tags["model.sha256"] == written["model"]["sha256"]
    assert logged.data.tags["dataset.digest"] == written["data"]["digest"]
    names = {path.path for path in client.list_artifacts(logged.info.run_id, "evaluation")}
    assert {"evaluation/report.html", "evaluation/metrics.json", "evaluation/test_chips.csv"} <= names


def test_files_that_no_evaluation_wrote_are_left_alone(predicted, tmp_path):
    room, _, given = predicted
    scene = tmp_path / "scene_1.png"
    shutil.copy(room / "scene.tif", scene)
    before = scene.read_bytes()
    command = ["evaluate", room, *given, f"--input={scene}", "--labels=maps/scene_classes.tif"]
    done = run(*command, f"--output_dir={tmp_path}", check=False)
    assert done.returncode == 1
    assert "holds scene_1.png, which no evaluation wrote" in done.stderr
    assert scene.read_bytes() == before
