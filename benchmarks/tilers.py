"""How fast do the tilers of geoai and TerraTorch predict a scene, and in how much memory, beside `predict`?

    uv venv --python 3.12 .tilers && uv pip install --python .tilers -r benchmarks/tilers.txt
    python benchmarks/tilers.py
    python benchmarks/tilers.py --sizes 3072 6144 --rounds 3 --python .tilers/bin/python

Draws 3-band uint8 scenes and has each tool predict them with the same network, one 1x1 convolution in torch, through
the function that its documentation names: windows of 256 px that share 64, blended, eight to a batch, into a GeoTIFF of
float32 probabilities. `predict` writes a map of classes besides, and both as Cloud Optimized GeoTIFF. Each prediction
is a process of its own in which a small scene went before; the tools take turns in every round. The mean of the bands
is known, so the table also states how many pixels of each map are off by more than 0.001.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "src"))

from machine import describe  # noqa: E402
from stopwatch import Cost, measured  # noqa: E402
from theirs.network import BANDS, BATCH, OVERLAP, TILE, network  # noqa: E402

OURS = "segmint"
THEIRS = {name: PROJECT / "benchmarks" / "theirs" / f"{name}_tiler.py" for name in ("geoai", "terratorch")}
STRIP = 512


def draw(path: Path, edge: int) -> None:
    """A smooth scene with noise, in deflated blocks of 512 pixels."""
    generator = np.random.default_rng(0)
    profile = {
        "driver": "GTiff",
        "count": BANDS,
        "height": edge,
        "width": edge,
        "dtype": "uint8",
        "compress": "deflate",
    }
    blocks = {"tiled": True, "blockxsize": STRIP, "blockysize": STRIP}
    ground = {"crs": "EPSG:32636", "transform": from_origin(300_000, 3_600_000, 0.3, 0.3)}
    with rasterio.open(path, "w", **profile, **blocks, **ground) as target:
        for top in range(0, edge, STRIP):
            rows = min(STRIP, edge - top)
            wave = 120 + 80 * np.sin(np.arange(edge) / 300) * np.cos(np.arange(top, top + rows) / 200)[:, None]
            values = np.stack([wave + generator.integers(0, 40, (rows, edge)) for _ in range(BANDS)])
            target.write(values.astype(np.uint8), window=Window(0, top, edge, rows))


def predict(scene: Path, folder: Path) -> None:
    """Our side: the pipeline of `predict`, from the opened scene to the finished map."""
    import torch
    from scene import contract

    from segmint.inference.maps import MapInWork
    from segmint.inference.pipeline import run
    from segmint.inference.scene import Scene
    from segmint.interface import Band, Input, Normalisation

    scaling = Normalisation(scale=255.0, mean=(0.0,) * BANDS, std=(1.0,) * BANDS, source="training split")
    bands = tuple(Band(name=name) for name in ("red", "green", "blue"))
    source = Input(bands=bands, source_dtype="uint8", value_range=(0.0, 255.0), normalisation=scaling)
    described = contract().model_copy(update={"inputs": (source,)})
    model = network()

    def answer(windows: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(windows)).numpy()

    folder.mkdir()
    with Scene.open(str(scene), described) as opened:
        work = MapInWork.begin(folder, described, (opened.crs, opened.transform, opened.width), "float32")
        run(opened, answer, described, TILE - OVERLAP, BATCH, work, lambda rows: None)
        work.optimised({})


def apart(tool: str, python: Path, first: Path, scene: Path, room: Path) -> tuple[Cost, float]:
    """One prediction in a process of its own: its cost, and the share of pixels that are off."""
    command = [sys.executable, __file__, "--child"] if tool == OURS else [str(python), str(THEIRS[tool])]
    result = room / f"{tool}.tif"
    done = subprocess.run([*command, *map(str, (first, scene, result))], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{tool} ended with status {done.returncode}:\n{done.stderr}")
    cost = Cost(**json.loads(done.stdout.strip().splitlines()[-1]))
    return cost, wrong(scene, room / OURS / "probabilities.tif" if tool == OURS else result)


def wrong(scene: Path, result: Path) -> float:
    """Share of pixels whose value is not the mean of the bands."""
    off = 0
    with rasterio.open(scene) as source, rasterio.open(result) as answer:
        for top in range(0, source.height, STRIP):
            window = Window(0, top, source.width, min(STRIP, source.height - top))
            truth = source.read(window=window).mean(axis=0, dtype=np.float64) / 255
            off += int((~(np.abs(answer.read(1, window=window) - truth) <= 1e-3)).sum())
        return off / (source.height * source.width)


def compare(edge: int, rounds: int, tools: list[str], python: Path) -> None:
    """All tools in turn, then a line of the table for each."""
    costs: dict[str, list[Cost]] = {tool: [] for tool in tools}
    shares = dict.fromkeys(tools, 0.0)
    for _ in range(rounds):
        for tool in tools:
            with tempfile.TemporaryDirectory(prefix="segmint-tilers-") as name:
                room = Path(name)
                draw(room / "first.tif", 300)
                draw(room / "scene.tif", edge)
                cost, shares[tool] = apart(tool, python, room / "first.tif", room / "scene.tif", room)
                costs[tool].append(cost)
    ours = costs[OURS]
    for tool in tools:
        seconds, extra = (
            statistics.median(getattr(cost, kind) for cost in costs[tool]) for kind in ("seconds", "extra")
        )
        ratios = [cost.seconds / own.seconds for cost, own in zip(costs[tool], ours, strict=True)]
        memory = extra / statistics.median(own.extra for own in ours)
        cells = [
            f"{edge} px",
            tool,
            f"{seconds:.1f} s",
            f"{edge * edge / 1e6 / seconds:.2f}",
            f"{extra / 2**20:.0f} MiB",
        ]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {' | '.join(cells)} | {spread} | {memory:.1f} | {shares[tool]:.4%} |", flush=True)


def child(first: str, scene: str, result: str) -> None:
    """Our prediction, which leaves a folder beside the place that is asked for."""
    folder = Path(result).with_suffix("")
    predict(Path(first), folder.with_name("first"))  # loads what is loaded lazily
    print(json.dumps(asdict(measured(lambda: predict(Path(scene), folder)))))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--sizes", type=int, nargs="+", default=[3072, 6144], help="edges of the scenes in pixels")
    parser.add_argument("--rounds", type=int, default=3, help="predictions of each tool (%(default)s)")
    parser.add_argument("--tools", nargs="+", default=list(THEIRS), choices=THEIRS)
    parser.add_argument("--python", type=Path, default=PROJECT / ".tilers" / "bin" / "python", help="their environment")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(*given.child)
        return
    print(f"on {describe()}")
    print(
        "| scene | tiler | time | Mpx/s | memory above the start | time, ours is 1 | memory, ours is 1 | pixels off |"
    )
    print("|--:|---|--:|--:|--:|--:|--:|--:|", flush=True)
    for edge in given.sizes:
        compare(edge, given.rounds, [OURS, *given.tools], given.python.absolute())


if __name__ == "__main__":
    main()
