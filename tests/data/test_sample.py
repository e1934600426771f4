import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml

from segmint.data.sample import SAMPLES, is_sample, make_sample
from segmint.errors import DataError

SCENES = 20
GRID = (1, 2)
ROOT = Path(__file__).resolve().parents[2]
PREPARE = ROOT / "src" / "prepare.py"
SMALL: dict[str, dict[str, Any]] = {
    "camp": {"scenes": 2, "chips_per_scene": (2, 1), "size": 32},
    "burn": {"activations": 2, "height": 24, "width": 20},
    "strips": {"scenes": 2, "frames": 2, "height": 48, "width": 27},
    "spread": {"sequences": 2, "size": 24, "ground": (40, 48), "weathers": 4},
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """All scenes of the default sample, each with a quarter of its ground."""
    root = tmp_path_factory.mktemp("sample")
    assert make_sample("camp", root / "chips", root / "labels", scenes=SCENES, chips_per_scene=GRID) == SCENES * 2
    return root / "chips", root / "labels"


def small(root: Path, seed: int = 62, name: str = "camp") -> tuple[Path, Path]:
    """A sample of a few tiny pictures; of camps, four chips of 32 px."""
    chips, labels = root / "chips", root / "labels"
    make_sample(name, chips, labels, seed, **SMALL[name])
    return chips, labels


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read(folder: Path) -> np.ndarray:
    """Every raster of a folder by name, ``[N, C, H, W]``."""
    arrays = []
    for path in sorted(folder.glob("*.tif")):
        with rasterio.open(path) as source:
            arrays.append(source.read())
    return np.stack(arrays)


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def colour_baseline(chips: np.ndarray, truth: np.ndarray, train: slice, val: slice, test: slice) -> float:
    """Test IoU of the best classifier by colour alone: the share of shelter per bin of a 16 x 16 x 16 histogram.

    Args:
        chips: ``[S, N, 3, H, W]`` uint8, by scene.
        truth: ``[S, N, H, W]`` bool.
        train: Scenes that fill the histogram.
        val: Scenes that choose the threshold, the one of highest IoU.
        test: Scenes that are measured.
    """
    red, green, blue = (chips[:, :, band].astype(int) // 16 for band in range(3))
    bins = red * 256 + green * 16 + blue
    every = np.bincount(bins[train].ravel(), minlength=4096)
    shelter = np.bincount(bins[train][truth[train]], minlength=4096)
    share = (shelter / np.maximum(every, 1))[bins]
    threshold = max(np.linspace(0, 1, 41), key=lambda level: iou(share[val] >= level, truth[val]))
    return iou(share[test] >= threshold, truth[test])


def test_chips_and_labels_pair_by_name_with_the_documented_sizes(sample):
    chips, labels = sample
    assert sorted(p.name for p in chips.iterdir()) == sorted(p.name for p in labels.iterdir())
    assert (chips / "camp_03_r0_c1.tif").is_file()
    images, masks = read(chips), read(labels)
    assert (images.shape, images.dtype) == ((SCENES * 2, 3, 256, 256), np.uint8)
    assert (masks.shape, masks.dtype) == ((SCENES * 2, 1, 256, 256), np.uint8)


def test_labels_hold_background_and_shelter_and_nothing_else(sample):
    assert np.unique(read(sample[1])).tolist() == [0, 1]


def test_about_a_fifth_of_the_ground_is_shelter(sample):
    assert 0.15 < read(sample[1]).mean() < 0.25


def test_chips_of_a_scene_adjoin_and_scenes_lie_kilometres_apart(tmp_path):
    chips, labels = tmp_path / "chips", tmp_path / "labels"
    make_sample("camp", chips, labels, scenes=7, chips_per_scene=(2, 2), size=16)
    bounds = {}
    for path in chips.iterdir():
        with rasterio.open(path) as image, rasterio.open(labels / path.name) as label:
            assert image.crs.to_epsg() == 32636
            assert image.res == pytest.approx((0.3, 0.3))
            assert (image.bounds, image.crs) == (label.bounds, label.crs)
            bounds[path.stem] = image.bounds
    for scene in range(7):
        corner = bounds[f"camp_{scene:02d}_r0_c0"]
        assert bounds[f"camp_{scene:02d}_r0_c1"].left == pytest.approx(corner.right)
        assert bounds[f"camp_{scene:02d}_r1_c0"].top == pytest.approx(corner.bottom)
        for other in range(scene):
            far = bounds[f"camp_{other:02d}_r0_c0"]
            assert np.hypot(corner.left - far.left, corner.top - far.top) > 4_000


def test_neighbouring_chips_continue_each_other(sample):
    """Across the seam pixels differ no more than a few columns further on."""
    images = read(sample[0]).reshape(SCENES, 2, 3, 256, 256).astype(int)
    scene = np.concatenate([images[:, 0], images[:, 1]], axis=-1)
    steps = np.abs(np.diff(scene, axis=-1)).mean(axis=(0, 1, 2))
    assert steps[255] < 1.5 * steps.mean()


@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_seed_writes_the_same_bytes_and_another_seed_other_ones(tmp_path, name):
    first, again, other = (small(tmp_path / root, seed, name) for root, seed in (("a", 62), ("b", 62), ("c", 63)))
    assert [contents(folder) for folder in first] == [contents(folder) for folder in again]
    assert contents(first[0]) != contents(other[0])


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_known_again_and_its_marker_says_what_made_it(tmp_path, name):
    chips, _ = small(tmp_path, 7, name)
    assert is_sample(chips)
    marker = json.loads((tmp_path / "segmint-sample.json").read_text())["chips"]
    assert (marker["made_by"], marker["sample"], marker["seed"]) == ("segmint", name, 7)


@pytest.mark.parametrize("name", ["burn", "strips", "spread"])
def test_chips_and_labels_may_share_a_folder(tmp_path, name):
    chips, labels = small(tmp_path / "two", name=name)
    make_sample(name, tmp_path / "one", tmp_path / "one", **SMALL[name])
    assert contents(tmp_path / "one") == contents(chips) | contents(labels)
    assert is_sample(tmp_path / "one")


def test_samples_side_by_side_are_both_known(tmp_path):
    for name in ("burn", "spread"):
        make_sample(name, tmp_path / name, tmp_path / name, **SMALL[name])
    assert is_sample(tmp_path / "burn")
    assert is_sample(tmp_path / "spread")
    (tmp_path / "spread" / "landscape" / "indices.json").write_text("{}")
    assert is_sample(tmp_path / "burn")
    assert not is_sample(tmp_path / "spread")


@pytest.mark.parametrize("name", SAMPLES)
def test_the_recipe_of_a_sample_reads_its_default_folders(name):
    data = yaml.safe_load((ROOT / "configs" / f"{SAMPLES[name].recipe}.yaml").read_text())["data"]
    assert data.get("sample", "camp") == name
    assert data.get("chips_dir", "data/train/sample/chips") == SAMPLES[name].chips_dir
    assert data.get("labels_dir", "data/train/sample/labels") == SAMPLES[name].labels_dir


def test_a_sample_that_does_not_exist_is_refused_with_those_that_do(tmp_path):
    with pytest.raises(DataError, match="sample moon; expected one of camp, burn, strips, spread"):
        make_sample("moon", tmp_path / "chips", tmp_path / "labels")


def test_one_folder_within_the_other_is_refused(tmp_path):
    with pytest.raises(DataError, match="lies in the other"):
        make_sample("strips", tmp_path / "all", tmp_path / "all" / "masks")
    assert not (tmp_path / "all").exists()


def test_colour_alone_does_not_find_shelters(sample):
    chips, labels = sample
    images = read(chips).reshape(SCENES, 2, 3, 256, 256)
    truth = read(labels).reshape(SCENES, 2, 256, 256) == 1
    found = colour_baseline(images, truth, slice(0, 14), slice(14, 17), slice(17, 20))
    constant = float(truth[17:].mean())
    assert constant < 0.28
    assert found < 0.42


def test_a_folder_with_files_is_refused_and_left_as_it_was(tmp_path):
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "mine.txt").write_text("precious")
    with pytest.raises(DataError, match="labels holds files already"):
        small(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["labels", "mine.txt"]


def test_the_same_folder_for_chips_and_labels_is_refused(tmp_path):
    with pytest.raises(DataError, match="two folders"):
        make_sample("camp", tmp_path / "both", tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_an_empty_folder_is_filled_and_keeps_its_hidden_files(tmp_path):
    (tmp_path / "chips").mkdir()
    (tmp_path / "chips" / ".DS_Store").write_text("hidden")
    chips, labels = small(tmp_path)
    assert (chips / ".DS_Store").read_text() == "hidden"
    assert len(list(chips.glob("*.tif"))) == len(list(labels.glob("*.tif"))) == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["chips", "labels", "segmint-sample.json"]


def test_only_the_untouched_sample_counts_as_the_sample(tmp_path):
    assert not is_sample(tmp_path / "chips")
    chips, _ = small(tmp_path)
    assert is_sample(chips)
    own = chips / "camp_00_r0_c0.tif"
    own.write_bytes((chips / "camp_00_r1_c0.tif").read_bytes())
    assert not is_sample(chips)


def test_a_chip_of_ones_own_among_the_sample_ends_its_being_the_sample(tmp_path):
    chips, _ = small(tmp_path)
    (chips / "own.tif").write_bytes(b"a raster of one's own")
    assert not is_sample(chips)


def test_what_viewers_leave_beside_the_chips_does_not_count(tmp_path):
    chips, _ = small(tmp_path)
    (chips / "camp_00_r0_c0.tif.aux.xml").write_text("<PAMDataset/>")
    (chips / ".DS_Store").write_text("hidden")
    assert is_sample(chips)


@pytest.mark.parametrize("text", ["", "[]", '{"chips": 1}', '{"chips": {}}'])
def test_a_marker_that_says_nothing_makes_no_sample(tmp_path, text):
    chips, _ = small(tmp_path)
    (tmp_path / "segmint-sample.json").write_text(text)
    assert not is_sample(chips)


def test_the_script_says_where_the_sample_is_and_what_comes_next(tmp_path, monkeypatch, capsys):
    chips, labels = small(tmp_path)
    monkeypatch.setattr(sys, "argv", ["prepare.py", f"--chips_dir={chips}", f"--labels_dir={labels}"])
    runpy.run_path(os.fspath(PREPARE), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [
        f"sample: in {chips} already; remove it and {labels} to make another",
        f"next:   python src/train.py --chips_dir {chips} --labels_dir {labels}",
    ]


def test_the_script_makes_the_sample_it_is_asked_for_as_one_tree(tmp_path, monkeypatch, capsys):
    make_sample("spread", tmp_path / "fires", tmp_path / "fires", **SMALL["spread"])
    monkeypatch.setattr(sys, "argv", ["prepare.py", "--sample=spread", f"--chips_dir={tmp_path / 'fires'}"])
    runpy.run_path(os.fspath(PREPARE), run_name="__main__")
    folders = f"--chips_dir {tmp_path / 'fires'} --labels_dir {tmp_path / 'fires'}"
    assert capsys.readouterr().out.splitlines()[1] == f"next:   python src/train.py --recipe fire-spread {folders}"


def test_the_script_names_the_samples_there_are(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["prepare.py", "--sample=moon"])
    with pytest.raises(SystemExit):
        runpy.run_path(os.fspath(PREPARE), run_name="__main__")
    assert capsys.readouterr().err == "error: sample moon; expected one of camp, burn, strips, spread.\n"


def test_the_script_ends_with_one_line_where_the_folder_is_not_its_own(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.tif").write_text("mine")
    monkeypatch.setattr(sys, "argv", ["prepare.py", f"--chips_dir={tmp_path}", f"--labels_dir={tmp_path / 'l'}"])
    with pytest.raises(SystemExit) as exit_status:
        runpy.run_path(os.fspath(PREPARE), run_name="__main__")
    assert exit_status.value.code == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path} holds files already")
