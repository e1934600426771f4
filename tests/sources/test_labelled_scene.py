from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from places import write_raster
from rasterio.transform import from_origin

from segmint.errors import DataError
from segmint.sources.scene import Scene, find_scenes


def scene_of(height: int, width: int) -> Scene:
    return Scene(Path("a.tif"), height, width, "uint8", (None,), (), None, False, None, from_origin(0, 0, 1, 1))


@settings(deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), size=st.integers(1, 60), share=st.floats(0, 0.99))
def test_windows_cover_every_pixel_and_without_overlap_only_once(height, width, size, share):
    overlap = int(size * share)
    seen = np.zeros((height, width), int)
    for row, col, rows, cols in scene_of(height, width).windows(size, overlap):
        assert 1 <= rows <= size
        assert 1 <= cols <= size
        assert row + rows <= height
        assert col + cols <= width
        seen[row : row + rows, col : col + cols] += 1
    assert seen.min() >= 1
    if overlap == 0:
        assert seen.max() == 1


@settings(deadline=None)
@given(length=st.integers(1, 500), size=st.integers(2, 100), overlap=st.integers(0, 99))
def test_neighbours_share_exactly_the_overlap(length, size, overlap):
    overlap = min(overlap, size - 1)
    rows = sorted({(row, rows) for row, _, rows, _ in scene_of(length, 1).windows(size, overlap)})
    for (row, rows_here), (following, _) in pairwise(rows):
        assert row + rows_here - following == overlap


def test_a_whole_number_of_chips_gives_chips_of_full_size():
    assert {window[2:] for window in scene_of(1024, 1536).windows(512, 0)} == {(512, 512)}


def test_nodata_in_every_band_hides_a_pixel_and_in_one_band_does_not(tmp_path):
    values = np.full((2, 2, 3), 9, np.uint8)
    values[:, 0, 0] = 0
    values[0, 1, 1] = 0
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", count=2, height=2, width=3, dtype="uint8", nodata=0
    ) as target:
        target.write(values)
    with Scene.inspect(tmp_path / "a.tif").opened() as opened:
        stored, valid = opened.read((0, 0, 2, 3))
    np.testing.assert_array_equal(stored, values)
    np.testing.assert_array_equal(valid, [[False, True, True], [True, True, True]])


def test_folders_patterns_and_files_name_scenes_once_each(tmp_path):
    for name in ("b.tif", "a.tif", "sub/c.tif"):
        write_raster(tmp_path / name, np.ones((1, 4, 4), np.uint8), (0, 0))
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset/>")
    found = find_scenes([str(tmp_path), str(tmp_path / "a*.tif"), str(tmp_path / "**" / "c.tif")])
    assert [scene.stem for scene in found] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (np.ones((1, 4, 4), np.uint16), "dtype"),
        (np.ones((2, 4, 4), np.uint8), "2 bands"),
    ],
)
def test_scenes_that_could_not_be_trained_on_together_are_refused(tmp_path, other, words):
    write_raster(tmp_path / "a.tif", np.ones((1, 4, 4), np.uint8), (0, 0))
    write_raster(tmp_path / "b.tif", other, (0, 0))
    with pytest.raises(DataError, match=words):
        find_scenes([str(tmp_path)])


def test_two_scenes_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        write_raster(tmp_path / folder / "scene.tif", np.ones((1, 4, 4), np.uint8), (0, 0))
    with pytest.raises(DataError, match="same stem"):
        find_scenes([str(tmp_path / "a"), str(tmp_path / "b")])


def test_a_place_without_scenes_and_a_file_that_is_none_are_named(tmp_path):
    with pytest.raises(DataError, match="nothing at"):
        find_scenes([str(tmp_path / "*.tif")])
    (tmp_path / "a.tif").write_text("hello")
    with pytest.raises(DataError, match=r"a\.tif cannot be read"):
        find_scenes([str(tmp_path)])
