"""Whether an image is what a model was trained for: pixels as large on the ground, values in the same unit.

Example:
    >>> require_resolution("scene.tif", 0.3, contract, "Resample it")
    Traceback (most recent call last):
    segmint.errors.SceneError: scene.tif has pixels of 0.3 m; expected 0.13 m, as in training. Resample it.
"""

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.data.categories import categorical, codes_of, unknown_codes
from segmint.errors import SceneError

RESOLUTION_TOLERANCE = 0.2
"""Largest relative difference of the ground resolution that is predicted without resampling."""

_COARSE = 6
"""Times as coarse as in training from which resampling is not proposed: a house has then become a pixel or two."""

_LARGER = 2
"""Times as long as the largest training image from which a scene is said to be scaled too far."""

_FAR = 250
"""An image is refused where its values fill less than this fraction of the training range, or lie above twice it."""

_FILL = 0.01
"""Share of pixels of one extreme value from which they look like empty ones."""


def require_resolution(name: str, found_m: float | None, contract: ModelContract, remedy: str) -> None:
    """Refuse pixels of another ground size.

    Args:
        name: Of the image, for the message.
        found_m: Size of its pixels in metres, or None where that is not known.
        contract: The model's.
        remedy: What to do about it.

    Raises:
        SceneError: The size differs by more than the tolerance.
    """
    wanted_m = contract.resolution_m
    if wanted_m is None or found_m is None:
        return
    if not 1 / (1 + RESOLUTION_TOLERANCE) <= found_m / wanted_m <= 1 + RESOLUTION_TOLERANCE:
        if found_m > _COARSE * wanted_m:
            remedy = "Find finer imagery: what the model was trained on cannot be seen in it, resampled or not"
        raise SceneError(f"{name} has pixels of {found_m:.4g} m", f"{wanted_m:.4g} m, as in training", remedy)


def hints(sample: NDArray[np.generic], contract: ModelContract) -> tuple[str, ...]:
    """What a person should know of the values before they are predicted.

    Args:
        sample: Values of some pixels that are not known to be empty, ``[C, N]``, in the model's order of bands.
        contract: The model's.

    Returns:
        Sentences about pixels that look empty and about codes that the model does not know.
    """
    bands = contract.input.bands
    unknown = unknown_codes(bands, codes_of(categorical(bands), sample, contract.input.nodata), sample.shape[1])
    return tuple(sentence for sentence in (fill(sample), *unknown) if sentence)


def shrunk(name: str, longer_side: int, contract: ModelContract) -> str | None:
    """A hint at ground that a model of whole images sees smaller than it has ever seen any.

    Args:
        name: Of the scene, which has its place on the ground: a photograph of more pixels shows the same, larger.
        longer_side: Its longer side in pixels.
        contract: The model's.

    Returns:
        A sentence where the scene is far larger than any training image; else None.
    """
    largest = contract.largest_image
    if contract.fit == "tile" or largest is None or longer_side <= _LARGER * largest:
        return None
    return (
        f"{name} is {longer_side} px long and scaled to one tile, training images were {largest} px at most: "
        "what is small in it gets lost; -P fit=tile takes windows of unscaled pixels"
    )


def fill(sample: NDArray[np.generic]) -> str | None:
    """A hint at pixels that look empty though nothing says so, as the white around a drone's picture does.

    Args:
        sample: Values of pixels that are not known to be empty, ``[C, N]``.

    Returns:
        A sentence where every band of many pixels is 0, or the most that the integer type holds; else None.
    """
    extremes = (0, np.iinfo(str(sample.dtype)).max) if sample.dtype.kind in "iu" else (0,)
    for value in extremes:
        share = float((sample == value).all(axis=0).mean()) if sample.size else 0.0
        if share > _FILL:
            return (
                f"about {share:.0%} of the scene is {value} in every band; if nothing is there, add -P nodata={value}"
            )
    return None


def require_values(name: str, dtype: str, sample: NDArray[np.generic], contract: ModelContract) -> None:
    """Refuse values of another unit.

    Args:
        name: Of the image, for the message.
        dtype: Its data type, likewise.
        sample: Some of its values, ``[C, N]``, in the model's order of bands.
        contract: The model's.

    Raises:
        SceneError: The values are far too large or too small.
    """
    continuous = [place for place, band in enumerate(contract.input.bands) if band.kind == "continuous"]
    known = sample[continuous]
    known = known[np.isfinite(known)]
    if not known.size:
        return
    low, high = contract.input.value_range
    middle, most = (float(value) for value in np.percentile(known, (50, 99)))
    if middle > high + (high - low) or most < low + (high - low) / _FAR:
        raise SceneError(
            f"{name} ({dtype}) has values around {middle:.4g}, 99 % below {most:.4g}",
            f"{low:.6g} to {high:.6g} ({contract.input.source_dtype}), as in training",
            "Give pixel values in the unit of the training chips, unscaled",
        )
