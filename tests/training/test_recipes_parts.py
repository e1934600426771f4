"""What the wildfire and fire-spread recipes add to training, by hand."""

import math

import numpy as np
import pytest
import torch
from places import raster_input, write_raster

from segmint.data.augmentation import Augmentation
from segmint.data.dataset import EpochOrder, TileDataset, foreground_weights
from segmint.data.normalisation import Normaliser
from segmint.data.pairs import find_chips
from segmint.data.reader import TileReader
from segmint.data.statistics import Statistics
from segmint.data.tiles import Tile
from segmint.interface import Band, Input, Normalisation
from segmint.recipe import (
    AugmentationRecipe,
    ClassOfInterest,
    DataRecipe,
    LossRecipe,
    Recipe,
    TrainingRecipe,
)
from segmint.training.losses import WeightedLoss, class_weights
from segmint.training.optimisation import configure
from segmint.training.rivals import Rivals
from segmint.training.scores import Scores

GRADES = [ClassOfInterest(name, "#000000", [value]) for value, name in enumerate(("none", "slight", "high"))]


def test_pooled_fire_counts_a_wrong_grade_as_fire_found():
    scores = Scores(("none", "moderate", "high"), "fire")
    scores.update(torch.tensor([[[0, 1, 2, 1, 0]]]), torch.tensor([[[0, 2, 2, 0, 255]]]))
    named = scores.compute()
    assert named["fire_iou"] == pytest.approx(2 / 3)  # two of three pixels called or truly burned
    assert named["iou_high"] == pytest.approx(1 / 2)
    assert named["macro_iou"] == pytest.approx((1 / 2 + 0 + 1 / 2) / 3)


def test_a_class_that_occurs_nowhere_has_no_part_in_the_mean():
    scores = Scores(("none", "slight", "high"))
    scores.update(torch.tensor([[[0, 0, 2, 2]]]), torch.tensor([[[0, 2, 2, 2]]]))
    assert scores.compute()["macro_iou"] == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_a_tile_is_detected_by_any_pixel_that_counts():
    scores = Scores(("none", "burned"), "fire")
    answer = torch.tensor([[[0, 1]], [[0, 0]], [[1, 1]], [[1, 0]]])
    target = torch.tensor([[[1, 0]], [[0, 1]], [[0, 0]], [[255, 0]]])
    scores.update(answer, target)
    named = scores.compute()
    # found, missed, false alarm, and one whose only answer lies where nothing is known
    assert named["detection_acc"] == pytest.approx(2 / 4)
    assert named["detection_precision"] == pytest.approx(1 / 2)
    assert named["detection_recall"] == pytest.approx(1 / 2)


def test_class_weights_are_inverse_to_shares_and_finite_for_an_absent_class():
    shares = {"none": 0.6, "slight": 0.0, "high": 0.3}
    statistics = Statistics((), shares, {}, {}, {}, (), "float32")
    recipe = Recipe(data=DataRecipe(classes=GRADES), loss=LossRecipe(class_weights="inverse_frequency"))
    assert class_weights(recipe, statistics) == (1.0, 1.0, 2.0)


@pytest.mark.states(26)
def test_weighted_cross_entropy_and_focal_by_hand():
    logits, target = torch.tensor([[[[2.0, -1.0]]]]), torch.tensor([[[1, 0]]])
    entropy = [math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1))]
    weighted = WeightedLoss(LossRecipe(bce=1, dice=0), (1.0, 3.0))(logits, target).item()
    assert weighted == pytest.approx((3 * entropy[0] + entropy[1]) / 4, abs=1e-6)
    focal = WeightedLoss(LossRecipe(bce=0, dice=0, focal=1), (1.0, 1.0))(logits, target).item()
    expected = sum((1 - math.exp(-each)) ** 2 * each for each in entropy) / 2
    assert focal == pytest.approx(expected, abs=1e-6)


def test_tiles_with_foreground_are_drawn_as_often_as_their_weight_says():
    order = EpochOrder(100, seed=1, weights=np.where(np.arange(100) < 10, 5.0, 1.0))
    drawn = []
    for epoch in range(60):
        order.set_epoch(epoch)
        drawn += [position for _, position in order]
    assert np.mean(np.array(drawn) < 10) == pytest.approx(50 / 140, abs=0.02)
    assert list(order) == list(order)


def test_a_network_with_a_temporal_part_has_two_learning_rates():
    class Network(torch.nn.Linear):
        def groups(self):
            return {"temporal": [self.weight], "spatial": [self.bias]}

    optimizer = configure(Network(2, 2), TrainingRecipe(lr=1e-4, lr_temporal=1e-3))["optimizer"]
    assert {group["name"]: group["lr"] for group in optimizer.param_groups} == {"temporal": 1e-3, "spatial": 1e-4}


