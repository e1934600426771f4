"""Cuts scenes into chips and burns their labels, window by window: a scene need not fit in memory.

Example:
    >>> tally = Tally()
    >>> cut(scene, layer.on(scene), Rule(size=512), Path("chips"), Path("labels"), tally)
    >>> tally.chips
    40
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from segmint.data.chips import IGNORE
from segmint.data.tiles import Rectangle
from segmint.errors import RecipeError
from segmint.sources.scene import Scene
from segmint.sources.shapes import Shapes


@dataclass(frozen=True)
class Rule:
    """How scenes are cut.

    Attributes:
        size: Largest edge of a chip in pixels.
        overlap: Pixels that neighbouring chips share.
        min_coverage: Share of valid pixels below which a chip is left out; one without any is left out always.
        elsewhere: Label value where there is no feature: 0, background, or 255, unknown.
    """

    size: int = 512
    overlap: int = 0
    min_coverage: float = 0.0
    elsewhere: int = 0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise RecipeError(f"size {self.size}", "1 pixel or more")
        if not 0 <= self.overlap < self.size:
            raise RecipeError(f"overlap {self.overlap}", f"0 to {self.size - 1}, less than size")
        if not 0 <= self.min_coverage <= 1:
            raise RecipeError(f"min_coverage {self.min_coverage:g}", "a share from 0 to 1")


@dataclass
class Tally:
    """What cutting came to.

    Attributes:
        chips: Chips written.
        uncovered: Chips left out because too few of their pixels are valid.
        unlabelled: Chips left out because no valid pixel of them has a label.
        pixels: Pixels written by label value.
    """

    chips: int = 0
    uncovered: int = 0
    unlabelled: int = 0
    pixels: "Counter[int]" = field(default_factory=Counter)

    def report(self) -> list[str]:
        """What was written and what was left out, in sentences."""
        total = max(self.pixels.total(), 1)
        shares = ", ".join(
            f"{'unknown (255)' if value == IGNORE else value} {count / total:.1%}"
            for value, count in sorted(self.pixels.items())
        )
        lines = [f"{self.chips:,} chips; label values by pixel: {shares}"]
        if self.uncovered:
            lines.append(f"{self.uncovered:,} chips were left out: too few valid pixels")
        if self.unlabelled:
            lines.append(f"{self.unlabelled:,} chips were left out: no labelled pixel")
        return lines


def cut(scene: Scene, shapes: Shapes, rule: Rule, chips: Path, labels: Path, tally: Tally) -> None:
    """Write every window of a scene as a chip and its label of the same stem, and count them.

    Chips keep data type, band names, CRS, nodata and mask of the scene. Labels are 8-bit, 255 where the chip has no
    value.

    Args:
        scene: The scene.
        shapes: Polygons on it.
        rule: How it is cut.
        chips: Folder of the chips.
        labels: Folder of the labels.
        tally: Counts on.

    Raises:
        DataError: The scene cannot be read.
    """
    windows = scene.windows(rule.size, rule.overlap)
    with scene.opened() as opened:
        for window in windows:
            values, valid = opened.read(window)
            label = shapes.burn(window, rule.elsewhere)
            label[~valid] = IGNORE
            if not valid.any() or valid.mean() < rule.min_coverage:
                tally.uncovered += 1
            elif (label == IGNORE).all():
                tally.unlabelled += 1
            else:
                name = f"{scene.stem}.tif" if len(windows) == 1 else f"{scene.stem}_r{window[0]}_c{window[1]}.tif"
                _write(chips / name, scene, window, values, valid)
                _write_label(labels / name, scene, window, label)
                tally.chips += 1
                found, counts = np.unique(label, return_counts=True)
                tally.pixels.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))


def _write(path: Path, scene: Scene, window: Rectangle, values: NDArray[np.generic], valid: NDArray[np.bool_]) -> None:
    profile = _profile(scene, window, str(values.dtype), scene.nodata) | {"count": len(values)}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"), rasterio.open(path, "w", **profile) as target:
        target.colorinterp = scene.colours
        target.write(values)
        for number, name in enumerate(scene.bands, 1):
            if name:
                target.set_band_description(number, name)
        if scene.masked:
            target.write_mask(valid)


def _write_label(path: Path, scene: Scene, window: Rectangle, label: NDArray[np.uint8]) -> None:
    with rasterio.open(path, "w", **_profile(scene, window, "uint8", IGNORE), count=1) as target:
        target.write(label, 1)


def _profile(scene: Scene, window: Rectangle, dtype: str, nodata: float | None) -> dict[str, Any]:
    row, col, height, width = window
    placed = (
        {"transform": window_transform(Window(col, row, width, height), scene.transform)}
        if scene.crs is not None
        else {}
    )
    return {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "dtype": dtype,
        "nodata": nodata,
        "crs": scene.crs,
        "compress": "deflate",
        **placed,
    }
