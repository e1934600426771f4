"""Ready patches: with and without masks, under the wrong recipe, and in folders that are the split."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from places import write_raster

from segmint.command_line import parse
from segmint.data.pairs import find_chips, without_mask
from segmint.data.preparation import PreparedData, prepare
from segmint.errors import DataError, SplitError

SIZE = 24


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(5)


def write_patch(folder: Path, name: str, draw: np.random.Generator, last: bool = True) -> None:
    """Seven bands ``[H, W, 7]`` (or ``[7, H, W]``) float32 and a mask that marks some pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    image = draw.random((SIZE, SIZE, 7) if last else (7, SIZE, SIZE)).astype(np.float32)
    np.save(folder / f"{name}_image.npy", image)
    np.save(folder / f"{name}_mask.npy", draw.integers(0, 2, (SIZE, SIZE)).astype(np.uint8))


def read(folder: Path, *options: str, recipe: str = "wildfire-del") -> PreparedData:
    return prepare(parse([f"--recipe={recipe}", f"--patches-dir={folder}", "--data.tile_size=32", *options]))


def stems(prepared: PreparedData) -> dict[str, list[str]]:
    """Stems of the chips of each side."""
    return {
        side: sorted({prepared.chips[tile.chip].stem for tile in tiles}) for side, tiles in prepared.split.tiles.items()
    }


@pytest.mark.parametrize("last", [True, False])
def test_patches_without_cloud_masks_are_read_by_the_documented_command(tmp_path, draw, capsys, last):
    for number in range(4):
        write_patch(tmp_path, f"p{number}", draw, last)
    prepared = read(tmp_path, "--num-classes=2")
    assert len(prepared.chips) == 4
    assert "masks: 4 of 4 chips have no *_CM.tif and count whole\n" in capsys.readouterr().out
    image = np.load(tmp_path / "p0_image.npy")
    values, _ = prepared.chips[0].read((0, 0, SIZE, SIZE))
    np.testing.assert_array_equal(values, np.moveaxis(image, -1, 0) if last else image)


def test_masks_hide_pixels_where_they_are_and_chips_without_one_are_counted(tmp_path, draw):
    for number in range(3):
        write_patch(tmp_path, f"p{number}", draw)
    clouds = np.zeros((1, SIZE, SIZE), np.uint8)
    clouds[0, :5] = 3
    write_raster(tmp_path / "p1_CM.tif", clouds, None)
    data = parse(["--recipe=wildfire-del", f"--patches-dir={tmp_path}"]).data
    chips = find_chips(data)
    hidden = [(chip.read((0, 0, SIZE, SIZE))[1] == 255).sum() for chip in chips]
    assert hidden == [0, 5 * SIZE, 0]
    assert without_mask(chips, data) == "2 of 3 chips have no *_CM.tif and count whole"
    assert without_mask(chips[1:2], data) == ""
    assert without_mask(chips, replace(data, masks=None)) == ""
    write_raster(tmp_path / "p1_CM.tif", clouds[:, :-1], None)
    with pytest.raises(DataError, match=r"mask .*p1_CM.tif is 24 x 23 px, its label 24 x 24"):
        find_chips(data)


def test_patches_under_a_recipe_of_other_bands_are_said_to_be_what_they_are(tmp_path, draw):
    write_patch(tmp_path, "p0", draw)
    with pytest.raises(DataError) as caught:
        read(tmp_path, recipe="refugee-camp")
    text = str(caught.value)
    assert "p0_image.npy (7 bands of float32) is found as image (*) and as its own label (*)" in text
    assert "--recipe wildfire-del or wildfire-gra, which take 7 bands" in text
    assert "\n" not in text
    with pytest.raises(
        DataError, match=r"has 7 bands of float32; expected 3 .*Add --recipe wildfire-del or wildfire-gra"
    ):
        read(tmp_path, "--data.images=*_image", "--data.labels=*_mask", recipe="refugee-camp")


def test_images_taken_for_labels_are_not_called_a_picture(tmp_path, draw):
    write_patch(tmp_path / "chips", "p0", draw)
    write_patch(tmp_path / "labels", "p0", draw)
    folders = [f"--chips_dir={tmp_path}/chips", f"--labels_dir={tmp_path}/labels"]
    with pytest.raises(DataError, match=r"p0_image.npy holds 24 x 24 x 7 values of float32; expected one class value"):
        prepare(parse(["--recipe=wildfire-del", *folders, "--data.labels=*_image"]))


def test_grades_under_the_recipe_of_outlines_name_the_value_and_fraction_labels_are_fine(tmp_path, draw):
    for number in range(3):
        write_patch(tmp_path, f"p{number}", draw)
    labels = np.load(tmp_path / "p1_mask.npy")
    np.save(tmp_path / "p1_mask.npy", labels.astype(np.float64))
    chip = read(tmp_path).chips[1]
    np.testing.assert_array_equal(chip.read((0, 0, SIZE, SIZE))[1], labels)
    labels[0, 0] = 3
    np.save(tmp_path / "p1_mask.npy", labels)
    with pytest.raises(DataError, match=r"p1_mask.npy holds the undeclared value 3; expected unburned = 0; burned = 1"):
        read(tmp_path)


