"""Decoded tiles: what epochs and later runs read in place of the chips."""

import os
import shutil

import numpy as np
import pytest
from places import write_raster

from segmint.data.decoded import decode
from segmint.data.fingerprint import fingerprint
from segmint.data.pairs import find_chips
from segmint.data.reader import TileReader
from segmint.data.tiles import Tile, partition
from segmint.errors import DataError
from segmint.recipe import DataRecipe


@pytest.fixture
def recipe(tmp_path):
    """Two chips of 50 x 70 px in 16 bits."""
    draw = np.random.default_rng(3)
    for name in "ab":
        write_raster(tmp_path / "chips" / f"{name}.tif", draw.integers(0, 9000, (3, 50, 70)).astype(np.uint16), (0, 0))
        write_raster(tmp_path / "labels" / f"{name}.tif", draw.integers(0, 2, (1, 50, 70)).astype(np.uint8), (0, 0))
    return DataRecipe(chips_dir=str(tmp_path / "chips"), labels_dir=str(tmp_path / "labels"), tile_size=32)


def readers(recipe, fit="tile"):
    chips = find_chips(recipe)
    tiles = [Tile(chip, *part) for chip in range(2) for part in partition(0, 0, 50, 70, 32 if fit == "tile" else 70)]
    return {split: TileReader(chips, part, 32, fit) for split, part in (("train", tiles[:-1]), ("val", tiles[-1:]))}


@pytest.mark.parametrize("fit", ["tile", "letterbox", "resize"])
def test_every_tile_is_as_the_chips_have_it(recipe, tmp_path, fit):
    plain = readers(recipe, fit)
    kept = decode(plain, "digest", tmp_path / "tiles")
    for split, reader in plain.items():
        assert len(kept[split]) == len(reader) > 0
        for position in range(len(reader)):
            assert kept[split].stem(position) == reader.stem(position)
            for found, expected in zip(kept[split].read(position), reader.read(position), strict=True):
                assert found.dtype == expected.dtype
                np.testing.assert_array_equal(found, expected)


def test_a_file_that_was_not_written_to_its_end_is_read_from_the_chips(recipe, tmp_path):
    plain = readers(recipe)
    kept = decode(plain, "digest", tmp_path / "tiles")["train"]
    values = next((tmp_path / "tiles").glob("*/train.values"))
    os.truncate(values, values.stat().st_size - 1)
    for position in range(len(kept)):
        np.testing.assert_array_equal(kept.read(position)[0], plain["train"].read(position)[0])


def test_nothing_is_decoded_a_second_time(recipe, tmp_path):
    plain = readers(recipe)
    expected = plain["train"].read(1)[0]
    decode(plain, "digest", tmp_path / "tiles")
    kept = decode(plain, "digest", tmp_path / "tiles")
    shutil.rmtree(recipe.labels_dir)
    np.testing.assert_array_equal(kept["train"].read(1)[0], expected)


def test_a_chip_that_changed_is_decoded_anew(recipe, tmp_path):
    def kept():
        plain = readers(recipe)
        return decode(plain, fingerprint(plain["train"].chips).digest, tmp_path / "tiles")["train"].read(0)[0]

    before = kept()
    write_raster(tmp_path / "chips" / "a.tif", np.full((3, 50, 70), 7, np.uint16), (0, 0))
    assert (before != 7).any()
    assert (kept() == 7).all()


def test_who_makes_room_costs_time_alone(recipe, tmp_path):
    plain = readers(recipe)
    kept = decode(plain, "digest", tmp_path / "tiles")
    shutil.rmtree(tmp_path / "tiles")
    np.testing.assert_array_equal(kept["val"].read(0)[0], plain["val"].read(0)[0])


def test_the_tiles_of_the_datasets_used_last_stay(recipe, tmp_path):
    plain = readers(recipe)
    for content in "abcad":
        decode(plain, content, tmp_path / "tiles")
    left = {path for path in (tmp_path / "tiles").iterdir() if path.is_dir()}
    assert len(left) == 3
    decode(plain, "a", tmp_path / "tiles")
    assert {path for path in (tmp_path / "tiles").iterdir() if path.is_dir()} == left


def test_a_chip_that_cannot_be_read_leaves_nothing_behind(recipe, tmp_path):
    plain = readers(recipe)
    (tmp_path / "chips" / "b.tif").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"b\.tif cannot be read"):
        decode(plain, "digest", tmp_path / "tiles")
    assert [path.name for path in (tmp_path / "tiles").iterdir()] == ["lock"]
