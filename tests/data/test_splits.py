import numpy as np
import pytest
import rasterio.warp
from hypothesis import given, settings
from hypothesis import strategies as st
from places import unread_chip
from shapely import box, union_all
from shapely.geometry import shape

from segmint.data.chips import Chip
from segmint.data.leaks import check_overlap
from segmint.data.pairs import find_chips
from segmint.data.splits import SPLITS, Split, assign, split_ground
from segmint.data.tiles import Tile, partition
from segmint.errors import SplitError
from segmint.recipe import DataRecipe, SplitRecipe

RECIPE = SplitRecipe()


def chip(name: str, x: float, y: float, pixels: int = 64, pixel: float = 0.5, crs: str | None = "EPSG:32636") -> Chip:
    """A square chip with its upper left corner at (x, y) metres from a point on the zone's central meridian."""
    transform = (pixel, 0.0, 500_000.0 + x, 0.0, -pixel, 4_000_000.0 + y) if crs else None
    return unread_chip(name, pixels, pixels, crs, transform)


def ground(chips: list[Chip], split: Split, name: str) -> set[tuple[int, int]]:
    """The 0.25 m cells whose centre a split shows, counted independently of the code under test."""
    cells: set[tuple[int, int]] = set()
    for tile in split.tiles[name]:
        a, _, c, _, e, f = chips[tile.chip].transform
        west, east = c + a * tile.col - 500_000, c + a * (tile.col + tile.width) - 500_000
        north, south = f + e * tile.row - 4_000_000, f + e * (tile.row + tile.height) - 4_000_000
        columns = range(int(np.ceil(west / 0.25 - 0.5)), int(np.ceil(east / 0.25 - 0.5)))
        rows = range(int(np.ceil(south / 0.25 - 0.5)), int(np.ceil(north / 0.25 - 0.5)))
        cells |= {(row, column) for row in rows for column in columns}
    return cells


@given(st.integers(1, 900), st.integers(1, 900), st.integers(16, 300))
def test_tiles_of_a_rectangle_hold_every_pixel_exactly_once(height, width, size):
    seen = np.zeros((height, width), int)
    for row, col, rows, cols in partition(5, 7, height, width, size):
        assert 0 < rows <= size
        assert 0 < cols <= size
        seen[row - 5 : row - 5 + rows, col - 7 : col - 7 + cols] += 1
    assert (seen == 1).all()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_ground_is_ever_on_two_sides(data):
    """Random chips of two zooms that may overlap, adjoin or lie apart."""
    count = data.draw(st.integers(4, 9))
    chips = [
        chip(
            f"c{number}",
            data.draw(st.integers(0, 8)) * 8.0,
            data.draw(st.integers(0, 8)) * 8.0,
            pixels=32,
            pixel=data.draw(st.sampled_from([0.25, 0.5])),
        )
        for number in range(count)
    ]
    try:
        split = split_ground(chips, RECIPE, 24, "tile")
    except SplitError:
        return
    check_overlap(chips, split)
    parts = [ground(chips, split, name) for name in SPLITS]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        shared = parts[one] & parts[other]
        assert len(shared) <= 0.1 * min(len(parts[one]), len(parts[other]))  # half a coarse pixel along an edge
    for number in range(count):
        pixels = sum(t.height * t.width for name in SPLITS for t in split.tiles[name] if t.chip == number)
        assert pixels == 32 * 32


def test_scenes_that_lie_apart_stay_whole():
    chips = [chip(f"s{scene}_{part}", scene * 1000.0 + part * 32, 0) for scene in range(20) for part in range(3)]
    split = split_ground(chips, RECIPE, 64, "tile")
    assert split.rule == "by scene: 20 scenes"
    sides = {name: {chips[t.chip].stem.split("_")[0] for t in split.tiles[name]} for name in SPLITS}
    assert [len(sides[name]) for name in SPLITS] == [14, 3, 3]
    assert not sides["train"] & (sides["val"] | sides["test"])


