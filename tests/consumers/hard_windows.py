"""A scene mapped by the trained network in windows that are cut as GeoDeep cuts them, to compare like with like.

GeoDeep reads windows of the model's tile whose origins lie ``tile - overlap`` apart, the last one moved to the edge,
column by column. Of each it keeps all but half the overlap on the sides inside the scene, and a later window replaces
what an earlier one kept. Then comes a median of 5 px, and a sieve of ``(2 seg_small_segment)^2`` px, which the exports
set to 0.

Example:
    >>> classes = mapped(Path("meta/best_model.pt"), contract, values, overlap_of(Path("meta/unit/best_model.onnx")))
    >>> smoothed(classes).shape == values.shape[1:]
    True
"""

from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from segmint.contract import ModelContract
from segmint.export import torchscript
from segmint.export.parity import classes


class Span(NamedTuple):
    """A window along one axis: its first pixel, and the first and the end of those that are kept."""

    origin: int
    first: int
    end: int


def overlap_of(unit: Path) -> float:
    """The overlap that GeoDeep reads from the metadata of an ONNX file, as a share of the tile."""
    found = onnxruntime.InferenceSession(unit, providers=["CPUExecutionProvider"]).get_modelmeta()
    return float(found.custom_metadata_map["tiles_overlap"]) / 100


def spans(length: int, tile: int, overlap: float) -> list[Span]:
    """The windows along an axis of ``length`` pixels, not shorter than the tile."""
    shared = int(tile * overlap)
    origins = list(range(0, length - tile + 1, tile - shared))
    if origins[-1] != length - tile:
        origins.append(length - tile)
    border = shared // 2
    return [
        Span(origin, origin + border * (origin > 0), origin + tile - border * (origin + tile < length))
        for origin in origins
    ]


def mapped(model: Path, contract: ModelContract, values: NDArray[np.generic], overlap: float) -> NDArray[np.uint8]:
    """Class values ``[H, W]``.

    Args:
        model: TorchScript file of the model itself: stored values in, the contract's threshold decides.
        contract: The model's.
        values: ``[C, H, W]`` as stored.
        overlap: Share of the tile.
    """
    predict, tile = torchscript.reopen(model, contract), contract.height
    found = np.zeros(values.shape[1:], np.uint8)
    for column, row in product(*(spans(length, tile, overlap) for length in values.shape[:0:-1])):
        window = values[:, row.origin : row.origin + tile, column.origin : column.origin + tile]
        answer = classes(predict(window[np.newaxis].astype(np.float32)), contract)[0]
        kept = answer[row.first - row.origin : row.end - row.origin, column.first - column.origin :]
        found[row.first : row.end, column.first : column.end] = kept[:, : column.end - column.first]
    return found


def smoothed(found: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Class values after the median that GeoDeep always takes; its sieve removes nothing."""
    return np.asarray(median_filter(found, size=5, mode="nearest"))
