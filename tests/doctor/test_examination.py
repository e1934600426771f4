import shutil

import numpy as np
import pytest
import rasterio
from planted import by_kind, camps, recipe_of, write_pairs
from rasterio.transform import from_origin

from segmint.command_line import parse
from segmint.doctor.examination import examine


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """24 camps of 128 px without a fault."""
    root = tmp_path_factory.mktemp("sound")
    write_pairs(root, [pair for pair in camps(40, size=128) if pair[1].mean() > 0.02][:24])
    return root


@pytest.fixture
def root(sound, tmp_path):
    """The same, to plant a fault in."""
    return shutil.copytree(sound, tmp_path / "faulty")


def change(path, alter):
    """Write a raster again with other values, its place kept."""
    with rasterio.open(path, "r+") as target:
        target.write(alter(target.read()))


def place(path, crs, transform):
    with rasterio.open(path, "r+") as target:
        target.crs, target.transform = crs, transform


def test_sound_data_give_no_error_and_no_warning(sound):
    found = examine(recipe_of(sound))
    assert [item.kind for item in found.findings if item.severity != "note"] == []
    assert not found.refused


def test_a_label_that_lies_elsewhere_is_named_with_its_distance_in_pixels(root):
    with rasterio.open(root / "chips" / "a03.tif") as source:
        west, north = source.transform.c, source.transform.f
    place(root / "labels" / "a03.tif", "EPSG:32636", from_origin(west + 3 * 0.5, north, 0.5, 0.5))
    finding = by_kind(examine(recipe_of(root)).findings)["label footprint"]
    assert [(case.name, case.detail) for case in finding.examples] == [("a03", "corners are 3.0 px apart")]


def test_a_label_in_another_crs_and_a_chip_that_lost_its_place_are_named(root):
    place(root / "labels" / "a03.tif", "EPSG:32637", from_origin(300_000, 3_600_000, 0.5, 0.5))
    kinds = by_kind(examine(recipe_of(root)).findings)
    assert kinds["label CRS"].examples[0].detail == "chip EPSG:32636, label EPSG:32637"
    with rasterio.open(root / "chips" / "a05.tif") as source:
        values = source.read()
    (root / "chips" / "a05.tif").unlink()
    with rasterio.open(
        root / "chips" / "a05.tif", "w", driver="GTiff", count=3, height=128, width=128, dtype="uint8"
    ) as target:
        target.write(values)
    found = examine(recipe_of(root))
    assert by_kind(found.findings)["lost georeference"].examples[0].name == "a05"
    assert found.refused  # a split by ground needs all places


def test_chips_in_another_crs_or_resolution_are_named(root):
    place(root / "chips" / "a02.tif", "EPSG:32637", from_origin(300_000, 3_600_000, 0.5, 0.5))
    place(root / "chips" / "a04.tif", "EPSG:32636", from_origin(400_000, 3_600_000, 1.0, 1.0))
    kinds = by_kind(examine(recipe_of(root)).findings)
    assert [case.name for case in kinds["several CRS"].examples] == ["a02"]
    assert [case.name for case in kinds["several resolutions"].examples] == ["a04"]


def test_undeclared_label_values_are_counted_per_value_and_label(root):
    def spoil(values):
        values[0, :2, :10] = 7
        values[0, 4, :5] = 9
        return values

    change(root / "labels" / "a01.tif", spoil)
    change(root / "labels" / "a02.tif", lambda values: np.where(values == 1, 7, values).astype(np.uint8))
    with rasterio.open(root / "labels" / "a02.tif") as source:
        sevens = int((source.read() == 7).sum())
    found = examine(recipe_of(root))
    finding = by_kind(found.findings)["undeclared label values"]
    assert finding.count == 2
    cases = {(case.name, case.detail) for case in finding.examples}
    assert cases == {("a01", "value 7 on 20 px"), ("a01", "value 9 on 5 px"), ("a02", f"value 7 on {sevens:,} px")}
    assert found.refused
    assert len(found.survey.chips) == 22