def test_adjoining_chips_of_one_place_are_split_along_chip_edges():
    chips = [chip(f"r{row}c{col}", col * 32.0, row * -32.0) for row in range(8) for col in range(5)]
    split = split_ground(chips, RECIPE, 64, "tile")
    assert split.rule.startswith("by spatial block: 40 blocks of 32 m")
    assert {name: len(split.tiles[name]) for name in SPLITS} == {"train": 28, "val": 6, "test": 6}


def test_blocks_hold_where_grid_north_is_not_true_north():
    """300 km off the central meridian of a UTM zone, where squares of the grid are turned by 2 degrees."""
    chips = [chip(f"r{row}c{col}", 300_000 + col * 32.0, row * -32.0) for row in range(8) for col in range(5)]
    split = split_ground(chips, RECIPE, 64, "tile")
    check_overlap(chips, split)
    assert {name: len(split.tiles[name]) for name in SPLITS} == {"train": 28, "val": 6, "test": 6}


def test_one_dense_scene_among_scattered_chips_is_still_cut_into_small_blocks():
    dense = [chip(f"r{row}c{col}", col * 32.0, row * -32.0) for row in range(20) for col in range(20)]
    chips = dense + [chip(f"far{number}", 3200.0 * (number + 2), 0) for number in range(20)]
    split = split_ground(chips, RECIPE, 64, "tile")
    check_overlap(chips, split)
    assert "21 scenes too uneven" in split.rule
    shares = {name: len(split.tiles[name]) / len(chips) for name in SPLITS}
    assert shares == pytest.approx({"train": 0.70, "val": 0.15, "test": 0.15}, abs=0.03)


def test_one_place_in_two_reference_systems_is_the_same_ground():
    """The edge of zones 36 and 37: two pictures of one place, and two that adjoin."""
    here = chip("zone36", 260_000, 0)
    (x,), (y,) = rasterio.warp.transform("EPSG:32636", "EPSG:32637", [760_000.0], [4_000_000.0])
    same = chip("zone37", x - 500_000, y - 4_000_000, crs="EPSG:32637")
    east = chip("beside", x - 500_000 + 40, y - 4_000_000, crs="EPSG:32637")
    tile = (0, 0, 64, 64)
    for other, shared in ((same, True), (east, False)):
        chips = [here, other, chip("far", 0, 0)]
        split = Split({name: (Tile(number, *tile),) for number, name in enumerate(SPLITS)}, "by hand")
        if shared:
            with pytest.raises(SplitError, match=r"zone36\.tif .* zone37\.tif"):
                check_overlap(chips, split)
        else:
            check_overlap(chips, split)


def test_scenes_of_many_utm_zones_are_told_apart():
    chips = [chip(f"zone{zone}", 0, 0, crs=f"EPSG:326{zone:02d}") for zone in (1, 10, 20, 30, 36, 40, 50, 60)]
    split = split_ground(chips, RECIPE, 64, "tile")
    check_overlap(chips, split)
    assert split.rule == "by scene: 8 scenes"


def test_a_chip_without_georeference_on_two_sides_is_found():
    chips = [chip("a", 0, 0, crs=None), chip("b", 0, 0, crs=None)]
    left, right = Tile(1, 0, 0, 64, 40), Tile(1, 0, 30, 64, 34)
    with pytest.raises(SplitError, match=r"b\.tif .* b\.tif"):
        check_overlap(chips, Split({"train": (left,), "val": (right,), "test": (Tile(0, 0, 0, 64, 64),)}, "by hand"))


def test_one_large_scene_is_cut_into_blocks():
    (scene,) = chips = [chip("scene", 0, 0, pixels=640)]
    split = split_ground(chips, RECIPE, 256, "tile")
    check_overlap(chips, split)
    assert sum(t.height * t.width for name in SPLITS for t in split.tiles[name]) == 640 * 640
    assert all(split.tiles[name] for name in SPLITS)
    assert scene.stem == "scene"


