"""What is true on the grid of a scene: a raster of labels, or polygons.

Whatever is not known is 255: outside the truth's raster, outside the area that was labelled, or ignored by its label.

Example:
    >>> truth = RasterTruth.on(grid, Path("truth.tif"), data, scratch)
    >>> truth.read(0, 512).shape
    (512, 4096)
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import rasterio.shutil
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from segmint.data.chips import IGNORE
from segmint.data.labels import Label, stored_values
from segmint.errors import DataError
from segmint.recipe import DataRecipe
from segmint.sources.scene import Scene
from segmint.sources.shapes import Shapes

_SAME = 0.01
"""Pixels by which the corners of one grid may differ."""

_ROWS = 512


class Truth(Protocol):
    """Classes of a scene's pixels."""

    def read(self, row: int, count: int) -> NDArray[np.uint8]:
        """Class values ``[count, W]``, 255 where the truth is not known."""

    @property
    def objects(self) -> Shapes | None:
        """True objects in pixel coordinates; None where they have to be traced."""


@dataclass(frozen=True)
class RasterTruth:
    """A label raster, brought to the grid of the scene where its own is another.

    Attributes:
        label: The raster on the scene's grid.
        width: Columns.
        covered: Whether its last band says which pixels the raster reaches.
    """

    label: Label
    width: int
    covered: bool
    objects: None = None

    @classmethod
    def on(cls, grid: Scene, path: Path, data: DataRecipe, scratch: Path) -> "RasterTruth":
        """Open a raster for a scene.

        Args:
            grid: The scene's grid.
            path: The raster.
            data: How labels spell classes.
            scratch: An existing folder, in which a reprojection is described.

        Raises:
            DataError: It cannot be read, or cannot be laid on the scene.
        """
        try:
            with rasterio.open(path.resolve()) as source:
                declared = {value for item in data.classes for value in item.values}
                ignored = data.ignore_value
                if ignored is None and source.nodata is not None and source.nodata not in declared:
                    ignored = int(source.nodata) if float(source.nodata).is_integer() else None
                same = _same_grid(source, grid, path)
                place = path if same else scratch / f"{grid.stem}.vrt"
                if not same:
                    _describe_warp(source, grid, place)
        except RasterioError as error:
            raise DataError(f"truth {path} cannot be read ({error})", "a raster or a vector file") from error
        return cls(Label(place, tuple(data.classes), ignored), grid.width, covered=not same)

    def read(self, row: int, count: int) -> NDArray[np.uint8]:
        """Class values ``[count, W]``, 255 where the truth is not known."""
        window = (row, 0, count, self.width)
        if not self.covered:
            return self.label.read(window)
        stored = stored_values(self.label.path, (), window)
        reached = stored[-1] > 0
        answer = np.full(reached.shape, IGNORE, np.uint8)
        if reached.any():
            answer[reached] = self.label.classify(stored[:-1, None, reached])[0]
        return answer


@dataclass(frozen=True)
class VectorTruth:
    """Polygons; touching ones stay objects of their own.

    Attributes:
        shapes: In pixel coordinates.
        height: Rows of the scene.
        width: Columns.
        elsewhere: Class value of what no polygon covers: 0, or 255 to ignore it.
    """

    shapes: Shapes
    height: int
    width: int
    elsewhere: int

    def read(self, row: int, count: int) -> NDArray[np.uint8]:
        """Class values ``[count, W]``, 255 where the truth is not known."""
        return self.shapes.burn((row, 0, count, self.width), self.elsewhere)

    @property
    def objects(self) -> Shapes:
        """Each part of each feature, cut at the edge of the scene."""
        inside = shapely.intersection(self.shapes.polygons, shapely.box(0, 0, self.width, self.height))
        parts, feature = shapely.get_parts(inside, return_index=True)
        solid = shapely.area(parts) > 0
        return Shapes(parts[solid], self.shapes.values[feature[solid]])


@dataclass(frozen=True)
class Within:
    """A truth that is known in some area only.

    Attributes:
        truth: The truth.
        area: Where it is known, in pixel coordinates.
        width: Columns.
    """

    truth: Truth
    area: Shapes
    width: int

    def read(self, row: int, count: int) -> NDArray[np.uint8]:
        """Class values ``[count, W]``, 255 where the truth is not known."""
        answer = self.truth.read(row, count)
        answer[self.area.burn((row, 0, count, self.width), background=0) == 0] = IGNORE
        return answer

    @property
    def objects(self) -> Shapes | None:
        """The truth's own."""
        return self.truth.objects


def require_known(truth: Truth, grid: Scene, path: Path) -> None:
    """Read a truth once, so that what is wrong with it is said before anything is predicted.

    Raises:
        DataError: It cannot be read, holds a value of no class, or is known nowhere on the scene.
    """
    tops = range(0, grid.height, _ROWS)
    known = [bool((truth.read(row, min(_ROWS, grid.height - row)) != IGNORE).any()) for row in tops]
    if not any(known):
        raise DataError(
            f"the truth {path} is known on no pixel of {grid.path}", "one that covers it", "Check its place and CRS"
        )


def _same_grid(source: DatasetReader, grid: Scene, path: Path) -> bool:
    """Whether a raster has the scene's pixels; one without a place has them if it has the scene's size.

    Raises:
        DataError: It has another size, and one of the two has no place on the ground.
    """
    size = (source.height, source.width) == (grid.height, grid.width)
    if source.crs is None or grid.crs is None:
        if not size:
            raise DataError(
                f"truth {path} is {source.width} x {source.height} px, its scene {grid.width} x {grid.height}",
                "the same size, or a georeference on both",
                "Cut both from the same window",
            )
        return True
    apart = ~grid.transform * source.transform
    corners = [(0, 0), (grid.width, 0), (0, grid.height), (grid.width, grid.height)]
    offsets = np.array([np.subtract(apart @ corner, corner) for corner in corners])
    return bool(size and source.crs == grid.crs and np.abs(offsets).max() < _SAME)


def _describe_warp(source: DatasetReader, grid: Scene, path: Path) -> None:
    """Write a GDAL VRT: the raster on the scene's grid by the nearest pixel, its last band 0 where there is none."""
    shape = {"crs": grid.crs, "transform": Affine(*grid.transform[:6]), "width": grid.width, "height": grid.height}
    nearest = {"resampling": Resampling.nearest, "src_nodata": None, "nodata": None, "add_alpha": True}
    with WarpedVRT(source, **shape, **nearest) as warped:
        rasterio.shutil.copy(warped, path, driver="VRT")
