import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from places import raster_input, write_raster
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transform

from segmint.data.augmentation import Augmentation
from segmint.data.dataset import EpochOrder, TileDataset, loader
from segmint.data.normalisation import Normaliser
from segmint.data.pairs import find_chips
from segmint.data.reader import TileReader
from segmint.data.tiles import Tile
from segmint.recipe import AugmentationRecipe, DataRecipe

RGB = raster_input(("red", "green", "blue"), 255.0, 0.0, 1.0)
PLAIN = Normaliser(RGB)
GEOMETRY = AugmentationRecipe(brightness=0.0, contrast=0.0)


@pytest.fixture
def pair(tmp_path):
    """One chip of 40 x 50 px whose red band is the label times 255."""
    label = np.random.default_rng(0).integers(0, 2, (1, 40, 50)).astype(np.uint8)
    image = np.concatenate([label * 255, label * 0 + 7, label * 0 + 9])
    write_raster(tmp_path / "chips" / "a.tif", image, (0, 0))
    write_raster(tmp_path / "labels" / "a.tif", label, (0, 0))
    return DataRecipe(chips_dir=str(tmp_path / "chips"), labels_dir=str(tmp_path / "labels"), tile_size=32)


def test_a_tile_is_the_pixels_at_its_place(pair):
    chips = find_chips(pair)
    item = TileDataset(TileReader(chips, [Tile(0, 5, 11, 32, 32)], 32, "tile"), PLAIN)[(0, 0)]
    assert item["image"].shape == (3, 32, 32)
    torch.testing.assert_close(item["image"][0], item["target"].float())


def test_a_small_tile_is_reflected_and_its_border_ignored(pair):
    chips = find_chips(pair)
    item = TileDataset(TileReader(chips, [Tile(0, 20, 30, 20, 20)], 32, "tile"), PLAIN)[(0, 0)]
    image, target = item["image"], item["target"]
    assert (target[:20, :20] != 255).all()
    assert (target[20:] == 255).all()
    assert (target[:, 20:] == 255).all()
    torch.testing.assert_close(image[:, 20:, :20], image[:, 8:20, :20].flip(1))


@pytest.mark.states(130)
def test_resize_stretches_the_whole_chip_and_keeps_class_values(pair):
    resized = DataRecipe(**(vars(pair) | {"fit": "resize"}))
    item = TileDataset(TileReader(find_chips(resized), [Tile(0, 0, 0, 40, 50)], 32, "resize"), PLAIN)[(0, 0)]
    assert item["image"].shape == (3, 32, 32)
    assert set(item["target"].unique().tolist()) == {0, 1}


def test_augmentation_moves_image_and_mask_together():
    """With a mask copied into the image, they stay equal where the mask counts."""
    draw = np.random.default_rng(1)
    moved = 0
    for number in range(30):
        target = np.kron(draw.integers(0, 2, (8, 8)), np.ones((8, 8))).astype(np.uint8)
        image = np.stack(3 * [target.astype(np.float32)])
        changed, mask = Augmentation(GEOMETRY, RGB)(image, target, np.random.default_rng(number))
        known = mask != 255
        agreement = ((changed[0] > 0.5) == (mask == 1))[known].mean()
        assert agreement > 0.97  # bilinear against nearest along block edges
        moved += not np.array_equal(mask, target)
    assert moved > 25


def test_corners_that_a_rotation_uncovers_do_not_count():
    recipe = AugmentationRecipe(flip=0.0, quarter_turns=False, rotation=15.0, brightness=0.0, contrast=0.0)
    ones = np.ones((64, 64), np.uint8)
    image, mask = Augmentation(recipe, RGB)(ones[None].astype(np.float32), ones, np.random.default_rng(4))
    assert 0 < (mask == 255).mean() < 0.3
    assert (image[0][mask == 255] < 1).any()


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**31), size=st.integers(24, 90), largest=st.sampled_from([0.0, 1.0, 15.0, 180.0]))
def test_flips_turns_and_rotation_are_those_of_torchvision(seed, size, largest):
    recipe = AugmentationRecipe(rotation=largest, brightness=0.0, contrast=0.0)
    draw = np.random.default_rng(seed)
    image = draw.standard_normal((3, size, size), np.float32)
    target = draw.integers(0, 3, (size, size)).astype(np.uint8)
    changed, mask = Augmentation(recipe, RGB)(image, target, np.random.default_rng(seed))
    again = np.random.default_rng(seed)
    mirrored = [again.random() < 0.5, again.random() < 0.5]
    turns = int(again.integers(4))
    degrees = float(again.uniform(-largest, largest)) if largest else 0.0
    expected, classes = torch.from_numpy(image), torch.from_numpy(target)[None]
    for flip in [transform.horizontal_flip] * mirrored[0] + [transform.vertical_flip] * mirrored[1]:
        expected, classes = flip(expected), flip(classes)
    expected, classes = (torch.rot90(planes, turns, (1, 2)) for planes in (expected, classes))
    expected = transform.rotate(expected, degrees, InterpolationMode.BILINEAR)
    classes = transform.rotate(classes, degrees, InterpolationMode.NEAREST, fill=255.0)
    np.testing.assert_allclose(changed, expected, atol=1e-3 if largest else 0)
    # a place between two pixels may round to either
    assert (mask != classes[0].numpy()).mean() <= (0.002 if largest else 0)


def test_radiometry_changes_bands_apart_and_masks_never():
    recipe = AugmentationRecipe(flip=0.0, quarter_turns=False, rotation=0.0, brightness=0.2, contrast=0.2)
    image, target = np.random.default_rng(1).standard_normal((3, 16, 16), np.float32), np.zeros((16, 16), np.uint8)
    changed, mask = Augmentation(recipe, RGB)(image, target, np.random.default_rng(0))
    np.testing.assert_array_equal(mask, target)
    gains = [changed[band].std() / image[band].std() for band in range(3)]
    assert len({round(gain, 4) for gain in gains}) == 3
    assert all(0.8 <= gain <= 1.2 for gain in gains)


@pytest.mark.states(228)
def test_order_and_augmentation_follow_from_seed_and_epoch_alone(pair):
    chips = find_chips(pair)
    tiles = [Tile(0, row, 0, 32, 32) for row in range(8)]

    def epoch(number: int) -> torch.Tensor:
        change = Augmentation(AugmentationRecipe(), RGB)
        served = loader(TileDataset(TileReader(chips, tiles, 32, "tile"), PLAIN, change, 3), 3, 0, 3)
        served.sampler.set_epoch(number)
        return torch.cat([batch["image"] for batch in served])

    assert torch.equal(epoch(1), epoch(1))
    assert not torch.equal(epoch(1), epoch(2))


@pytest.mark.states(228)
def test_every_tile_is_served_once_per_epoch():
    order = EpochOrder(10, seed=5)
    order.set_epoch(4)
    assert sorted(position for _, position in order) == list(range(10))
    assert {epoch for epoch, _ in order} == {4}


def test_normalisation_by_hand():
    raw = np.array([[[51, 102]], [[0, 255]]], np.uint8)
    item = raster_input(("one", "two"), 255.0, 0.2, 0.1)
    figures = item.normalisation.model_copy(update={"mean": (0.2, 0.5), "std": (0.1, 0.25)})
    answer = Normaliser(item.model_copy(update={"normalisation": figures}))(raw)
    np.testing.assert_allclose(answer, [[[0, 2]], [[-2, 2]]], atol=1e-6)
