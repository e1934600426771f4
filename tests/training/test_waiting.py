"""A step asks for no value of a tensor, since a GPU would have to be waited for: fake tensors have shapes alone."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode

from segmint.evaluation.metrics import activate
from segmint.models.foreground import segmentation
from segmint.recipe import LossRecipe
from segmint.training.losses import WeightedLoss
from segmint.training.scores import Scores


@pytest.mark.filterwarnings("ignore:Accessing the data pointer")
@pytest.mark.parametrize("classes", [("background", "camp"), ("unburned", "low", "high")])
@pytest.mark.parametrize("pooled", [None, "fire"])
def test_loss_gradient_and_scores_are_computed_without_waiting(classes, pooled):
    channels = 1 if len(classes) == 2 else len(classes)
    with FakeTensorMode():
        logits = torch.randn(2, channels, 8, 8, requires_grad=True)
        target = torch.randint(0, len(classes), (2, 8, 8), dtype=torch.uint8)
        every = LossRecipe(bce=1, dice=1, focal=1, tversky=1, jaccard=1)
        WeightedLoss(every, (1.0,) * len(classes))(logits, target).backward()
        Scores(classes, pooled).update(segmentation(activate(logits.detach()), 0.5), target)
    assert logits.grad.shape == logits.shape


@pytest.mark.parametrize("wait", [torch.nonzero, torch.bincount, lambda values: values[values > 0]])
def test_a_shape_that_depends_on_values_is_noticed(wait):
    with FakeTensorMode(), pytest.raises(DynamicOutputShapeException):
        wait(torch.ones(3, dtype=torch.int64))


def test_a_decision_by_a_value_is_noticed():
    with FakeTensorMode(), pytest.raises(DataDependentOutputException):
        bool(torch.ones(3).sum() > 0)