def test_folders_train_val_and_test_are_the_split_though_their_files_are_called_alike(tmp_path, draw, capsys):
    for folder, count in (("train", 4), ("valid", 2), ("test", 1)):
        for number in range(count):
            write_patch(tmp_path / folder, f"EMSR1_r{number}", draw)
    prepared = read(tmp_path, "--split.train=0.5", "--split.val=0.25", "--split.test=0.25")
    assert stems(prepared) == {
        "train": [f"train/EMSR1_r{number}" for number in range(4)],
        "val": ["valid/EMSR1_r0", "valid/EMSR1_r1"],
        "test": ["test/EMSR1_r0"],
    }
    rule = "by folder: train, val, test; 1 of 1 groups stand in several folders"
    assert prepared.describe().split_rule == rule
    assert (
        f"split: {rule}; data.split_folders=ignore draws it by shares and groups instead\n" in capsys.readouterr().out
    )
    assert len(prepared.fingerprint.files) == 14  # none is hidden by another of its name


def test_the_folders_of_a_split_are_part_of_the_fingerprint(tmp_path, draw):
    for folder in ("train", "val", "test"):
        for number in range(2):
            write_patch(tmp_path / folder, f"{folder}{number}", draw)
    before = read(tmp_path).fingerprint.digest
    for kind in ("image", "mask"):
        (tmp_path / f"train/train0_{kind}.npy").rename(tmp_path / f"val/train0_{kind}.npy")
    assert read(tmp_path).fingerprint.digest != before


def test_folders_can_be_ignored(tmp_path, draw):
    for folder in ("train", "val", "test"):
        for number in range(2):
            write_patch(tmp_path / folder, f"{folder}{number}", draw)
    prepared = read(tmp_path, "--data.split_folders=ignore")
    assert prepared.split.rule == "random by chip: no georeference and no group"
    assert {chip.stem for chip in prepared.chips} == {f"{name}{n}" for name in ("train", "val", "test") for n in (0, 1)}


@pytest.mark.parametrize(
    ("folders", "kept", "drawn", "words"),
    [
        (
            ("train", "val"),
            "train",
            {"val": 3, "test": 3},
            "by folder: train, val; without a folder test it is 50 % of val",
        ),
        (
            ("train", "test"),
            "test",
            {"train": 5, "val": 1},
            "by folder: train, test; without a folder val it is 17 % of tra",
        ),
    ],
)
def test_a_side_without_a_folder_is_drawn_from_another_and_said(tmp_path, draw, folders, kept, drawn, words):
    for folder in folders:
        for number in range(6):
            write_patch(tmp_path / folder, f"n{number}", draw)
    prepared = read(tmp_path)
    sides = stems(prepared)
    assert sides[kept] == [f"{kept}/n{number}" for number in range(6)]
    assert {side: len(sides[side]) for side in drawn} == drawn
    assert sum(map(len, sides.values())) == len(set().union(*sides.values())) == 12
    assert prepared.split.rule.startswith(words)


def by_table(folder: Path, rows: list[str]) -> list[str]:
    """Options that declare groups by a table instead of the recipe's own pattern."""
    table = folder / "groups.csv"
    table.write_text("\n".join(["chip,site", *rows]))
    return [f"--split.group_file={table}", "--split.group_column=site"]


@pytest.fixture(params=["regex", "file"])
def grouping(request, tmp_path) -> list[str]:
    """Options that declare the groups site0 to site3 of three chips each, without a word on folders."""
    if request.param == "regex":
        return ["--split.group_regex=^(site[0-9])_[0-9]$"]
    return by_table(tmp_path, [f"site{site}_{number},site{site}" for site in range(4) for number in range(3)])


@pytest.mark.parametrize(
    ("held", "source", "drawn", "words"),
    [
        ({"train": (0, 1, 2), "test": (2, 3)}, "train", "val", "33 % of train (by group: 3 groups); 1 of 4 groups"),
        ({"train": (0, 1), "val": (1, 2, 3)}, "val", "test", "33 % of val (by group: 3 groups); 1 of 4 groups"),
    ],
)
def test_a_side_without_a_folder_is_drawn_by_whole_groups(tmp_path, draw, grouping, held, source, drawn, words):
    for folder, sites in held.items():
        for site in sites:
            for number in range(3):
                write_patch(tmp_path / "patches" / folder, f"site{site}_{number}", draw)
    prepared = read(tmp_path / "patches", *grouping)
    sides = stems(prepared)
    sites = [{stem.partition("_")[0] for stem in sides[side]} for side in (source, drawn)]
    assert sites[0] | sites[1] == {f"{source}/site{site}" for site in held[source]}
    assert not sites[0] & sites[1]
    assert [len(sides[side]) for side in (source, drawn)] == [6, 3]
    assert words in prepared.split.rule


