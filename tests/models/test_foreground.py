import pytest
import torch

from segmint.models.foreground import confidence, detection, fraction, segmentation

ALONE = torch.tensor([[[[0.1, 0.2], [0.3, 0.9]]], [[[0.1, 0.2], [0.3, 0.4]]]])
SEVERAL = torch.tensor(
    [
        [[[0.5, 0.4], [0.9, 0.9]], [[0.2, 0.3], [0.1, 0.0]], [[0.3, 0.3], [0.0, 0.1]]],
        [[[0.2, 0.8], [0.1, 0.3]], [[0.5, 0.1], [0.2, 0.4]], [[0.3, 0.1], [0.7, 0.3]]],
    ]
)


def test_one_channel_is_cut_at_the_threshold_inclusive():
    assert segmentation(ALONE, 0.3).tolist() == [[[0, 0], [1, 1]], [[0, 0], [1, 1]]]
    assert segmentation(ALONE, 0.3).dtype == torch.int64


def test_several_channels_give_the_most_probable_class_whatever_the_threshold():
    expected = [[[0, 0], [0, 0]], [[1, 0], [2, 1]]]
    assert segmentation(SEVERAL, 0.01).tolist() == segmentation(SEVERAL, 0.99).tolist() == expected


def test_an_image_is_detected_by_a_single_pixel():
    assert detection(segmentation(ALONE, 0.5)).tolist() == [True, False]
    assert detection(segmentation(SEVERAL, 0.5)).tolist() == [False, True]


def test_confidence_is_the_largest_probability_of_all_foreground_classes_together():
    torch.testing.assert_close(confidence(ALONE), torch.tensor([0.9, 0.4]))
    torch.testing.assert_close(confidence(SEVERAL), torch.tensor([0.6, 0.9]))


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_confidence_and_fraction_stay_between_0_and_1(channels):
    logits = torch.randn(64, channels, 16, 16, generator=torch.Generator().manual_seed(0)) * 20
    probabilities = torch.sigmoid(logits) if channels == 1 else torch.softmax(logits, dim=1)
    for values in (confidence(probabilities), fraction(segmentation(probabilities, 0.5))):
        assert values.shape == (64,)
        assert values.min() >= 0
        assert values.max() <= 1


def test_fraction_counts_every_class_above_0():
    assert fraction(segmentation(ALONE, 0.5)).tolist() == [0.25, 0.0]
    assert fraction(segmentation(SEVERAL, 0.5)).tolist() == [0.0, 0.75]
