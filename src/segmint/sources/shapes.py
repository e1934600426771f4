"""Polygons in the pixel coordinates of one scene, and the labels they make.

Pixel coordinates are (column, row) from the upper left corner of the scene; the first pixel reaches from 0 to 1. A
pixel belongs to a polygon if its centre does. Where polygons of several classes overlap, the later one counts.

Example:
    >>> shapes = Shapes.of([box(0, 0, 2, 1)], [1])
    >>> shapes.burn((0, 0, 2, 3), background=0)
    array([[1, 1, 0],
           [0, 0, 0]], dtype=uint8)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from shapely import Geometry, STRtree, box

from segmint.data.tiles import Rectangle
from segmint.sources.scene import Scene

POLYGON, MULTIPOLYGON, COLLECTION = 3, 6, 7
"""Shapely's numbers of the types that have an area."""

_NAMED = 5


@dataclass(frozen=True)
class Shapes:
    """Polygons and their label values, in the order in which they are burnt.

    Attributes:
        polygons: ``[N]`` polygons in pixel coordinates.
        values: ``[N]`` label values.
    """

    polygons: NDArray[np.object_]
    values: NDArray[np.uint8]

    @classmethod
    def of(cls, polygons: Sequence[Geometry], values: Sequence[int]) -> "Shapes":
        """From lists."""
        return cls(np.array(polygons, object), np.array(values, np.uint8))

    @cached_property
    def _tree(self) -> STRtree:
        return STRtree(self.polygons)

    def burn(self, window: Rectangle, background: int) -> NDArray[np.uint8]:
        """Label ``[h, w]`` of a window, ``background`` where no polygon holds the centre of the pixel."""
        row, col, height, width = window
        label = np.full((height, width), background, np.uint8)
        near = np.sort(self._tree.query(box(col, row, col + width, row + height)))
        if len(near):
            pairs = zip(self.polygons[near], self.values[near].tolist(), strict=True)
            rasterize(pairs, out=label, transform=Affine.translation(col, row), all_touched=False)
        return label


class Layer(Protocol):
    """Where labels come from."""

    def on(self, scene: Scene) -> Shapes:
        """What of the layer lies on a scene."""

    def report(self) -> list[str]:
        """What was found, repaired and left out, in sentences; complete once every scene has been asked for."""


@dataclass(frozen=True)
class Repaired:
    """Geometries that can be burnt, and why others cannot.

    Attributes:
        polygons: ``[N]`` valid polygons and multipolygons; None where a geometry has no area or is broken.
        repaired: Number of invalid ones that were made valid.
        flat: Number of points and lines.
        broken: By position, what is wrong with geometries that could not be repaired.
    """

    polygons: NDArray[np.object_]
    repaired: int
    flat: int
    broken: dict[int, str]

    def report(self, numbers: NDArray[np.int64], unit: str, unlisted: str) -> list[str]:
        """What was repaired and left out, in sentences.

        Args:
            numbers: ``[N]`` what the file calls each geometry.
            unit: What the file calls one.
            unlisted: Attribute values that no class takes.
        """
        lines = []
        if unlisted:
            lines.append(f"attribute values without a class were left out: {unlisted}")
        if self.repaired:
            lines.append(f"{self.repaired:,} invalid geometries were repaired")
        if self.flat:
            lines.append(f"{self.flat:,} points and lines were left out: labels need areas")
        if self.broken:
            named = [f"{unit} {numbers[place]} ({why})" for place, why in list(self.broken.items())[:_NAMED]]
            more = " ..." if len(self.broken) > _NAMED else ""
            lines.append(f"{len(self.broken):,} could not be repaired and were left out: {', '.join(named)}{more}")
        return lines


def repair(geometries: NDArray[np.object_]) -> Repaired:
    """Make polygons valid, as the union of what their rings enclose; keep no points or lines."""
    polygons = geometries.copy()
    kinds = shapely.get_type_id(geometries)
    missing = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    flat = ~np.isin(kinds, (POLYGON, MULTIPOLYGON, COLLECTION)) & ~missing
    invalid = ~shapely.is_valid(geometries) & ~missing & ~flat
    reasons = {int(place): "no or an unreadable geometry" for place in np.flatnonzero(missing)}
    for place in np.flatnonzero(invalid):
        reason = shapely.is_valid_reason(geometries[place])
        finite = np.isfinite(shapely.get_coordinates(geometries[place])).all()
        made = shapely.make_valid(geometries[place], method="structure", keep_collapsed=False) if finite else None
        polygons[place] = made
        if made is None or not made.area:
            reasons[int(place)] = reason
    for place in np.flatnonzero((kinds == COLLECTION) | invalid):
        polygons[place] = _areas(polygons[place])
    flat |= (kinds == COLLECTION) & ~invalid & shapely.is_missing(polygons)
    polygons[flat | np.isin(np.arange(len(polygons)), list(reasons))] = None
    return Repaired(
        polygons, int(invalid.sum()) - sum(1 for place in reasons if invalid[place]), int(flat.sum()), reasons
    )


def _areas(geometry: Geometry | None) -> Geometry | None:
    """The parts of a collection that have an area, as one geometry."""
    parts = [part for part in shapely.get_parts(geometry) if part.area] if geometry is not None else []
    return shapely.union_all(parts) if parts else None
