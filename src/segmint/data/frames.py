"""Frames of a fire, as pictures in two colours or as values, decoded once.

Example:
    >>> decoded((Path("fire_000.png"), Path("fire_001.png")), None).shape
    (2, 96, 96)
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from segmint.data.chips import IGNORE
from segmint.errors import DataError

BACKGROUND, FIRE = (68, 1, 84), (253, 231, 36)
"""Colours of the frames: both ends of viridis."""


@lru_cache(maxsize=256)
def decoded(frames: tuple[Path, ...], ignore_value: int | None) -> NDArray[np.uint8]:
    """Frames ``[F, H, W]``: 0 not burned, 1 burned, 255 unknown; not to be written to.

    The last 256 sequences stay in memory: 19 MB of 8 frames of 96 x 96 px, 330 MB of 400 x 400 px.

    Raises:
        DataError: A frame that cannot be read, holds another colour or value, or differs in size from the first.
    """
    with rasterio.Env(GDAL_PNG_WHOLE_IMAGE_OPTIM="NO"):  # GDAL's faster PNG decoder is silent about truncated files
        planes = [_plane(path, ignore_value) for path in frames]
    for path, plane in zip(frames, planes, strict=True):
        if plane.shape != planes[0].shape:
            found = f"frame {path} has {plane.shape} rows and columns, {frames[0].name} {planes[0].shape}"
            raise DataError(found, "frames of one size", "Write all frames of the same window")
    stack = np.stack(planes)
    stack.setflags(write=False)
    return stack


def _plane(path: Path, ignore_value: int | None) -> NDArray[np.uint8]:
    try:
        with rasterio.open(path) as source:
            stored = source.read()
            palette = source.colormap(1) if source.colorinterp[0].name == "palette" else {}
    except (RasterioError, ValueError) as error:
        raise DataError(f"frame {path} cannot be read ({error})", "an image file", "Replace it") from error
    colors = [palette.get(index, (0, 0, 0, 0))[:3] for index in range(256)]
    if len(stored) == 1 and {BACKGROUND, FIRE} & set(colors):
        stored = np.moveaxis(np.array(colors, np.uint8)[stored[0]], -1, 0)
    if len(stored) in (3, 4):
        return _by_color(path, stored[:3])
    if len(stored) == 1:
        return _by_value(path, stored[0], ignore_value)
    found = f"frame {path} has {len(stored)} bands"
    raise DataError(found, "colours (3 or 4 bands) or values (1 band)", "Write the frame as RGBA")


def _by_color(path: Path, stored: NDArray[np.generic]) -> NDArray[np.uint8]:
    burned, free = ((stored == np.array(color)[:, None, None]).all(axis=0) for color in (FIRE, BACKGROUND))
    other = ~(burned | free)
    if other.any():
        colors = np.unique(stored[:, other].T, axis=0).tolist()
        listed = ", ".join(f"({', '.join(map(str, color))})" for color in colors[:5])
        raise DataError(
            f"frame {path} holds the colour {listed}{' ...' if len(colors) > 5 else ''}",
            f"{FIRE} for fire and {BACKGROUND} for the rest",
            "Use the frames as the simulator wrote them: neither resampled, nor greyscale, nor JPEG",
        )
    return np.asarray(burned, np.uint8)


def _by_value(path: Path, stored: NDArray[np.generic], ignore_value: int | None) -> NDArray[np.uint8]:
    unknown = np.zeros(stored.shape, bool) if ignore_value is None else np.asarray(stored == ignore_value)
    found = np.unique(stored[~unknown]).tolist()
    if not (set(found) <= {0, 1} or set(found) <= {0, 255}):
        listed = ", ".join(f"{value:g}" for value in found[:5]) + (" ..." if len(found) > 5 else "")
        raise DataError(
            f"frame {path} has one band with the values {listed}",
            f"0 and 1 or 0 and 255, or the colours {FIRE} and {BACKGROUND}",
            "Use the frames as the simulator wrote them, not converted to greyscale, or set data.ignore_value",
        )
    return np.where(unknown, IGNORE, stored != 0).astype(np.uint8)
