import io
import warnings

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from segmint.drawing import figures, pictures


@pytest.fixture
def colourful(make_contract):
    """A contract whose classes have distinct, known colours."""

    def make(colours, **kwargs):
        contract = make_contract(classes=len(colours), **kwargs)
        items = tuple(
            item.model_copy(update={"color": colour})
            for item, colour in zip(contract.output.classes, colours, strict=True)
        )
        return contract.model_copy(update={"output": contract.output.model_copy(update={"classes": items})})

    return make


def _texts(figure):
    return " | ".join(
        [figure.get_suptitle()]
        + [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, axes._left_title)]
    )


def test_confusion_matrix_shows_counts_row_shares_and_class_names(two_classes):
    figure = figures.confusion_matrix(two_classes)
    shown = _texts(figure)
    assert "1,600\n92.0%" in shown  # 1600 of 1740 background pixels
    assert "520\n78.8%" in shown  # 520 of 660 building pixels
    assert "88.3% of 2,400 pixels are right" in shown
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["background", "building"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["background", "building"]


def test_a_class_that_is_not_in_the_split_has_no_share(make_evaluation):
    with np.errstate(invalid="ignore"):
        evaluation = make_evaluation({"a": [[5, 1], [0, 0]]}, ("background", "ship"))
    assert "no such pixel" in _texts(figures.confusion_matrix(evaluation))


def test_names_that_look_like_mathematics_are_drawn_as_they_are(make_evaluation):
    evaluation = make_evaluation({"a": [[5, 1], [1, 5]]}, (r"$\frac$", "a$b$c"))
    for figure in (figures.confusion_matrix(evaluation), figures.precision_recall(evaluation, 0.5)):
        assert figures.drawn(figure).png.startswith(b"\x89PNG")


def test_curves_name_the_best_epochs(history):
    figure = figures.curves(history)
    assert "lowest 0.200, epoch 7" in _texts(figure)
    assert "highest 0.800, epoch 8" in _texts(figure)
    losses = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    np.testing.assert_allclose(losses["training"], [record["train_loss"] for record in history])
    assert figures.drawn(figure).png


def test_curves_of_a_single_epoch_and_of_a_diverged_one_can_be_drawn(history):
    assert figures.drawn(figures.curves(history[:1])).png
    diverged = [*history[:2], history[2] | {"val_loss": float("nan"), "val_iou": float("nan")}]
    assert "epoch 2" in _texts(figures.curves(diverged))


def test_precision_recall_marks_the_measured_point(two_classes):
    figure = figures.precision_recall(two_classes, 0.4375)
    mark = next(line for line in figure.axes[0].lines if "threshold 0.438" in line.get_label())
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == pytest.approx((520 / 660, 520 / 660))
    share = next(line for line in figure.axes[0].lines if "share" in line.get_label())
    assert share.get_ydata()[0] == pytest.approx(660 / 2400)


def test_reliability_draws_every_bin_under_its_title(calibration):
    figure = figures.reliability(calibration.bins, "temperature 1.73", "Calibration error 0.052 before, 0.013 after")
    line = next(line for line in figure.axes[0].lines if "temperature" in line.get_label())
    np.testing.assert_allclose(line.get_xydata(), [bin[:2] for bin in calibration.bins])
    assert "0.052 before, 0.013 after" in _texts(figure)
    assert sum(bar.get_height() for bar in figure.axes[1].patches) == pytest.approx(1)


def test_the_error_picture_has_its_legend_s_colours_where_the_errors_are(colourful):
    contract = colourful(["#000000", "#DC143C"], size=4)
    target = np.array([[1, 0, 1, 0], [1, 0, 255, 255]], np.uint8)
    prediction = np.array([[1, 1, 0, 0], [1, 0, 0, 1]], np.uint8)
    image = np.full((3, 2, 4), 100, np.uint8)
    probability = prediction[None].astype(np.float32)
    figure = figures.chip_panel(image, target, probability, prediction, contract, "best: north")
    errors = next(axes for axes in figure.axes if axes.get_title(loc="left") == "errors")
    drawn = np.asarray(errors.images[0].get_array()).astype(float)
    legend = {
        text.get_text(): to_rgb(patch.get_facecolor())
        for text, patch in zip(errors.get_legend().get_texts(), errors.get_legend().get_patches(), strict=True)
    }
    assert list(legend) == ["found", "false alarm", "missed"]
    expected = [["found", "false alarm", "missed", None], ["found", None, None, None]]
    for (row, column), name in np.ndenumerate(np.array(expected, object)):
        pixel = drawn[row, column]
        if name is None:
            assert pixel.tolist() == [100, 100, 100]
        else:
            distance = {key: np.abs(pixel - np.array(colour) * 255).sum() for key, colour in legend.items()}
            assert min(distance, key=distance.get) == name
    assert figure.get_suptitle() == "best: north"


def test_with_several_classes_a_confusion_between_them_has_a_colour_of_its_own(colourful):
    contract = colourful(["#000000", "#00FF00", "#0000FF"], size=2)
    target, prediction = np.array([[1, 2]], np.uint8), np.array([[2, 2]], np.uint8)
    image = np.zeros((3, 1, 2), np.uint8)
    drawn = pictures.error_picture(image, target, prediction, contract)
    np.testing.assert_array_equal(drawn[0, 0], np.round(0.65 * 255 * np.array(to_rgb("#CC79A7"))))
    probability = np.full((3, 1, 2), 1 / 3, np.float32)
    assert figures.drawn(figures.chip_panel(image, target, probability, prediction, contract, "x")).png


def test_8_bit_rgb_is_shown_as_it_is(make_contract):
    image = np.random.default_rng(1).integers(0, 256, (3, 5, 7)).astype(np.uint8)
    np.testing.assert_array_equal(pictures.picture(image, make_contract().input), image.transpose(1, 2, 0))


def test_16_bit_with_seven_bands_is_stretched_and_shown_in_natural_colours(make_contract):
    contract = make_contract(bands=7, classes=5)
    order = (2, 6, 1, 3, 0, 4, 5)
    bands = tuple(contract.input.bands[i] for i in order)  # blue, coastal, green, nir, red, ...
    contract = contract.model_copy(
        update={"inputs": (contract.input.model_copy(update={"bands": bands, "source_dtype": "uint16"}),)}
    )
    image = np.random.default_rng(2).integers(300, 9000, (7, 40, 30)).astype(np.uint16)
    drawn = pictures.picture(image, contract.input)
    assert (drawn.dtype, drawn.shape) == (np.uint8, (40, 30, 3))
    for channel, band in enumerate((4, 2, 0)):  # red, green, blue
        low, high = np.percentile(image[band], (2, 98))
        expected = np.clip((image[band] - low) / (high - low), 0, 1) * 255
        np.testing.assert_allclose(drawn[..., channel], expected, atol=0.51)


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_any_number_of_bands_and_pixels_without_a_value_can_be_shown(make_contract, bands):
    contract = make_contract(bands=bands, nodata=-1.0)
    contract = contract.model_copy(update={"inputs": (contract.input.model_copy(update={"source_dtype": "float32"}),)})
    image = np.random.default_rng(3).random((bands, 6, 6)).astype(np.float32)
    image[:, 0, 0], image[0, 0, 1] = -1, np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = pictures.picture(image, contract.input)
        empty = pictures.picture(np.full_like(image, -1), contract.input)
    assert drawn.shape == (6, 6, 3)
    assert not drawn[0, :2].any()
    assert drawn[1:].any()
    assert not empty.any()


def test_class_maps_are_drawn_in_the_contract_s_colours_and_ignored_pixels_in_grey(colourful):
    contract = colourful(["#102030", "#DC143C", "#00FF7F"])
    drawn = pictures.class_picture(np.array([[0, 1], [2, 255]], np.uint8), contract.output.classes)
    assert drawn.tolist() == [[[16, 32, 48], [220, 20, 60]], [[0, 255, 127], [128, 128, 128]]]


def test_drawing_twice_gives_the_same_bytes(two_classes):
    one, other = (figures.drawn(figures.confusion_matrix(two_classes)).png for _ in range(2))
    assert one == other
    opened = Image.open(io.BytesIO(one))
    opened.load()
    assert min(opened.size) > 300
