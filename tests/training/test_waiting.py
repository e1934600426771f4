"""Loss and scores ask for no value of a tensor on a GPU, which would be waited for: fake tensors have shapes alone."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode

from segmint.evaluation.metrics import activate, confusions, detections
from segmint.models.foreground import segmentation
from segmint.recipe import LossRecipe
from segmint.training.losses import WeightedLoss

CLASSES = pytest.mark.parametrize("classes", [("background", "camp"), ("unburned", "low", "high")])


def answered(classes, device):
    """Logits and target of a batch."""
    logits = torch.randn(2, 1 if len(classes) == 2 else len(classes), 8, 8, requires_grad=True, device=device)
    return logits, torch.randint(0, len(classes), (2, 8, 8), dtype=torch.uint8, device=device)


@CLASSES
def test_loss_and_gradient_are_computed_without_waiting(classes):
    every = LossRecipe(bce=1, dice=1, focal=1, tversky=1, jaccard=1)
    with FakeTensorMode():
        logits, target = answered(classes, "cpu")  # a gradient on a GPU needs one, even without values
        WeightedLoss(every, (1.0,) * len(classes))(logits, target).backward()
    assert logits.grad.shape == logits.shape


@CLASSES
def test_scores_are_counted_on_a_gpu_without_waiting(classes):
    with FakeTensorMode():
        logits, target = answered(classes, "cuda")
        counts = confusions(segmentation(activate(logits.detach()), 0.5), target, len(classes))
        shown = detections(counts)
    assert counts.shape == (2, len(classes), len(classes))
    assert (counts.device.type, shown.shape) == ("cuda", (2, 2))


@pytest.mark.parametrize("wait", [torch.nonzero, torch.bincount, lambda values: values[values > 0]])
def test_a_shape_that_depends_on_values_is_noticed(wait):
    with FakeTensorMode(), pytest.raises(DynamicOutputShapeException):
        wait(torch.ones(3, dtype=torch.int64))


def test_a_decision_by_a_value_is_noticed():
    with FakeTensorMode(), pytest.raises(DataDependentOutputException):
        bool(torch.ones(3).sum() > 0)
