"""How fast is a scene predicted, and in how much memory, beside the network itself?

    python benchmarks/scene.py --sizes 2048 6144
    python benchmarks/scene.py --sizes 10980 --skip_network

Draws 7-band uint16 scenes, predicts each with a network that hands one band through (what is left is reading, windows,
blending and writing) in a process of its own, and states megapixels per second, from the opened scene to the finished
rows and to the published map, and the peak memory above that before the scene was opened. Then a U-Net with ResNet-34
and random weights, through the ONNX export, beside the bare model on windows that lie in memory.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "src"))

from segmint.console import quieten_libraries  # noqa: E402
from segmint.contract import Dataset, ModelContract, Network  # noqa: E402
from segmint.inference import backend  # noqa: E402
from segmint.inference.maps import MapInWork  # noqa: E402
from segmint.inference.models import find_model  # noqa: E402
from segmint.inference.pipeline import run  # noqa: E402
from segmint.inference.scene import Scene  # noqa: E402
from segmint.interface import Band, Class, Input, Normalisation, Output  # noqa: E402

BANDS, TILE, STRIDE, BATCH = 7, 256, 192, 8


def contract() -> ModelContract:
    """Seven bands, two classes, 256-pixel windows with an overlap of 64."""
    figures = Normalisation(scale=10_000.0, mean=(0.3,) * BANDS, std=(0.2,) * BANDS, source="training split")
    source = Input(
        bands=tuple(Band(name=f"band{number}") for number in range(BANDS)),
        source_dtype="uint16",
        value_range=(0.0, 10_000.0),
        normalisation=figures,
    )
    classes = tuple(Class(value=value, name=f"class{value}", color=f"#{value:06X}") for value in range(2))
    return ModelContract(
        name="benchmark",
        title="Benchmark",
        description="Random weights.",
        license="Apache-2.0",
        recipe="wildfire-del",
        created="2026-01-01T00:00:00Z",
        inputs=(source,),
        height=TILE,
        width=TILE,
        output=Output(activation="sigmoid", classes=classes, threshold=0.5, temperature=1.0),
        stride=STRIDE,
        network=Network(architecture="unet", encoder="resnet34", parameters=1, memory_bytes=1),
        dataset=Dataset(digest="0" * 64, chips={"train": 1}, split_rule="none"),
        batch_size=BATCH,
    )


def draw(path: Path, edge: int) -> None:
    """A smooth scene with noise, in deflated blocks of 512 pixels as satellite products are."""
    generator = np.random.default_rng(0)
    profile = {"driver": "GTiff", "count": BANDS, "height": edge, "width": edge, "dtype": "uint16", "tiled": True}
    blocks = {"blockxsize": 512, "blockysize": 512, "compress": "deflate", "predictor": 2, "bigtiff": "if_safer"}
    with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"), rasterio.open(path, "w", **profile, **blocks) as target:
        for top in range(0, edge, 512):
            rows = min(512, edge - top)
            wave = 3000 + 2000 * np.sin(np.arange(edge) / 300) + np.arange(rows)[:, None]
            values = np.stack([wave + generator.integers(0, 200, (rows, edge)) for _ in range(BANDS)])
            target.write(values.astype(np.uint16), window=((top, top + rows), (0, edge)))


def hand_through(windows: np.ndarray) -> np.ndarray:
    """A network that answers its first band as a probability."""
    return windows[:, :1] * np.float32(1e-4)


def measure_overhead(scene_path: str, folder: str) -> None:
    """Predict one scene and print figures; in a process of its own, whose peak memory is the prediction's."""
    import psutil

    described = contract()
    tiny = Path(folder) / "tiny.tif"
    draw(tiny, 300)
    _predict(str(tiny), described, Path(folder) / "first", hand_through)  # loads what is loaded lazily
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = psutil.Process().memory_info().rss
    seconds, published = _predict(scene_path, described, Path(folder) / "second", hand_through)
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
    print(json.dumps({"seconds": seconds, "published": published, "extra": peak - before}))


def _predict(path: str, described: ModelContract, folder: Path, predict) -> tuple[float, float]:
    folder.mkdir()
    started = time.perf_counter()
    with Scene.open(path, described) as scene:
        grid = (scene.crs, scene.transform, scene.width)
        work = MapInWork.begin(folder, described, grid, "none")
        run(scene, predict, described, STRIDE, BATCH, work, lambda rows: None)
        seconds = time.perf_counter() - started
        work.optimised({})
    return seconds, time.perf_counter() - started


def measure_network(edge: int, folder: Path) -> None:
    """A ResNet-34 U-Net in the pipeline, beside the bare model on the same number of windows in memory."""
    import torch

    from segmint.export import onnx
    from segmint.export.runtime import Exportable
    from segmint.inference.windows import WindowGrid
    from segmint.models.deployed import DeployedModel

    described, home = contract(), folder / "network"
    home.mkdir()
    torch.manual_seed(0)
    onnx.write(Exportable(DeployedModel.from_contract(described).eval(), described), home / onnx.FILE)
    described.write(home / "contract.json")
    draw(folder / "network.tif", edge)
    grid = WindowGrid.over(edge, edge, (TILE, TILE), STRIDE)
    count = len(grid.rows.origins) * len(grid.columns.origins)
    with find_model(str(home)) as files:
        model = backend.choose(files, "auto")
        windows = np.random.default_rng(0).uniform(0, 10_000, (BATCH, BANDS, TILE, TILE)).astype(np.float32)
        model.predict(windows)
        started = time.perf_counter()
        for start in range(0, count, BATCH):
            model.predict(windows[: min(BATCH, count - start)])
        bare = time.perf_counter() - started
        seconds, published = _predict(str(folder / "network.tif"), described, folder / "mapped", model.predict)
    print(f"U-Net ResNet-34, {edge} px, {count} windows, {model.runtime}: bare {bare:.1f} s, pipeline {seconds:.1f} s")
    print(f"ratio {bare / seconds:.2f}, with the published map {bare / published:.2f}")


def main() -> None:
    """Print a line for each size, then the ratio to the bare model."""
    quieten_libraries()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2048, 6144], help="edges of the scenes in pixels")
    parser.add_argument("--network_size", type=int, default=1536, help="edge of the network's scene (%(default)s)")
    parser.add_argument("--skip_network", action="store_true", help="measure the overhead alone")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        measure_overhead(*arguments.child)
        return
    for edge in arguments.sizes:
        with tempfile.TemporaryDirectory(prefix="segmint-scene-") as folder:
            path = Path(folder) / "scene.tif"
            draw(path, edge)
            command = [sys.executable, __file__, "--child", str(path), folder]
            found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            megapixels = edge * edge / 1e6
            print(
                f"{edge} px: {megapixels / found['seconds']:.2f} Mpx/s, {megapixels / found['published']:.2f} with the"
                f" published map, peak +{found['extra'] / 2**20:.0f} MiB",
                flush=True,
            )
    if not arguments.skip_network:
        with tempfile.TemporaryDirectory(prefix="segmint-scene-") as folder:
            measure_network(arguments.network_size, Path(folder))


if __name__ == "__main__":
    main()
