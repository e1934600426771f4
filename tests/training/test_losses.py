import math

import pytest
import torch

from segmint.recipe import LossRecipe
from segmint.training.losses import WeightedLoss

NONE = {"bce": 0.0, "dice": 0.0}


def test_binary_cross_entropy_and_dice_by_hand():
    logits = torch.tensor([[[[0.0, 2.0], [-1.0, 0.5]]]])
    target = torch.tensor([[[1, 1], [0, 0]]], dtype=torch.uint8)
    p = [1 / (1 + math.exp(-v)) for v in (0.0, 2.0, -1.0, 0.5)]
    bce = -(math.log(p[0]) + math.log(p[1]) + math.log(1 - p[2]) + math.log(1 - p[3])) / 4
    dice = 1 - 2 * (p[0] + p[1]) / (sum(p) + 2)
    assert WeightedLoss(LossRecipe(bce=1, dice=0), (1.0,) * 4)(logits, target).item() == pytest.approx(bce, abs=1e-5)
    assert WeightedLoss(LossRecipe(bce=0, dice=1), (1.0,) * 4)(logits, target).item() == pytest.approx(dice, abs=1e-5)
    assert WeightedLoss(LossRecipe(bce=0.5, dice=2), (1.0,) * 4)(logits, target).item() == pytest.approx(
        0.5 * bce + 2 * dice, abs=1e-5
    )


@pytest.mark.parametrize("name", ["bce", "dice", "focal", "tversky", "jaccard"])
@pytest.mark.parametrize("channels", [1, 3])
def test_ignored_pixels_change_nothing(name, channels):
    torch.manual_seed(0)
    loss = WeightedLoss(LossRecipe(**(NONE | {name: 1.0})), (1.0,) * 4)
    logits = torch.randn(2, channels, 6, 6)
    target = torch.randint(0, max(2, channels), (2, 6, 6), dtype=torch.uint8)
    narrow = loss(logits[..., :4], target[..., :4])
    target[..., 4:] = 255
    torch.testing.assert_close(loss(logits, target), narrow)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_without_any_known_pixel_costs_nothing_and_teaches_nothing(channels):
    every = LossRecipe(bce=8, dice=8, focal=8, tversky=8, jaccard=8)
    logits = torch.randn(1, channels, 4, 4, requires_grad=True)
    loss = WeightedLoss(every, (1.0,) * 4)(logits, torch.full((1, 4, 4), 255, dtype=torch.uint8))
    (loss * 65_536).backward()  # as fp16 is scaled
    assert loss.item() == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("name", ["bce", "dice", "focal", "tversky", "jaccard"])
def test_a_right_answer_costs_less_than_a_wrong_one(name):
    target = torch.tensor([[[1, 0], [0, 1]]], dtype=torch.uint8)
    right = (target.float() * 8 - 4)[:, None]
    loss = WeightedLoss(LossRecipe(**(NONE | {name: 1.0})), (1.0,) * 4)
    assert loss(right, target) < 0.2 < loss(-right, target)