def test_a_buffer_keeps_metres_free_between_splits():
    chips = [chip("scene", 0, 0, pixels=640)]
    split = split_ground(chips, SplitRecipe(block_size=80, buffer=5), 256, "tile")
    shown = {
        name: union_all([box(t.col, t.row, t.col + t.width, t.row + t.height) for t in split.tiles[name]])
        for name in SPLITS
    }
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        assert shown[one].distance(shown[other]) * 0.5 >= 5 - 0.5
    assert sum(part.area for part in shown.values()) > 0.6 * 640 * 640


def test_blocks_and_buffers_are_metres_also_where_degrees_are_not_square():
    """At 60 degrees north a degree of longitude is half a degree of latitude; distances are measured in UTM."""
    transform = (1e-5, 0.0, 21.0, 0.0, -1e-5, 60.0)
    scene = unread_chip("s", 640, 640, "EPSG:4326", transform)
    split = split_ground([scene], SplitRecipe(block_size=100, buffer=10), 256, "tile")
    assert "blocks of 100 m of 1 scene, 10 m kept free" in split.rule
    shown = {}
    for name in SPLITS:
        boxes = [
            rasterio.warp.transform_geom("EPSG:4326", "EPSG:32634", box(*edges).__geo_interface__)
            for t in split.tiles[name]
            for edges in [
                (21 + t.col * 1e-5, 60 - (t.row + t.height) * 1e-5, 21 + (t.col + t.width) * 1e-5, 60 - t.row * 1e-5)
            ]
        ]
        shown[name] = union_all([shape(geometry) for geometry in boxes])
    gaps = [shown[one].distance(shown[other]) for one, other in (("train", "val"), ("train", "test"), ("val", "test"))]
    assert min(gaps) == pytest.approx(10, abs=0.7)


def test_a_buffer_wider_than_a_block_is_refused():
    with pytest.raises(SplitError, match="reaches across"):
        split_ground([chip("scene", 0, 0, pixels=640)], SplitRecipe(block_size=20, buffer=30), 256, "tile")


def test_overlapping_chips_that_must_stay_whole_are_refused():
    chips = [chip(f"c{number}", number * 16.0, 0) for number in range(9)]
    with pytest.raises(SplitError, match=r"data\.fit: tile"):
        check_overlap(chips, split_ground(chips, RECIPE, 64, "resize"))


def test_ground_too_small_for_three_blocks_of_32_pixels_is_refused():
    with pytest.raises(SplitError, match="at least 3 blocks of 32 pixels"):
        split_ground([chip("a", 0, 0, pixels=40)], RECIPE, 64, "tile")
    overlapping = [chip("a", 0, 0, pixels=30), chip("b", 3, 0, pixels=30)]
    with pytest.raises(SplitError, match="at least 3 blocks of 32 pixels"):
        split_ground(overlapping, RECIPE, 64, "tile")


def test_a_group_that_cannot_be_found_out_is_an_error():
    chips = [chip(f"c{number}", number * 1000.0, 0) for number in range(4)]
    for recipe, words in (
        (SplitRecipe(group_regex="("), "no regular expression"),
        (SplitRecipe(group_regex=r"c(1)?"), "no group for chip c0"),
        (SplitRecipe(group_regex=r"c(9)"), "no group for chip c0"),
        (SplitRecipe(group_regex=r"c\d"), "no group for chip c0"),
        (SplitRecipe(group_file="absent.csv", group_column="event"), "absent.csv"),
    ):
        with pytest.raises(SplitError, match=words):
            split_ground(chips, recipe, 64, "tile")


def test_declared_groups_stay_whole_even_where_chips_adjoin():
    chips = [chip(f"site{number % 5}_{number}", number * 1000.0, 0) for number in range(20)]
    split = split_ground(chips, SplitRecipe(group_regex=r"^(site\d)"), 64, "tile")
    assert split.rule == "by group: 5 groups"
    sides = [{chips[t.chip].stem[:5] for t in split.tiles[name]} for name in SPLITS]
    assert sum(len(side) for side in sides) == 5


