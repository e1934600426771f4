"""Two versions that were not tested on the same data, compared on labelled chips."""

import hashlib
import shutil

import numpy as np
import onnxruntime
import pytest
import rasterio
from registered import counts

from promote import promote
from segmint.errors import RegistryError


def digests(chips):
    """What a training that knew these chips has in its manifest."""
    return [
        {"path": f"chips/{path.name}", "bytes": 0, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(chips.glob("*.tif"))
    ]


@pytest.fixture
def folders(bright_squares):
    chips, labels = bright_squares
    return f"--chips_dir={chips}", f"--labels_dir={labels}"


def pooled_iou(model, chips, labels):
    """Foreground IoU by ONNX Runtime and numpy, at the contract's threshold of 0.4."""
    session, found, either = onnxruntime.InferenceSession(str(model / "best_model.onnx")), 0, 0
    for path in chips:
        with rasterio.open(path) as chip, rasterio.open(labels / path.name) as label:
            answer = session.run(None, {"image": chip.read()[None].astype(np.float32)})[0][0, 0] >= 0.4
            truth = label.read(1) > 0
        found, either = found + (answer & truth).sum(), either + (answer | truth).sum()
    return found / either


def test_versions_tested_on_other_data_are_compared_on_the_chips_that_are_given(
    registry, say, bright_squares, folders, model_folder
):
    registry.add(counts(0.7))
    say(promote, "--approve=true")
    second = registry.add(counts(0.8), dataset="c" * 64)
    said = say(promote, *folders, "--approve=true")
    chips, labels = bright_squares
    expected = pooled_iou(model_folder(), sorted(chips.glob("*.tif")), labels)
    table = next(line for line in said.splitlines() if line.startswith("IoU  "))
    assert table.split() == ["IoU", f"{expected:.4f}", f"{expected:.4f}", "+0.0000"]
    assert "held out:  24 of 24 chips in" in said
    assert registry.aliases()["champion"] == second


def test_chips_that_either_model_has_learned_from_are_left_out(registry, say, bright_squares, folders, model_folder):
    chips, labels = bright_squares
    manifest = digests(chips)
    registry.add(counts(0.7), manifest=manifest, learned={"train": ["scene00_0"], "test": ["scene02_0"]})
    say(promote, "--approve=true")
    others = {"train": ["scene01_0"], "val": ["scene01_1"], "test": ["scene02_0", "scene02_1"]}
    registry.add(counts(0.8), dataset="c" * 64, manifest=manifest[:6], learned=others)
    said = say(promote, *folders)
    assert "held out:  1 of 24 chips" in said
    expected = pooled_iou(model_folder(), [chips / "scene02_0.tif"], labels)
    table = next(line for line in said.splitlines() if line.startswith("IoU  "))
    assert table.split()[1:3] == [f"{expected:.4f}", f"{expected:.4f}"]
    assert "1 chip: the interval means little" in said


def test_without_a_chip_that_is_new_to_both_nothing_is_compared(registry, say, bright_squares, folders):
    names = [path.stem for path in bright_squares[0].glob("*.tif")]
    registry.add(counts(0.7), manifest=digests(bright_squares[0]), learned={"train": names})
    with pytest.raises(RegistryError, match=r"every one of the 24 chips in .* was trained or tuned on"):
        say(promote, *folders)


def test_a_chip_that_was_trained_on_is_known_under_any_name(registry, say, bright_squares, folders, tmp_path):
    """Also under that of a chip which the training held out."""
    chips, labels = bright_squares
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for kind, folder in (("chips", chips), ("labels", labels)):
        (renamed / kind).mkdir()
        shutil.copy2(folder / "scene00_0.tif", renamed / kind / "scene02_0.tif")
    learned = {"train": ["scene00_0"], "test": ["scene02_0"]}
    registry.add(counts(0.7), manifest=digests(chips), learned=learned)
    with pytest.raises(RegistryError, match="every one of the 1 chips"):
        say(promote, f"--chips_dir={renamed / 'chips'}", f"--labels_dir={renamed / 'labels'}")


def test_a_model_whose_training_data_nobody_knows_is_not_compared(registry, say, folders):
    registry.add(counts(0.7), manifest=[])
    with pytest.raises(RegistryError, match=r"version 1 has no datasets/manifest\.json"):
        say(promote, *folders)
