"""Figures of a trained model.

Colours are those of Okabe and Ito (2008), which people with any kind of colour vision can tell apart. Figures are
matplotlib ``Figure`` objects; pyplot and its global state are not touched.

Example:
    >>> replace_file(Path("meta/confusion_matrix.png"), drawn(confusion_matrix(evaluation)).png)
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.drawing.pictures import ERROR_COLOURS, SKY, VERMILION, class_picture, error_picture, picture

if TYPE_CHECKING:
    from segmint.evaluation.results import Evaluation

P = ParamSpec("P")

BLUE = "#0072B2"

_DPI = 120
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,  # a class may be called "$"
    "figure.titlesize": 10,
    "figure.titleweight": "bold",
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the common style, whatever the process has set."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return styled


@styled
def confusion_matrix(evaluation: Evaluation) -> Figure:
    """Pixels by true class (rows) and predicted class (columns), with the share of each row."""
    counts = np.array(evaluation.confusion)
    rows = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, rows, out=np.zeros(counts.shape), where=rows > 0)
    edge = 2.4 + 1.05 * len(counts)
    figure = Figure(figsize=(edge + 0.6, edge), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts[row, column]:,}\n" + (f"{share:.1%}" if rows[row, 0] else "no such pixel")
        axes.text(column, row, text, ha="center", va="center", color="white" if share > 0.55 else "black")
    names = evaluation.classes
    slant: dict[str, Any] = {"rotation": 40, "ha": "right"} if max(map(len, names)) > 12 else {}
    axes.set_xticks(range(len(names)), names, **slant)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true (each row adds up to 100 %)")
    axes.grid(visible=False)
    total = int(counts.sum())
    right = f"{np.trace(counts) / total:.1%} of {total:,} pixels are right" if total else "no pixels"
    figure.suptitle(right)
    return figure


@styled
def curves(history: list[dict[str, float]]) -> Figure:
    """Loss, validation scores and learning rate of every epoch (keys as :class:`EpochLog` records them)."""
    epochs = [record["epoch"] for record in history]
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    loss, scores, rate = figure.subplots(1, 3)
    marker = "o" if len(history) < 3 else ""
    for axes, name, label, colour in (
        (loss, "train_loss", "training", SKY),
        (loss, "val_loss", "validation", BLUE),
        (scores, "val_iou", "IoU", BLUE),
        (scores, "val_f1", "F1", VERMILION),
        (rate, "learning_rate", "", BLUE),
    ):
        axes.plot(epochs, [record[name] for record in history], label=label, color=colour, marker=marker)
    lowest = min(history, key=lambda record: np.nan_to_num(record["val_loss"], nan=np.inf))
    highest = max(history, key=lambda record: np.nan_to_num(record["val_iou"], nan=-np.inf))
    loss.set_title(f"Validation loss: lowest {lowest['val_loss']:.3f}, epoch {lowest['epoch']:.0f}")
    scores.set_title(f"Validation IoU: highest {highest['val_iou']:.3f}, epoch {highest['epoch']:.0f}")
    rate.set_title(f"Learning rate: {history[-1]['learning_rate']:.2g} at the end")
    scores.set_ylim(0, 1)
    rate.set_ylim(bottom=0)
    loss.legend()
    scores.legend()
    for axes in (loss, scores, rate):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@styled
def precision_recall(evaluation: Evaluation, threshold: float) -> Figure:
    """Precision over recall of the foreground as the threshold moves; the chosen one is marked."""
    # where no pixel is chosen precision is undefined and recorded as 0
    points = np.array([(recall, precision) for _, precision, recall in evaluation.pr_curve if precision + recall > 0])
    truth = np.array(evaluation.confusion).sum(axis=1)
    share = truth[1] / max(truth.sum(), 1)
    precision, recall = evaluation.scores["precision"], evaluation.scores["recall"]
    figure = Figure(figsize=(5, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(*points.reshape(-1, 2).T, color=BLUE, label="every threshold")
    axes.axhline(share, color="#777777", linestyle="--", linewidth=1, label=f"share of {evaluation.classes[1]} pixels")
    axes.plot(recall, precision, "o", color=VERMILION, markersize=8, label=f"threshold {threshold:.3f}")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title(f"At threshold {threshold:.3f}: precision {precision:.3f}, recall {recall:.3f}")
    axes.legend(loc="lower left")
    return figure


@styled
def reliability(bins: Sequence[tuple[float, float, int]], label: str, title: str) -> Figure:
    """How often the model is right when it says a probability, and how many pixels get which probability.

    Args:
        bins: Mean probability, share that was so and number of pixels of each bin.
        label: What the curve is.
        title: What stands above.
    """
    confidence, correct, pixels = np.array(bins, dtype=float).reshape(-1, 3).T
    figure = Figure(figsize=(5, 4.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot((0, 1), (0, 1), color="#777777", linestyle="--", linewidth=1, label="ideal")
    above.plot(confidence, correct, "o-", color=BLUE, label=label)
    above.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="share that was so")
    above.set_title(title)
    above.legend(loc="upper left")
    below.bar(confidence, pixels / max(pixels.sum(), 1), width=0.05, color=SKY)
    below.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    below.set(xlabel="probability that the model gave", ylabel="pixels")
    return figure


@styled
def chip_panel(
    image: NDArray[np.generic],
    target: NDArray[np.uint8],
    probability: NDArray[np.float32],
    prediction: NDArray[np.uint8],
    contract: ModelContract,
    title: str,
) -> Figure:
    """One chip in five pictures: image, truth, probability, prediction, errors.

    Args:
        image: ``[C, H, W]`` stored values.
        target: ``[H, W]`` class values, 255 ignored.
        probability: ``[K, H, W]``, 0..1.
        prediction: ``[H, W]`` class values.
        contract: Names and colours.
        title: What stands above.
    """
    classes = contract.output.classes
    figure, panels = _row(5, 2.34, 0.16, 0.03, contract, title)
    show(panels[0], picture(image, contract.input), "image")
    show(panels[1], class_picture(target, classes), "truth")
    meaning = f"probability of {classes[1].name}" if len(probability) == 1 else "probability of the answer"
    show(panels[2], probability.max(axis=0), meaning)
    scale = panels[2].inset_axes((0.1, -0.09, 0.8, 0.04))
    figure.colorbar(panels[2].images[0], cax=scale, orientation="horizontal", ticks=(0, 0.5, 1))
    show(panels[3], class_picture(prediction, classes), "prediction")
    show(panels[4], error_picture(image, target, prediction, contract), "errors")
    _legends(panels[1], panels[4], contract)
    return figure


@styled
def scene_panel(
    image: NDArray[np.generic],
    target: NDArray[np.uint8],
    prediction: NDArray[np.uint8],
    contract: ModelContract,
    title: str,
) -> Figure:
    """A whole scene in three pictures: image, prediction, errors.

    Args:
        image: ``[C, H, W]`` stored values.
        target: ``[H, W]`` class values, 255 ignored.
        prediction: ``[H, W]`` class values.
        contract: Names and colours.
        title: What stands above.
    """
    edge = min(4.0 * target.shape[0] / target.shape[1], 8.0)
    figure, panels = _row(3, edge, 0.25, 0.02, contract, title)
    show(panels[0], picture(image, contract.input), "image")
    show(panels[1], class_picture(prediction, contract.output.classes), "prediction")
    show(panels[2], error_picture(image, target, prediction, contract), "errors")
    _legends(panels[1], panels[2], contract)
    return figure


@dataclass(frozen=True)
class Drawing:
    """A drawn figure.

    Attributes:
        words: Its titles, for people who do not see it.
        png: The file, without anything that differs between two equal runs.
    """

    words: str
    png: bytes


def drawn(figure: Figure) -> Drawing:
    """Draw a figure."""
    stream = io.BytesIO()
    with mpl.rc_context(_STYLE):  # tick labels are made only now
        figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    titles = [figure.get_suptitle(), *(axes.get_title(loc="left") for axes in figure.axes)]
    return Drawing("; ".join(title for title in titles if title), stream.getvalue())


def show(axes: Axes, pixels: NDArray[np.generic], title: str) -> None:
    """A picture ``[H, W, 3]``, or ``[H, W]`` of 0..1, without a frame."""
    axes.imshow(pixels, interpolation="nearest", cmap="cividis", vmin=0, vmax=1)  # only a one-band picture heeds cmap
    axes.set_title(title, fontweight="normal")
    axes.set_axis_off()


def _row(
    number: int, edge: float, below: float, gap: float, contract: ModelContract, title: str
) -> tuple[Figure, NDArray[np.object_]]:
    """A row of pictures with a title above and room for legends below.

    Args:
        number: How many pictures.
        edge: Their height in inches.
        below: Inches between them and the legend.
        gap: Between two pictures, as a share of their width.
        contract: Its classes decide how high the legend is.
        title: What stands above.
    """
    height = 0.5 + edge + below + 0.17 * max(2, len(contract.output.classes) / 2)
    figure = Figure(figsize=(12, height))
    sides = {"left": 0.005, "right": 0.995, "top": 1 - 0.5 / height, "bottom": 1 - (edge + 0.5) / height}
    figure.suptitle(title, x=0.005, y=1 - 0.06 / height, ha="left")
    return figure, figure.subplots(1, number, gridspec_kw=sides | {"wspace": gap})


def _legends(classes: Axes, errors: Axes, contract: ModelContract) -> None:
    """Names of the classes below one picture, of the errors below another; two classes have no confusion."""
    listed = contract.output.classes
    _legend(classes, {item.name: item.color for item in listed})
    _legend(errors, dict(list(ERROR_COLOURS.items())[: 4 if len(listed) > 2 else 3]))


def _legend(axes: Axes, colours: dict[str, str]) -> None:
    patches = [Patch(facecolor=colour, edgecolor="#777777", label=name) for name, colour in colours.items()]
    axes.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=min(len(patches), 2), fontsize=8)
