"""Pictures of what was found: the label's outline on the chip, pairs side by side, agreement over shifts.

Example:
    >>> save(chips_with_outlines(examination, ["a", "b"]), Path("outlines.png"))
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segmint.data.chips import IGNORE, Chip
from segmint.data.tiles import Rectangle
from segmint.doctor.examination import Examination
from segmint.doctor.registration import REACH, Shift
from segmint.drawing.figures import BLUE, show, styled
from segmint.drawing.pictures import SKY, VERMILION, YELLOW, picture
from segmint.interface import Input

_WINDOW = 1024
"""Largest part of a chip that is drawn, about its middle."""
_SHOWN = 384
"""About the largest edge of a drawn chip in pixels."""
_CLOSE = 96
"""Edge in pixels of the part that shows a shift."""
_PER_ROW = 4

RGB = NDArray[np.uint8]


@styled
def outlined_chips(found: Examination, captions: dict[str, str]) -> Figure:
    """Chips by stem with the outline of their labels, in rows of four; each under its stem and a caption."""
    rows = -(-len(captions) // _PER_ROW)
    figure = Figure(figsize=(12, 3.7 * rows), layout="compressed")
    panels = figure.subplots(rows, _PER_ROW, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, (stem, caption) in zip(panels, captions.items(), strict=False):
        chip = _chip(found, stem)
        image, label = _middle(chip, _WINDOW)
        step = max(1, max(label.shape) // _SHOWN)
        thin = (slice(None, None, step),) * 2
        drawn = _outlined(_rgb(image[:, *thin], found, chip), label[thin], YELLOW)
        show(axes, drawn, "\n".join(map(_short, (stem, *caption.split("\n")))))
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_box_aspect(1)
    return figure


@styled
def pair_side_by_side(found: Examination, one: str, other: str, title: str) -> Figure:
    """Two chips that show the same picture."""
    figure = Figure(figsize=(8, 4.5), layout="compressed")
    for axes, stem in zip(figure.subplots(1, 2), (one, other), strict=True):
        chip = _chip(found, stem)
        image, _ = _middle(chip, _WINDOW)
        step = max(1, max(image.shape[1:]) // _SHOWN)
        show(axes, _rgb(image[:, ::step, ::step], found, chip), _short(stem))
    figure.suptitle(title)
    return figure


@styled
def shift_evidence(found: Examination, shift: Shift) -> Figure:
    """Agreement over all shifts, and a chip with its label as it is and as it should be."""
    figure = Figure(figsize=(12, 4.2), layout="compressed")
    moves = shift.clear and shift.length > 0
    surface, *closeups = figure.subplots(1, 3 if moves else 2)
    _surface(surface, shift)
    chip = _chip(found, _edged(found))
    image, label = _middle(chip, 4 * _CLOSE)
    place = _busiest(label)
    drawn = _rgb(image, found, chip)
    show(closeups[0], _enlarged(_outlined(drawn, label, YELLOW)[place]), f"{_short(chip.stem)}, label as it is")
    if moves:
        moved = np.roll(label, (-shift.down, -shift.right), (0, 1))
        title = f"label moved by ({-shift.right:+d}, {-shift.down:+d}) px"
        show(closeups[1], _enlarged(_outlined(drawn, moved, SKY)[place]), title)
    return figure


def _surface(axes: Axes, shift: Shift) -> None:
    edge = REACH + 0.5
    drawn = axes.imshow(shift.surface[::-1, ::-1], extent=(-edge, edge, edge, -edge), cmap="cividis")
    if shift.clear:
        axes.plot(shift.right, shift.down, "o", markerfacecolor="none", color=VERMILION, markersize=12)
    axes.plot(0, 0, "+", color="white", markersize=9)
    axes.set(xlabel="label too far right, px", ylabel="label too far down, px")
    axes.set_title(f"Agreement: at best {shift.agreement:.2f}, confidence {shift.confidence:.0%}")
    axes.grid(visible=False)
    axes.figure.colorbar(drawn, ax=axes, shrink=0.8)


@styled
def class_bars(shares: dict[str, dict[str, float]], colours: dict[str, str]) -> Figure:
    """Share of each class in each split; a bar per split, a group per class."""
    sides, names = list(shares), list(colours)
    figure = Figure(figsize=(9, 0.9 + 0.22 * len(names) * (len(sides) + 1)), layout="constrained")
    axes = figure.subplots()
    tints = (BLUE, SKY, VERMILION)
    for place, side in enumerate(sides):
        heights = [100 * shares[side][name] for name in names]
        rows = np.arange(len(names)) * (len(sides) + 1) + place
        bars = axes.barh(rows, heights, height=0.9, color=tints[place % len(tints)], label=side)
        axes.bar_label(bars, [f"{height:.2g} %" if height < 10 else f"{height:.0f} %" for height in heights], padding=3)
    middle = np.arange(len(names)) * (len(sides) + 1) + (len(sides) - 1) / 2
    axes.set_yticks(middle, names)
    axes.invert_yaxis()
    axes.set(xlabel="share of the pixels that count, %", xlim=(0, 112))
    axes.grid(visible=False, axis="y")
    axes.legend(loc="lower right")
    return figure


def _chip(found: Examination, stem: str) -> Chip:
    return next(chip for chip in found.survey.chips if chip.stem == stem)


def _edged(found: Examination) -> str:
    """The chip whose classes are shared most evenly, which has many edges."""

    def evenness(counts: NDArray[np.int64]) -> float:
        return 1 - float((counts[:-1] / max(1, counts[:-1].sum())).max())

    return max(found.portraits, key=lambda item: evenness(item.total)).stem


def _middle(chip: Chip, largest: int) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """Values and label of a chip, or of the middle of a larger one."""
    height, width = min(chip.height, largest), min(chip.width, largest)
    window: Rectangle = ((chip.height - height) // 2, (chip.width - width) // 2, height, width)
    return chip.read(window)


def _busiest(label: NDArray[np.uint8]) -> tuple[slice, slice]:
    """The square of 96 px that has most of the label's outline, on a coarse grid."""
    outline = _outline(label)
    starts = [range(0, max(1, size - _CLOSE + 1), _CLOSE // 3) for size in label.shape]
    squares = [(slice(row, row + _CLOSE), slice(col, col + _CLOSE)) for row in starts[0] for col in starts[1]]
    return max(squares, key=lambda square: int(outline[square].sum()))


def _outline(label: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels whose right or lower neighbour is of another class."""
    edge = np.zeros(label.shape, bool)
    edge[:, :-1] |= label[:, :-1] != label[:, 1:]
    edge[:-1] |= label[:-1] != label[1:]
    return edge


def _outlined(drawn: RGB, label: NDArray[np.uint8], colour: str) -> RGB:
    drawn = drawn.copy()
    drawn[label == IGNORE] //= 2
    drawn[_outline(label)] = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return drawn


def _enlarged(drawn: RGB) -> RGB:
    return drawn.repeat(4, axis=0).repeat(4, axis=1)


def _rgb(image: NDArray[np.generic], found: Examination, chip: Chip) -> RGB:
    source = Input(bands=found.survey.bands, source_dtype=chip.dtype, value_range=(0, 1), nodata=chip.nodata)
    return picture(image, source)


def _short(stem: str) -> str:
    return stem if len(stem) <= 34 else f"{stem[:15]}...{stem[-16:]}"
