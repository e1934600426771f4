"""Do time and memory of `train` grow in a straight line with chips, bands and classes?

    python benchmarks/scaling.py
    python benchmarks/scaling.py --axes chips --chips 1 10 100 --epochs 3

Draws chips of 64 px (uint8 GeoTIFF, scenes of eight that adjoin) and trains the small U-Net on them, each time in a
process of its own. A row has what comes before ``fit`` (checks, split, statistics, fingerprint), a steady epoch, and
what comes after, in milliseconds per image, and the most memory that the process held; pages of files, which the
system may take back, are left out of the second figure. A straight line may start above nothing, so the last columns
state the slope between this row and the one before it, over that of the first two rows: 1 is a straight line. Memory is
stated in MiB per 1000 chips.
"""

import argparse
import json
import statistics
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "src"))

from machine import describe  # noqa: E402
from runs import Run, train  # noqa: E402

EDGE, PER_SCENE, UNIT = 64, 8, 160
"""Pixels of a chip, chips of a scene, and chips of a dataset of size 1, as many as the camp sample has."""

MIB = 2**20


def draw(folder: Path, chips: int, bands: int, classes: int, edge: int = EDGE, dtype: str = "uint8") -> None:
    """Chips whose classes are levels of a smooth field, which every band shows in its own strength.

    Values are up to 255; of two bytes up to 10,200, as reflectance is.
    """
    gain = 40 if np.dtype(dtype).itemsize == 2 else 1
    generator = np.random.default_rng(62)
    strength = generator.uniform(0.4, 1.0, bands)[:, None, None]
    for name in ("chips", "labels"):
        (folder / name).mkdir()
    for number in range(chips):
        scene, place = divmod(number, PER_SCENE)
        down, across = divmod(scene, 50)
        west, north = 300_000 + (2 * across * PER_SCENE + place) * edge, 3_600_000 - 2 * down * PER_SCENE * edge
        field = np.kron(generator.random((edge // 8, edge // 8)), np.ones((8, 8)))
        image = (200 * strength * field + generator.normal(0, 10, (bands, edge, edge))).clip(1, 255)
        label = np.floor(field * (classes + 1))[None]
        profile = {"driver": "GTiff", "height": edge, "width": edge, "compress": "deflate"}
        ground = {"crs": "EPSG:32636", "transform": from_origin(west, north, 1, 1)}
        for kind, values in (("chips", (gain * image).astype(dtype)), ("labels", label.astype(np.uint8))):
            path = folder / kind / f"{number:06d}.tif"
            with rasterio.open(path, "w", count=len(values), dtype=values.dtype, **profile, **ground) as file:
                file.write(values)


def measure(size: int, bands: int, classes: int, epochs: int) -> Run:
    """Train on a drawn dataset."""
    with tempfile.TemporaryDirectory(prefix="segmint-scaling-") as name:
        room = Path(name)
        draw(room, size * UNIT, bands, classes)
        names = [{"name": f"band{number}"} for number in range(bands)]
        values = [{"name": f"class{n}", "color": f"#{n:06X}", "values": [n]} for n in range(classes + 1)]
        return train(
            room,
            [
                *("chips_dir=chips", "labels_dir=labels", f"data.tile_size={EDGE}", f"epochs={epochs}"),
                *("network.architecture=unet_small", "training.patience=0", "batch_size=32"),
                *(f"data.bands={json.dumps(names)}", f"data.classes={json.dumps(values)}"),
            ],
        )


def seconds(run: Run) -> dict[str, float]:
    """What grows: before fit, an epoch, after fit."""
    names = list(run.stages)
    after = sum(run.stages[name] for name in names[names.index("fit") + 1 :])
    before = sum(run.stages[name] for name in names[: names.index("fit")])
    return {"before": before, "epoch": statistics.median(run.epochs), "after": after}


def slopes(places: list[int], values: list[float]) -> list[str]:
    """Slope of each piece over that of the first, for the rows of a table."""
    pieces = [
        (high - low) / (right - left)
        for (left, right), (low, high) in zip(pairwise(places), pairwise(values), strict=True)
    ]
    return ["", "1", *(f"{piece / pieces[0]:.2f}" for piece in pieces[1:])][: len(places)]


def report(axis: str, places: list[int], runs: list[Run]) -> None:
    """The table of one axis."""
    parts = [seconds(run) for run in runs]
    images = [UNIT * place if axis == "chips" else UNIT for place in places]
    straight = {name: slopes(places, [part[name] for part in parts]) for name in ("before", "epoch")}
    print(f"\n| {axis} | before fit | epoch | after fit | most memory | without files | slopes before, epoch |")
    print(f"|--:|{'--:|' * 6}")
    for row, (place, run, part, count) in enumerate(zip(places, runs, parts, images, strict=True)):
        cells = [f"{1000 * part['before'] / count:.1f} ms", f"{1000 * part['epoch'] / run.images:.2f} ms"]
        cells += [f"{1000 * part['after'] / count:.1f} ms", f"{run.peak / MIB:.0f} MiB", f"{run.private / MIB:.0f} MiB"]
        label = f"{count} ({place}x)" if axis == "chips" else str(place)
        print(f"| {label} | {' | '.join(cells)} | {straight['before'][row]}, {straight['epoch'][row]} |")
    print("seconds before, epoch, after: " + "; ".join(", ".join(f"{s:.2f}" for s in part.values()) for part in parts))
    if axis == "chips" and len(runs) > 1:
        more = (images[-1] - images[0]) / 1000
        growth = [(getattr(runs[-1], kind) - getattr(runs[0], kind)) / MIB / more for kind in ("peak", "private")]
        print(f"memory per 1000 chips: {growth[0]:+.1f} MiB, without pages of files {growth[1]:+.1f} MiB", flush=True)


def main() -> None:
    """Print a table for each axis."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "--axes", nargs="+", default=["chips", "bands", "classes"], choices=["chips", "bands", "classes"]
    )
    parser.add_argument("--chips", type=int, nargs="+", default=[1, 3, 10], help=f"times {UNIT} chips (%(default)s)")
    parser.add_argument("--bands", type=int, nargs="+", default=[3, 7, 13])
    parser.add_argument("--classes", type=int, nargs="+", default=[1, 3, 10], help="besides the background")
    parser.add_argument("--epochs", type=int, default=4, help="epochs, the first of which warms up (%(default)s)")
    given = parser.parse_args()
    print(f"on {describe()}", flush=True)
    for axis in given.axes:
        places = getattr(given, axis)
        sizes = [{"size": 1, "bands": 3, "classes": 1} | {"size" if axis == "chips" else axis: n} for n in places]
        report(axis, places, [measure(**size, epochs=given.epochs) for size in sizes])


if __name__ == "__main__":
    main()
