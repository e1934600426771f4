"""How near to the speed of decoding are the figures of a dataset measured, in one pass over its training chips?

    python benchmarks/measuring.py
    python benchmarks/measuring.py --edge 1024 --chips 64 --bands 13 --dtype float32

Draws chips of noise over a smooth field, which deflate as badly as pictures do, and takes turns: ours measures
statistics (mean, spread, percentiles and shares of classes) as `train` does before its fit, the bare side reads the
same files with rasterio on as many threads and forgets them. A pass of each warms up the disk.
"""

import argparse
import json
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import rasterio
from machine import describe
from scaling import draw

from segmint.command_line import parse
from segmint.data.preparation import prepare
from segmint.data.statistics import measure
from segmint.processor import cores


def decode(paths: list[Path]) -> None:
    """Read whole files on every core."""

    def read(path: Path) -> None:
        with rasterio.open(path) as file:
            file.read()

    with ThreadPoolExecutor(cores()) as threads:
        list(threads.map(read, paths))


def main() -> None:
    """Print seconds of both sides and the ratio with its spread."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--edge", type=int, default=512, help="of a chip in pixels (%(default)s)")
    parser.add_argument("--chips", type=int, default=160, help="(%(default)s)")
    parser.add_argument("--bands", type=int, default=7, help="(%(default)s)")
    parser.add_argument("--dtype", default="uint16", help="(%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="segmint-measuring-") as name:
        draw(Path(name), given.chips, given.bands, 1, given.edge, given.dtype)
        folders = [f"--{kind}_dir={Path(name, kind)}" for kind in ("chips", "labels")]
        names = json.dumps([{"name": f"band{number}"} for number in range(given.bands)])
        recipe = parse([*folders, f"--data.tile_size={given.edge}", f"--data.bands={names}"])
        prepared = prepare(recipe)
        stems = [prepared.chips[tile.chip].stem for tile in prepared.split.tiles["train"]]
        paths = [Path(name, kind, f"{stem}.tif") for stem in stems for kind in ("chips", "labels")]
        pairs = []
        for _ in range(given.rounds + 1):
            started = time.perf_counter()
            measure(prepared.chips, prepared.split, prepared.scaling, [item.name for item in recipe.data.classes])
            between = time.perf_counter()
            decode(paths)
            pairs.append((between - started, time.perf_counter() - between))
    ratios = [ours / bare for ours, bare in pairs[1:]]
    ours, bare = (statistics.median(side) for side in zip(*pairs[1:], strict=True))
    pixels = len(stems) * given.edge**2 * given.bands / 1e6
    print(f"on {describe()}; {len(stems)} chips, {given.edge} px, {given.bands} bands of {given.dtype}")
    print(f"measured {pixels / ours:.0f} million values/s, decoded {pixels / bare:.0f} million values/s")
    print(f"ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
