"""Objects of a class map: connected regions of one class, and their scores by class.

Neighbouring pixels of one class belong together by their sides, not by their corners, as in the polygons that
``predict`` writes.

Example:
    >>> found, truth = trace(answer), trace(target)
    >>> scores_by_class(found, truth, ("background", "building"), min_pixels=0)["building"].f1
    0.61
"""

from collections.abc import Sequence

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from rasterio.io import DatasetReader

from segmint.data.chips import IGNORE
from segmint.inference.objects import ObjectScores, compare
from segmint.sources.shapes import Shapes


def trace(classes: NDArray[np.uint8] | DatasetReader) -> Shapes:
    """Regions of every class but the first, in pixel coordinates; 255 belongs to none.

    Args:
        classes: Class values ``[H, W]``, or an open raster without a georeference, which GDAL reads line by line.
    """
    source = classes if isinstance(classes, np.ndarray) else rasterio.band(classes, 1)
    found = [(shape, int(value)) for shape, value in shapes(source) if 0 < value < IGNORE]
    return Shapes.of([shapely.geometry.shape(shape) for shape, _ in found], [value for _, value in found])


def scores_by_class(
    found: Shapes, truth: Shapes, class_names: Sequence[str], min_pixels: float
) -> dict[str, ObjectScores]:
    """Object scores of every class but the first.

    Args:
        found: What the model found, in pixel coordinates.
        truth: What is there, likewise.
        class_names: By value.
        min_pixels: Found objects that are smaller do not count.
    """
    large = shapely.area(found.polygons) >= min_pixels
    return {
        name: compare(found.polygons[large & (found.values == value)], truth.polygons[truth.values == value])
        for value, name in enumerate(class_names)
        if value
    }
