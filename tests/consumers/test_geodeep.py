"""GeoDeep's command line over a whole scene, beside the trained network in the same windows and beside ``predict``."""

import numpy as np
import pytest
import rasterio
from hard_windows import mapped, overlap_of, smoothed, spans
from places import write_raster
from runtimes import GEODEEP, MissingRuntimeError, call

from export import Request as ExportRequest
from export import export
from predict import main as predict

HEIGHT, WIDTH = 333, 410


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """The trained model with its unit form."""
    room = tmp_path_factory.mktemp("an export")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(room)
        export(ExportRequest(str(trained.folder), "all,onnx_unit", "export"))
    return room / "export"


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Bright squares on dark ground, no multiple of the tile, on the training chips' own grid and scale."""
    draw = np.random.default_rng(11)
    values = draw.integers(20, 110, (3, HEIGHT, WIDTH)).astype(np.uint8)
    for _ in range(60):
        row, column, edge = draw.integers(0, HEIGHT - 20), draw.integers(0, WIDTH - 20), draw.integers(10, 20)
        values[:, row : row + edge, column : column + edge] = draw.integers(170, 250)
    path = tmp_path_factory.mktemp("a scene") / "scene.tif"
    write_raster(path, values, (500_000.0, 4_000_000.0))
    return path


def geodeep(scene, model, answer):
    call([str(GEODEEP), str(scene), str(model), "-t", "mask", "-o", str(answer)], "`make test-consumers`")
    with rasterio.open(answer) as found:
        return found.read(1), found.transform, found.crs


def predicted(model, scene, folder):
    predict([f"--model={model}", f"--input={scene}", f"--output_dir={folder}"])
    with rasterio.open(folder / f"{scene.stem}_classes.tif") as found:
        return smoothed(found.read(1)), found.transform, found.crs


def test_geodeep_maps_a_scene_as_the_trained_network_does_in_the_same_windows(exported, trained, scene, tmp_path):
    """Whatever the network's context: the windows are cut hard on both sides, so nothing else is left to differ."""
    unit = exported / "unit" / "best_model.onnx"
    with rasterio.open(scene) as source:
        values = source.read()
    ours = smoothed(mapped(trained.folder / "best_model.pt", trained.contract, values, overlap_of(unit)))
    theirs, *_ = geodeep(scene, unit, tmp_path / "geodeep.tif")
    assert 0.05 < ours.mean() < 0.95
    assert (ours == theirs).mean() >= 0.995


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.75])
@pytest.mark.parametrize("length", [64, 65, 128, 410])
def test_hard_windows_leave_no_pixel_out(length, overlap):
    kept = np.zeros(length, int)
    for origin, first, end in spans(length, 64, overlap):
        assert 0 <= origin <= first < end <= origin + 64 <= length
        kept[first:end] += 1
    assert kept.min() >= 1


def test_geodeep_maps_a_scene_as_predict_does(exported, scene, tmp_path):
    ours, *place = predicted(exported, scene, tmp_path)
    theirs, *their_place = geodeep(scene, exported / "unit" / "best_model.onnx", tmp_path / "geodeep.tif")
    assert place == their_place
    assert 0.05 < ours.mean() < 0.95
    agreement = (ours == theirs).mean()
    assert agreement >= 0.995


def test_without_the_unit_form_geodeep_marks_nothing(exported, scene, tmp_path):
    """The reason for the form: values over 255 and one channel leave the largest channel always the first."""
    theirs, *_ = geodeep(scene, exported / "best_model.onnx", tmp_path / "geodeep.tif")
    assert not theirs.any()


def test_a_missing_geodeep_is_a_failure(tmp_path):
    with pytest.raises(MissingRuntimeError, match="cannot be started"):
        call([str(tmp_path / "geodeep")], "`make test-consumers`")
