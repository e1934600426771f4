"""Codes that are learned from the training split, and those that only the others show."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from places import unread_chip

from segmint.command_line import parse
from segmint.data.categories import categorical, settle
from segmint.data.chips import Chip
from segmint.data.normalisation import Normaliser, describe_input, scaling_of
from segmint.data.preparation import prepare
from segmint.data.sample_layouts import write_spread
from segmint.data.splits import Split
from segmint.data.tiles import Rectangle, Tile
from segmint.errors import DataError
from segmint.interface import Band

BANDS = (
    Band(name="fire_t-0", kind="categorical", categories=(0, 1)),
    Band(name="cover", kind="categorical"),
    Band(name="height"),
)


@dataclass(frozen=True)
class Plane:
    """Values at hand, all valid."""

    values: np.ndarray

    def read(self, window: Rectangle) -> tuple[np.ndarray, np.ndarray]:
        row, col, height, width = window
        part = self.values[:, row : row + height, col : col + width]
        return part, np.ones(part.shape[1:], bool)


def chip(name: str, cover: list[float], group: str | None = None, nodata: float | None = None) -> Chip:
    """One row of pixels: an unknown fire, the cover, a height."""
    values = np.array([[[-1.0] * len(cover)], [cover], [[5.5] * len(cover)]], np.float32)
    return replace(unread_chip(name, 1, len(cover)), pixels=Plane(values), group=group, nodata=nodata)


def split_of(*sides: list[Chip]) -> tuple[list[Chip], Split]:
    chips = [chip for side in sides for chip in side]
    tiles = [Tile(number, 0, 0, chip.height, chip.width) for number, chip in enumerate(chips)]
    counts = np.cumsum([0, *map(len, sides)])
    names = ("train", "val", "test")
    return chips, Split({n: tuple(tiles[a:b]) for n, a, b in zip(names, counts, counts[1:], strict=False)}, "by hand")


def test_codes_are_those_of_the_training_split_and_the_others_are_said_with_their_pixels():
    chips, split = split_of([chip("a", [7, 2, 2])], [chip("b", [2, 40, np.nan])], [chip("c", [40, 40, 11])])
    bands, notes = settle(BANDS, chips, split)
    assert [band.categories for band in bands] == [(0, 1), (2, 7), ()]
    assert notes == (
        "cover: 2, 7 learned from the training split; "
        "11 (1 px), 40 (3 px) are no codes of the model and count as missing",
    )


def test_ground_that_steps_of_one_fire_share_counts_once_and_nodata_is_no_code():
    steps = [chip(f"b_t{step}", [2, 9, -9999], "b", -9999.0) for step in range(3)]
    chips, split = split_of([chip("a", [2, -9999], nodata=-9999.0)], steps, [chip("c", [2])])
    bands, notes = settle(BANDS, chips, split)
    assert bands[1].categories == (2,)
    assert notes == (
        "cover: 2 learned from the training split; 9 (1 px) is no code of the model and counts as missing",
    )


def test_declared_codes_stay_and_what_is_none_of_them_is_said():
    chips, split = split_of([chip("a", [1, 3])], [chip("b", [1])], [chip("c", [2])])
    declared = (BANDS[0], BANDS[1].model_copy(update={"categories": (1, 2)}), BANDS[2])
    bands, notes = settle(declared, chips, split)
    assert bands == declared
    assert notes == ("cover: 3 (1 px) is no code of the model and counts as missing",)
    assert settle((BANDS[2],), chips, split) == ((BANDS[2],), ())


@pytest.mark.parametrize(
    ("cover", "words"),
    [
        ([1.5, 2], "categorical band cover holds 1.5; expected whole numbers"),
        (list(range(300)), "holds 300 codes in the training split; expected 1 to 256"),
        ([np.nan], "holds 0 codes in the training split"),
    ],
)
def test_a_band_that_is_not_one_of_codes_is_refused(cover, words):
    chips, split = split_of([chip("a", cover)], [chip("b", [1])], [chip("c", [1])])
    with pytest.raises(DataError, match=words):
        settle(BANDS, chips, split)


@pytest.fixture(scope="module")
def fires(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("fires")
    write_spread(root, root, 62, sequences=8, size=32, ground=(64, 64), weathers=4)
    return root


def test_a_code_that_training_never_saw_becomes_zero_in_every_channel(fires, capsys):
    recipe = parse(["--recipe=fire-spread", f"--chips_dir={fires}"])
    prepared = prepare(recipe)
    place = categorical(prepared.bands)[0]
    codes = prepared.bands[place].categories
    said = f"codes: fuels: {', '.join(map(str, codes))} learned from the training split"
    assert said in capsys.readouterr().out
    trained = [prepared.chips[tile.chip] for tile in prepared.split.tiles["train"]]
    seen = {code for chip in trained for code in np.unique(chip.pixels.read((0, 0, 32, 32))[0][place])}
    assert set(codes) == {code for code in seen if np.isfinite(code)}
    assert scaling_of(recipe.data, prepared.bands, "float32").bands == prepared.scaling.bands
    source = describe_input(
        recipe.data, prepared.bands, prepared.scaling, prepared.statistics, prepared.chips, pretrained=None
    )
    assert source.bands[place].categories == codes
    raw = prepared.chips[0].pixels.read((0, 0, 32, 32))[0].copy()
    raw[place, 0, 0] = 12345
    channels = Normaliser(source)(raw)
    fuels = [number for number, name in enumerate(source.channels) if name.startswith("fuels=")]
    assert len(fuels) == len(codes)
    assert channels[fuels, 0, 0].tolist() == [0] * len(codes)
    assert channels[fuels].sum(axis=0).max() == 1


def test_the_dogrib_landscape_needs_no_recipe_of_its_own(shared_data, capsys):
    prepared = prepare(parse(["--recipe=fire-spread", f"--chips_dir={shared_data / 'spread_c2f_dogrib'}"]))
    (fuels,) = (band for band in prepared.bands if band.name == "fuels")
    assert set(fuels.categories) <= {1, 2, 3, 4, 7, 11, 31, 40, 101, 102}
    assert prepared.split.rule == "by group: 48 groups"
    assert "and not cur, nonburnable (data.bands)" in capsys.readouterr().out