def test_a_pattern_that_allows_for_no_group_falls_back_to_the_ground():
    chips = [chip(f"c{number}", number * 1000.0, 0) for number in range(20)]
    with_pattern = split_ground(chips, SplitRecipe(group_regex=r"(EMSR\d+)|$"), 64, "tile")
    assert with_pattern == split_ground(chips, SplitRecipe(), 64, "tile")
    named = [chip(f"EMSR{100 + number // 4}_{number}", number * 1000.0, 0) for number in range(20)]
    assert split_ground(named, SplitRecipe(group_regex=r"(EMSR\d+)|$"), 64, "tile").rule == "by group: 5 groups"


def test_groups_from_a_table(tmp_path):
    chips = [chip(f"c{number}", 0, 0, crs=None) for number in range(6)]
    table = tmp_path / "groups.csv"
    table.write_text("chip,event\n" + "".join(f"c{n},e{n // 2}\n" for n in range(6)))
    recipe = SplitRecipe(group_file=str(table), group_column="event")
    split = split_ground(chips, recipe, 64, "tile")
    for name in SPLITS:
        assert {t.chip for t in split.tiles[name]} in ({0, 1}, {2, 3}, {4, 5})
    table.write_text("chip,event\nc0,e0\n")
    with pytest.raises(SplitError, match="c1"):
        split_ground(chips, recipe, 64, "tile")


def test_groups_that_share_ground_are_refused():
    chips = [chip(f"g{number}", number * 16.0, 0) for number in range(4)]
    split = split_ground(chips, SplitRecipe(group_regex=r"(g\d)"), 64, "tile")
    with pytest.raises(SplitError, match="same ground"):
        check_overlap(chips, split)


@pytest.mark.states(131)
def test_without_georeference_chips_are_drawn_at_random_by_seed():
    chips = [chip(f"c{number}", 0, 0, crs=None) for number in range(20)]
    first, again = (split_ground(chips, RECIPE, 64, "tile") for _ in range(2))
    other = split_ground(chips, SplitRecipe(seed=1), 64, "tile")
    assert "random by chip" in first.rule
    assert first.tiles == again.tiles != other.tiles
    assert [len(first.tiles[name]) for name in SPLITS] == [14, 3, 3]


def test_too_little_data_says_how_much_is_needed():
    with pytest.raises(SplitError, match="at least 3"):
        split_ground([chip("a", 0, 0, crs=None), chip("b", 0, 0, crs=None)], RECIPE, 64, "resize")
    with pytest.raises(SplitError, match="no georeference"):
        split_ground([chip("a", 0, 0), chip("b", 0, 0, crs=None), chip("c", 99, 0)], RECIPE, 64, "tile")


@given(st.lists(st.floats(1, 100), min_size=3, max_size=40), st.integers(0, 99))
def test_every_split_gets_a_unit(weights, seed):
    side = assign({f"u{i}": w for i, w in enumerate(weights)}, SplitRecipe(seed=seed))
    assert set(side.values()) == set(SPLITS)


def test_the_real_chips_of_banepa(shared_data):
    """40 adjoining chips whose georeference is in sidecars: 45.4 % building over all of them."""
    from segmint.data.statistics import Scaling, measure

    folder = shared_data / "buildings_banepa"
    data = DataRecipe(chips_dir=str(folder / "chips"), labels_dir=str(folder / "labels"))
    chips = find_chips(data)
    assert len(chips) == 40
    assert {c.crs for c in chips} == {"EPSG:4326"}
    assert chips[0].resolution_m == pytest.approx(0.132, abs=0.001)
    split = split_ground(chips, RECIPE, 256, "tile")
    check_overlap(chips, split)
    assert [len({t.chip for t in split.tiles[name]}) for name in SPLITS] == [28, 6, 6]
    scaling = Scaling(255.0, 0.0, ("red", "green", "blue"), ())
    everything = Split({"train": sum(split.tiles.values(), ()), "val": (), "test": ()}, "all")
    assert measure(chips, everything, scaling, ("background", "foreground")).class_share["foreground"] == pytest.approx(
        0.454, abs=0.0005
    )