def test_blank_saturated_and_empty_chips_are_named(root):
    def whiten(values):
        values[:, :80] = 255
        return values

    change(root / "chips" / "a01.tif", np.zeros_like)
    change(root / "chips" / "a02.tif", whiten)
    kinds = by_kind(examine(recipe_of(root)).findings)
    assert [case.name for case in kinds["mostly black"].examples] == ["a01"]
    assert [case.name for case in kinds["blank chips"].examples] == ["a01"]
    assert [(case.name, case.detail) for case in kinds["saturated"].examples] == [("a02", "62% of its pixels")]
    assert kinds["undeclared nodata"].examples[0].name == "a01"
    kinds = by_kind(examine(recipe_of(root, "--data.nodata=0")).findings)
    assert [case.name for case in kinds["mostly nodata"].examples] == ["a01"]
    assert [case.name for case in kinds["ignored chips"].examples] == ["a01"]
    assert "undeclared nodata" not in kinds


def test_a_chip_in_other_units_is_named(tmp_path):
    pairs = [(image.astype(np.float32), label) for image, label in camps(8, size=64)]
    pairs[3] = (pairs[3][0] / 255, pairs[3][1])
    write_pairs(tmp_path, pairs)
    finding = by_kind(examine(recipe_of(tmp_path)).findings)["other units"]
    assert [case.name for case in finding.examples] == ["a03"]


def test_chips_of_one_class_and_classes_that_no_training_tile_shows_are_named(root):
    split = examine(recipe_of(root)).survey
    side = {split.chips[tile.chip].stem: name for name, tiles in split.split.tiles.items() for tile in tiles}
    for stem, name in side.items():
        if name == "train":
            change(root / "labels" / f"{stem}.tif", np.zeros_like)
    tested = next(stem for stem, name in side.items() if name == "test")
    change(root / "labels" / f"{tested}.tif", np.ones_like)
    kinds = by_kind(examine(recipe_of(root)).findings)
    assert [case.name for case in kinds["class untrained"].examples] == ["building"]
    assert {case.name for case in kinds["empty chips"].examples} == {s for s, name in side.items() if name == "train"}
    assert [case.name for case in kinds["one class"].examples] == [tested]


def test_a_class_that_no_label_shows_is_named_once(sound):
    third = "[{name: ground, color: '#000000', values: [0]}, {name: tent, color: '#FF0000', values: [1]}"
    third += ", {name: lake, color: '#0000FF', values: [2]}]"
    kinds = by_kind(examine(recipe_of(sound, f"--data.classes={third}")).findings)
    assert [case.name for case in kinds["class nowhere"].examples] == ["lake"]
    assert "class untrained" not in kinds


def test_a_shift_is_told_in_metres_too(tmp_path):
    shifted = [(image, np.roll(label, (-3, 5), (0, 1))) for image, label in camps(8)]
    write_pairs(tmp_path, shifted)
    found = examine(recipe_of(tmp_path))
    right, down = found.shift_m
    assert (right, down) == (pytest.approx(5 * 0.5, rel=0.002), pytest.approx(-3 * 0.5, rel=0.002))  # UTM scale
    finding = by_kind(found.findings)["label shift"]
    assert finding.severity == "warning"
    assert "5 px (2.5 m) too far right and 3 px (1.5 m) too far up" in finding.title
    assert "(-5, +3)" in finding.remedy


def test_every_fire_that_training_refuses_is_told(tmp_path):
    from segmint.data.sample import make_sample

    make_sample("spread", tmp_path / "fires", tmp_path / "fires", sequences=8, size=32, ground=(64, 64), weathers=4)
    frames = tmp_path / "fires" / "fire_frames"
    first, second, *_ = sorted(frames.iterdir())
    next(first.glob("fire_001*")).unlink()
    next(second.glob("fire_002*")).write_text("hello")
    found = examine(parse(["--recipe=fire-spread", f"--chips_dir={tmp_path / 'fires'}"]))
    assert len(found.survey.refused) == 2
    assert {chip.group for chip in found.survey.chips}.isdisjoint({first.name, second.name})
    assert found.survey.chips


def test_two_fires_of_one_place_and_start_are_told_as_one_pair(shared_data):
    """Sequences 7 and 23 start two cells apart, by the data set's own table."""
    bands = "[{name: fuels, kind: categorical, categories: [1, 2, 3, 4, 7, 11, 31, 40, 101, 102]}, {name: elevation}]"
    folder = shared_data / "spread_c2f_dogrib"
    found = examine(parse(["--recipe=fire-spread", f"--chips_dir={folder}", f"--data.bands={bands}"]))
    groups = {frozenset(found.portraits[place].group for place in (pair.one, pair.other)) for pair in found.pairs}
    assert frozenset({"sequence_0007", "sequence_0023"}) in groups
    assert len(groups) == len(found.pairs)
