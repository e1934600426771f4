import numpy as np
import pytest
from planted import camps

from segmint.data.chips import IGNORE
from segmint.doctor.registration import Register


@pytest.fixture(scope="module")
def drawn():
    return camps(10)


def shift_of(pairs):
    register = Register(classes=2)
    for image, label in pairs:
        register.add(image, label)
    return register.shift()


@pytest.mark.parametrize(("right", "down"), [(5, -3), (0, 0), (-2, 1), (11, 0)])
def test_a_planted_shift_of_the_labels_is_found_to_the_pixel(drawn, right, down):
    shift = shift_of([(image, np.roll(label, (down, right), (0, 1))) for image, label in drawn])
    assert shift.clear
    assert (shift.right, shift.down) == (right, down)
    assert shift.confidence == 1


def test_inverted_brightness_does_not_turn_the_answer(drawn):
    shift = shift_of([(255 - image, np.roll(label, (-3, 5), (0, 1))) for image, label in drawn])
    assert shift.clear
    assert (shift.right, shift.down) == (5, -3)


def test_labels_of_other_chips_have_no_clear_shift(drawn):
    labels = [label for _, label in drawn]
    assert not shift_of([(image, labels[number - 1]) for number, (image, _) in enumerate(drawn)]).clear


def test_labels_each_shifted_otherwise_have_no_clear_shift(drawn):
    steps = np.random.default_rng(3).integers(-12, 13, (len(drawn), 2))
    pairs = zip(drawn, steps.tolist(), strict=True)
    assert not shift_of([(image, np.roll(label, tuple(step), (0, 1))) for (image, label), step in pairs]).clear


def test_noise_has_no_clear_shift(drawn):
    noise = np.random.default_rng(0).integers(0, 255, (len(drawn), 3, 256, 256))
    assert not shift_of([(image, label) for image, (_, label) in zip(noise, drawn, strict=True)]).clear


def test_few_tiles_are_no_evidence(drawn):
    assert not shift_of(drawn[:3]).clear


def test_labels_without_an_edge_give_no_answer(drawn):
    blank, ignored = np.zeros((256, 256), np.uint8), np.full((256, 256), IGNORE, np.uint8)
    half = ignored.copy()
    half[:, 128:] = 1
    assert shift_of([(image, label) for image, _ in drawn for label in (blank, ignored, half)]) is None


def test_an_image_of_one_value_has_no_clear_shift(drawn):
    assert not shift_of([(np.full_like(image, 9), label) for image, label in drawn]).clear
