import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from segmint.data.sample import is_sample, make_sample
from segmint.errors import DataError

SCENES = 20
GRID = (1, 2)
PREPARE = Path(__file__).resolve().parents[2] / "src" / "prepare.py"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """All scenes of the default sample, each with a quarter of its ground."""
    root = tmp_path_factory.mktemp("sample")
    assert make_sample(root / "chips", root / "labels", scenes=SCENES, chips_per_scene=GRID) == SCENES * 2
    return root / "chips", root / "labels"


def small(root: Path, seed: int = 62) -> tuple[Path, Path]:
    """A sample of four chips of 32 px."""
    chips, labels = root / "chips", root / "labels"
    make_sample(chips, labels, seed=seed, scenes=2, chips_per_scene=(2, 1), size=32)
    return chips, labels


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
    make_sample(chips, labels, scenes=7, chips_per_scene=(2, 2), size=16)
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


def test_the_same_seed_writes_the_same_bytes_and_another_seed_another_camp(tmp_path):
    first, again, other = (small(tmp_path / name, seed) for name, seed in (("a", 62), ("b", 62), ("c", 63)))
    for one, same in zip(first, again, strict=True):
        assert [p.read_bytes() for p in sorted(one.iterdir())] == [p.read_bytes() for p in sorted(same.iterdir())]
    assert (read(first[0]) != read(other[0])).mean() > 0.5


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
        make_sample(tmp_path / "both", tmp_path / "both")
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


def test_the_script_says_where_the_sample_is_and_what_comes_next(tmp_path, monkeypatch, capsys):
    chips, labels = small(tmp_path)
    monkeypatch.setattr(sys, "argv", ["prepare.py", f"--chips_dir={chips}", f"--labels_dir={labels}"])
    runpy.run_path(os.fspath(PREPARE), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [
        f"sample: in {chips} already; remove it and {labels} to make another",
        f"next:   python src/train.py --chips_dir {chips} --labels_dir {labels}",
    ]


def test_the_script_ends_with_one_line_where_the_folder_is_not_its_own(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.tif").write_text("mine")
    monkeypatch.setattr(sys, "argv", ["prepare.py", f"--chips_dir={tmp_path}", f"--labels_dir={tmp_path / 'l'}"])
    with pytest.raises(SystemExit) as exit_status:
        runpy.run_path(os.fspath(PREPARE), run_name="__main__")
    assert exit_status.value.code == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path} holds files already")