def test_groups_in_several_folders_are_counted_where_every_side_has_one(tmp_path, draw, grouping):
    for folder, sites in {"train": (0, 1), "val": (1, 2), "test": (2, 3)}.items():
        for site in sites:
            write_patch(tmp_path / "patches" / folder, f"site{site}_0", draw)
    rule = read(tmp_path / "patches", *grouping).split.rule
    assert rule == "by folder: train, val, test; 2 of 4 groups stand in several folders"


def test_a_chip_that_a_group_file_lacks_is_named_as_its_row_would_be(tmp_path, draw):
    for folder in ("train", "test"):
        for number in range(2):
            write_patch(tmp_path / "patches" / folder, f"n{number}", draw)
    with pytest.raises(SplitError, match=r"groups.csv names no group for chip n1;"):
        read(tmp_path / "patches", *by_table(tmp_path, ["n0,one"]))


def test_a_file_in_the_folders_of_two_sides_is_refused(tmp_path, draw):
    for folder in ("train", "val", "test"):
        for number in range(2):
            write_patch(tmp_path / folder, f"{folder}{number}", draw)
    for kind in ("image", "mask"):
        (tmp_path / f"test/copy_{kind}.npy").write_bytes((tmp_path / f"train/train1_{kind}.npy").read_bytes())
    with pytest.raises(SplitError, match=r"train1_image.npy \(train\) and .*copy_image.npy \(test\) are the same file"):
        read(tmp_path)


def test_the_same_ground_in_the_folders_of_two_sides_is_refused(tmp_path, draw):
    for number, folder in enumerate(("train", "val", "test")):
        image = draw.integers(0, 255, (3, SIZE, SIZE)).astype(np.uint8)
        for kind, values in (("chips", image), ("labels", image[:1] % 2)):
            write_raster(tmp_path / kind / folder / "a.tif", values, (500_000 + 5.0 * number, 4_000_000.0))
    folders = [f"--chips_dir={tmp_path}/chips", f"--labels_dir={tmp_path}/labels"]
    with pytest.raises(SplitError, match=r"show the same ground; .*data.split_folders=ignore"):
        prepare(parse(folders))


def test_images_outside_of_the_folders_and_two_folders_of_one_side_are_refused(tmp_path, draw):
    for folder in ("train", "val", "test"):
        write_patch(tmp_path / folder, folder, draw)
    write_patch(tmp_path, "stray", draw)
    with pytest.raises(DataError, match=r"stray_image.npy lies outside of the folders test, train, val"):
        read(tmp_path)
    for kind in ("image", "mask"):
        (tmp_path / "validation").mkdir(exist_ok=True)
        (tmp_path / f"stray_{kind}.npy").rename(tmp_path / f"validation/stray_{kind}.npy")
    with pytest.raises(DataError, match="folders test, train, val, validation; expected one per side"):
        read(tmp_path)


def test_images_and_labels_in_folders_of_their_own_within_each_side_are_found_by_pattern(tmp_path, draw):
    for folder in ("train", "val", "test"):
        image = draw.integers(0, 255, (3, SIZE, SIZE)).astype(np.uint8)
        write_raster(tmp_path / folder / "images" / "a.tif", image, None)
        write_raster(tmp_path / folder / "masks" / "a.tif", image[:1] % 2, None)
    prepared = read(tmp_path, "--data.images=images/*", "--data.labels=masks/*", recipe="refugee-camp")
    assert stems(prepared) == {side: [f"{side}/a"] for side in ("train", "val", "test")}


def test_patches_with_an_index_behind_their_bands_are_read_by_the_names_of_their_bands(tmp_path, draw):
    for number in range(3):
        write_patch(tmp_path, f"p{number}", draw)
        image = np.load(tmp_path / f"p{number}_image.npy")
        np.save(tmp_path / f"p{number}_image.npy", np.concatenate([image, image[..., :1]], axis=-1))
    with pytest.raises(DataError, match=r"has 8 bands of float32; expected 7 \(blue = B02, "):
        read(tmp_path)
    chip = read(tmp_path, "--data.file_bands=[B02, B03, B04, B08, B8A, B11, B12, NDVI]").chips[2]
    np.testing.assert_array_equal(chip.read((0, 0, SIZE, SIZE))[0], np.moveaxis(image, -1, 0))


def test_the_place_of_a_missing_label_is_named_within_its_side(tmp_path, draw):
    for folder in ("train", "val"):
        for kind in ("images", "masks"):
            write_raster(tmp_path / folder / kind / "a.tif", draw.integers(0, 2, (3, 8, 8)).astype(np.uint8), None)
    (tmp_path / "val/masks/a.tif").unlink()
    with pytest.raises(DataError, match=r"val/images/a.tif has no label; expected .*val/masks/a\."):
        read(tmp_path, "--data.images=images/*", "--data.labels=masks/*", recipe="refugee-camp")
