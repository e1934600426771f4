"""What a map says about the foreground as a whole, whatever the number of its classes and however its rows arrive."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from places import write_raster

from segmint.errors import ModelError, SceneError
from segmint.inference import job as module
from segmint.inference.job import Job
from segmint.inference.maps import MapInWork
from segmint.inference.models import find_model
from segmint.inference.request import Request


def begun(folder, contract, width):
    return MapInWork.begin(folder, contract, (None, Affine.identity(), width), "none", threshold=0.6)


@pytest.mark.parametrize("classes", [2, 4])
def test_detection_and_confidence_are_those_of_all_rows_even_after_an_interruption(make_contract, tmp_path, classes):
    contract = make_contract(classes=classes)
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 1, (4, 30, 20)).astype(np.float32)
    shares = np.exp(logits) / np.exp(logits).sum(axis=0)
    probabilities = shares[:1] if classes == 2 else shares
    valid = draw.random((30, 20)) > 0.3
    begun(tmp_path, contract, 20).append(probabilities[:, :13], valid[:13])
    work = begun(tmp_path, contract, 20)
    assert work.rows == 13
    work.append(probabilities[:, 13:], valid[13:])
    foreground = shares[0] if classes == 2 else 1 - shares[0]
    marked = foreground >= 0.6 if classes == 2 else shares.argmax(axis=0) > 0
    found = work.found()
    assert found.detected == marked[valid].any()
    assert found.confidence == pytest.approx(foreground[valid].max(), abs=1e-4)


def test_nothing_is_detected_where_no_pixel_has_a_value_or_reaches_the_threshold(make_contract, tmp_path):
    (tmp_path / "empty").mkdir()
    empty = begun(tmp_path / "empty", make_contract(), 8)
    empty.append(np.ones((1, 5, 8), np.float32), np.zeros((5, 8), bool))
    assert (empty.found().detected, empty.found().confidence) == (False, 0)
    low = begun(tmp_path, make_contract(), 8)
    low.append(np.full((1, 5, 8), 0.59, np.float32), np.ones((5, 8), bool))
    assert (low.found().detected, low.found().confidence) == (False, 0.59)


def test_a_prediction_states_what_it_found_and_its_polygons_by_class(model_folder, tmp_path, capsys):
    values = np.random.default_rng(3).integers(1, 250, (3, 100, 80)).astype(np.uint8)
    write_raster(tmp_path / "scene.tif", values, (500_000.0, 4_000_000.0))
    asked = {"model": str(model_folder()), "backend": "onnxruntime", "probabilities": "float32", "polygons": "gpkg"}
    with find_model(str(model_folder())) as files:
        Job(Request(**asked), files).run(str(tmp_path / "scene.tif"), tmp_path, "first")
        with rasterio.open(tmp_path / "first_probabilities.tif") as source:
            shares = source.read(1)
        threshold = float(np.median(shares))
        done = Job(Request(**asked, threshold=threshold), files).run(str(tmp_path / "scene.tif"), tmp_path, "second")
    facts = json.loads((tmp_path / "second_prediction.json").read_text())
    assert facts["foreground"] == {
        "classes": ["class1"],
        "detected": True,
        "confidence": pytest.approx(shares.max(), abs=1e-4),
    }
    marked = (shares >= np.float32(threshold)).sum()
    assert facts["polygons"]["class1"]["area_m2"] == pytest.approx(marked * 0.25, rel=1e-3)
    assert facts["polygons"]["class1"]["count"] > 1
    assert facts == json.loads(json.dumps(done.facts))
    assert f"found:   class1, confidence {facts['foreground']['confidence']:.3f}" in capsys.readouterr().out


def test_runtimes_are_timed_for_the_first_scene_that_suits_and_never_again(model_folder, tmp_path, monkeypatch):
    draw = np.random.default_rng(3)
    for name, bands in (("unsuited", 5), ("first", 3), ("second", 3)):
        write_raster(tmp_path / f"{name}.tif", draw.integers(1, 250, (bands, 70, 70)).astype(np.uint8), None)
    timed = []
    monkeypatch.setattr(module, "choose", lambda files, wanted: timed.append(wanted) or real(files, "onnxruntime"))
    with find_model(str(model_folder())) as files:
        with pytest.raises(ModelError, match="stride 65 leaves gaps"):
            Job(Request(model="m", stride=65), files)
        job = Job(Request(model="m"), files)
        with pytest.raises(SceneError, match="has 5 bands"):
            job.run(str(tmp_path / "unsuited.tif"), tmp_path, "unsuited")
        assert timed == []
        for name in ("first", "second", "first"):
            job.run(str(tmp_path / f"{name}.tif"), tmp_path, name)
        assert timed == ["auto"]


real = module.choose
