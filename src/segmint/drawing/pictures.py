"""Pictures of chips, class maps and errors, one pixel for a pixel.

Colours of errors are those of Okabe and Ito (2008), which people with any kind of colour vision can tell apart.

Example:
    >>> picture(np.zeros((3, 64, 64), np.uint8), contract.input).shape
    (64, 64, 3)
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.interface import Class, Input

SKY, VERMILION, YELLOW, PURPLE = "#56B4E9", "#D55E00", "#F0E442", "#CC79A7"
ERROR_COLOURS = {"found": SKY, "false alarm": VERMILION, "missed": YELLOW, "other class": PURPLE}
"""What :func:`error_picture` shows -> its colour."""

_IGNORED = 128
_LAST_FRAME = "fire_t-0"


def picture(image: NDArray[np.generic], source: Input) -> NDArray[np.uint8]:
    """Stored values ``[C, H, W]`` as an 8-bit RGB picture ``[H, W, 3]``.

    Shows red, green and blue where the bands have these names, else the first three bands, or one band in grey. 8-bit
    values are shown as they are; others are stretched per band from the 2nd to the 98th percentile of the pixels that
    have a value. Pixels without one are black. A fire's history is drawn as its last frame on the landscape.
    """
    names = tuple(band.name for band in source.bands)
    if _LAST_FRAME in names:
        return _fire_picture(image, names)
    first = (0, 1, 2) if len(names) > 2 else (0, 0, 0)
    natural = {"red", "green", "blue"} <= set(names)
    chosen = [names.index(name) for name in ("red", "green", "blue")] if natural else list(first)
    values = image[chosen].astype(np.float64)
    if source.source_dtype == "uint8":
        return np.ascontiguousarray(values.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))
    present = np.isfinite(values).all(axis=0)
    if source.nodata is not None:
        present &= ~(image == source.nodata).all(axis=0)
    drawn = np.zeros((*present.shape, 3), np.uint8)
    if present.any():
        known = values[:, present]
        low, high = np.percentile(known, (2, 98), axis=1)[..., None]
        stretched = (known - low) / np.where(high > low, high - low, 1)
        drawn[present] = (stretched.clip(0, 1) * 255).round().astype(np.uint8).T
    return drawn


def _fire_picture(image: NDArray[np.generic], names: tuple[str, ...]) -> NDArray[np.uint8]:
    """The landscape in grey, where there is one, and on it the last frame in orange, its older parts darker."""
    ground = names.index("elevation") if "elevation" in names else None
    height = np.zeros(image.shape[1:]) if ground is None else np.nan_to_num(image[ground].astype(np.float64))
    low, high = height.min(), height.max()
    grey = 90 + 130 * (height - low) / (high - low if high > low else 1)
    drawn = np.repeat(grey[..., None], 3, axis=2)
    frames = np.stack([image[place] == 1 for place, name in enumerate(names) if name.startswith("fire_t-")])
    age = frames.sum(axis=0)[..., None] / len(frames)
    burning = frames[-1]
    drawn[burning] = ((1 - 0.6 * age) * _rgb(VERMILION))[burning]
    return drawn.round().astype(np.uint8)


def class_picture(class_map: NDArray[np.uint8], classes: Sequence[Class]) -> NDArray[np.uint8]:
    """Class values ``[H, W]`` in the colours of the classes, ``[H, W, 3]``; all else (255, ignored) is mid grey."""
    table = np.full((256, 3), _IGNORED, np.uint8)
    for item in classes:
        table[item.value] = _rgb(item.color)
    return table[class_map]


def error_picture(
    image: NDArray[np.generic], target: NDArray[np.uint8], prediction: NDArray[np.uint8], contract: ModelContract
) -> NDArray[np.uint8]:
    """The image in grey, with what was found, falsely alarmed, missed or given another class in :data:`ERROR_COLOURS`.

    Class 0 is the background: calling it anything else is a false alarm, calling anything else so is a miss.
    """
    drawn = np.repeat(picture(image, contract.input).mean(axis=2, keepdims=True), 3, axis=2)
    known = target < len(contract.output.classes)
    found = known & (target == prediction) & (target > 0)
    wrong = known & (target != prediction)
    places = {
        "found": found,
        "false alarm": wrong & (target == 0),
        "missed": wrong & (prediction == 0),
        "other class": wrong & (target > 0) & (prediction > 0),
    }
    for name, place in places.items():
        drawn[place] = 0.35 * drawn[place] + 0.65 * _rgb(ERROR_COLOURS[name])
    return drawn.round().astype(np.uint8)


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array(to_rgb(colour)) * 255