@pytest.mark.parametrize("foreground", [0, 1])
def test_noise_is_as_wide_as_the_recipe_says_and_stays_out_of_categories(foreground):
    item = Input(
        bands=(Band(name="height"), Band(name="cover", kind="categorical", categories=(1, 2))),
        source_dtype="float32",
        value_range=(0, 2),
        normalisation=Normalisation(scale=1, mean=(0, 0), std=(1, 1), source="training split"),
    )
    recipe = AugmentationRecipe(rotation=0.0, brightness=0.0, contrast=0.0, noise=0.1, strong=1.5)
    image, target = np.ones((3, 64, 64), np.float32), np.full((64, 64), foreground, np.uint8)
    changed, again = (Augmentation(recipe, item)(image, target, np.random.default_rng(3))[0] for _ in range(2))
    np.testing.assert_array_equal(changed, again)
    np.testing.assert_array_equal(changed[1:], image[1:])
    assert changed[0].mean() == pytest.approx(1, abs=0.01)
    assert changed[0].std() == pytest.approx(0.15 if foreground else 0.1, rel=0.05)  # of 4096 pixels


@pytest.mark.parametrize("rotation", [0.0, 40.0])
@pytest.mark.parametrize("seed", range(8))
def test_directions_turn_with_the_ground(seed, rotation):
    """A gradient that points where a band of compass directions says still does so after any flip and turn."""
    item = Input(
        bands=(Band(name="height"), Band(name="aspect", kind="circular")),
        source_dtype="float32",
        value_range=(0, 360),
        normalisation=Normalisation(scale=1, mean=(0, 0), std=(1, 1), source="training split"),
    )
    rows, columns = np.mgrid[:32, :32].astype(np.float32)
    angle = 30.0  # compass degrees: the height grows towards there
    height = columns * np.sin(np.radians(angle)) - rows * np.cos(np.radians(angle))
    image = Normaliser(item)(np.stack([height, np.full((32, 32), angle, np.float32)]))
    recipe = AugmentationRecipe(rotation=rotation, brightness=0.0, contrast=0.0)
    given = image.copy()
    changed, _ = Augmentation(recipe, item)(image, np.zeros((32, 32), np.uint8), np.random.default_rng(seed))
    np.testing.assert_array_equal(image, given)
    south, east = np.gradient(changed[0])
    inside = np.s_[10:22, 10:22] if rotation else np.s_[:, :]  # what no rotation uncovers
    np.testing.assert_allclose(changed[1][inside], east[inside], atol=1e-4)
    np.testing.assert_allclose(changed[2][inside], -south[inside], atol=1e-4)


@pytest.fixture
def burned(tmp_path):
    """Four chips in which low infrared and high short-wave infrared mean burned."""
    draw = np.random.default_rng(0)
    for name in "abcd":
        label = (draw.random((1, 32, 32)) < 0.3).astype(np.uint8)
        nir, swir = np.where(label, 0.1, 0.4), np.where(label, 0.3, 0.1)
        noise = draw.normal(0, 0.01, (2, 32, 32))
        write_raster(tmp_path / "chips" / f"{name}.tif", (np.concatenate([nir, swir]) + noise).astype(np.float32), None)
        write_raster(tmp_path / "labels" / f"{name}.tif", label, None)
    folders = {"chips_dir": str(tmp_path / "chips"), "labels_dir": str(tmp_path / "labels")}
    from segmint.recipe import Band as RecipeBand

    chips = find_chips(DataRecipe(**folders, bands=[RecipeBand("nir"), RecipeBand("swir22")]))
    tiles = [Tile(number, 0, 0, 32, 32) for number in range(4)]
    return TileDataset(TileReader(chips, tiles, 32, "tile"), Normaliser(raster_input(("nir", "swir22"), 1.0, 0.2, 0.1)))


def test_rivals_find_what_a_pixel_alone_can_tell(burned):
    assert set(Rivals.of(burned, pooled="clouds").answers) == {"pixel classifier"}
    rivals = Rivals.of(burned, pooled="fire")
    assert set(rivals.answers) == {"pixel classifier", "NBR threshold"}
    raw, truth = burned.read(0)
    for answer in rivals.answers.values():
        assert (answer(raw) == truth).mean() > 0.99
    assert foreground_weights(burned, 5.0).tolist() == [5.0] * 4
