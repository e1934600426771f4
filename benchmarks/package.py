"""What the Esri package maps of a scene beside ``predict``: as a whole, away from the seams of its tiles, near them.

    python benchmarks/package.py meta scene.tif
    python benchmarks/package.py meta scene.tif --padding 0 32 64 --near 32

The package is unpacked and its raster function is driven block by block over the whole scene, as ArcGIS drives it, with
the mask of the scene and the arguments that the tool proposes, in a process that has torch and numpy and cannot import
segmint. It sees tiles and keeps each without its padding; where two kept parts meet is a seam. ``predict`` blends the
windows that it cuts, and reflects the edge of the scene, where the package sees nothing. A pixel is near when it lies
less than ``--near`` pixels from a seam or from the edge of the scene.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from maps import predicted
from numpy.typing import NDArray

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "src"))

from segmint.contract import ModelContract  # noqa: E402
from segmint.export import dlpk  # noqa: E402
from segmint.inference.maps import NODATA  # noqa: E402


@dataclass(frozen=True)
class Agreement:
    """Share of pixels with the same class, and how many pixels there are."""

    share: float
    pixels: int

    @classmethod
    def of(cls, same: NDArray[np.bool_], where: NDArray[np.bool_]) -> "Agreement":
        """Where two maps were compared."""
        return cls(float(same[where].mean()) if where.any() else float("nan"), int(where.sum()))

    def cell(self) -> str:
        """In Markdown."""
        return f"{self.share:.4f} of {self.pixels:,}" if self.pixels else "no pixel"


def main() -> None:
    """Print a line for each padding as soon as it is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("model", type=Path, help="a folder such as meta")
    parser.add_argument("scene", type=Path, help="a raster with the bands of the model in their order")
    parser.add_argument("--padding", type=int, nargs="+", help="of the package, in pixels (a quarter of the tile)")
    parser.add_argument("--near", type=int, default=32, help="pixels from a seam that are near it (%(default)s)")
    given = parser.parse_args()
    contract = ModelContract.read(given.model / "contract.json")
    theirs = predicted(given.model, given.scene)
    with rasterio.open(given.scene) as source:
        values, masks = source.read(), (source.read_masks() > 0).astype(np.uint8)
    print(f"| padding | whole | interior, {given.near} px and more from seams | nearer |")
    print("|--:|--:|--:|--:|")
    for padding in given.padding or [contract.height // 4]:
        (ours,) = dlpk.class_maps(given.model / dlpk.FILE, values[None], masks[None], {"padding": padding})
        same, known = ours == theirs, theirs != NODATA
        near = near_seams(theirs.shape, contract.height - 2 * padding, given.near)
        parts = [Agreement.of(same, where).cell() for where in (known, known & ~near, known & near)]
        print(f"| {padding} px | {' | '.join(parts)} |", flush=True)


def near_seams(shape: tuple[int, ...], step: int, near: int) -> NDArray[np.bool_]:
    """Pixels ``[H, W]`` closer than ``near`` to a multiple of ``step`` or to the edge."""
    along = []
    for length in shape:
        place = np.arange(length)
        gaps = (place % step, step - 1 - place % step, place, length - 1 - place)
        along.append(np.min(gaps, axis=0) < near)
    return np.asarray(along[0][:, np.newaxis] | along[1])


if __name__ == "__main__":
    main()
