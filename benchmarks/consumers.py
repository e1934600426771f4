"""What every consumer of the exports answers, beside the trained network.

    make test-consumers                                    # puts the runtimes into .consumers/
    python benchmarks/consumers.py meta                     # a table of one finished model
    python benchmarks/consumers.py meta other/meta --scene scene.tif > table.md

Each model's files are opened by each runtime in an interpreter of its own, on the chips of ``parity_sample.npz``, and
compared with the answers in it. The Esri package is driven as ArcGIS drives it. Optional formats are shown where they
lie in the folder (``python src/export.py --formats all,onnx_unit,onnx_fp16 --target meta --output_dir meta``). With a
scene, GeoDeep's map of the unit form stands beside that of the trained network in the windows that GeoDeep cuts, and
beside that of ``predict``, which blends its windows; both after the same median. Time is one pass over the chips after
a first one, or the whole program for GeoDeep and the package.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from maps import predicted

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "src"), str(PROJECT / "tests" / "consumers")]

import hard_windows  # noqa: E402
from hard_windows import overlap_of, smoothed  # noqa: E402
from runtimes import GEODEEP, RUNTIMES, Runtime, call  # noqa: E402

from segmint.contract import ModelContract  # noqa: E402
from segmint.export import dlpk, parity  # noqa: E402
from segmint.export.card import size  # noqa: E402
from segmint.export.parity import ParitySample  # noqa: E402

FILES = {
    "ONNX": "best_model.onnx",
    "ONNX fp16": "best_model_fp16.onnx",
    "ONNX int8": "best_model_int8.onnx",
    "ONNX unit": "unit/best_model.onnx",
    "TorchScript": "best_model.pt",
}


@dataclass(frozen=True)
class Row:
    """One line: what was opened, by what, and how it compares; no difference where only classes come out."""

    recipe: str
    form: str
    consumer: str
    difference: float | None
    agreement: float
    seconds: float
    bytes: int

    def line(self) -> str:
        """In Markdown."""
        difference = "classes only" if self.difference is None else f"{self.difference:.1e}"
        return (
            f"| {self.recipe} | {self.form} | {self.consumer} | {difference} | {100 * self.agreement:.4f} % "
            f"| {self.seconds:.2f} s | {size(self.bytes)} |"
        )


def main() -> None:
    """Print each row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, help="folders such as meta")
    parser.add_argument("--scene", type=Path, help="a raster of 3 bands of 8 bits, for the models with a unit form")
    given = parser.parse_args()
    print("| recipe | format | consumer | largest difference | same class | time | size |")
    print("|---|---|---|--:|--:|--:|--:|")
    for folder in given.models:
        for row in rows(folder, given.scene):
            print(row.line(), flush=True)


def rows(folder: Path, scene: Path | None) -> Iterator[Row]:
    """Every file of a model in every runtime that opens it."""
    recipe = ModelContract.read(folder / "contract.json").recipe
    for form, name in FILES.items():
        path = folder / name
        for runtime in RUNTIMES.values() if path.is_file() else ():
            if runtime.opens == path.suffix:
                yield answered(recipe, form, path, runtime)
    yield packaged(recipe, folder)
    if scene is not None and (folder / FILES["ONNX unit"]).is_file():
        yield from maps(recipe, folder, scene)


def answered(recipe: str, form: str, path: Path, runtime: Runtime) -> Row:
    """A file in a runtime, on the sample that belongs to it."""
    home = path.parent
    contract, sample = ModelContract.read(home / "contract.json"), ParitySample.read(home / "parity_sample.npz")
    answer = runtime.answer(path, sample.chips.astype(np.float32) / np.float32(contract.input.divisor))
    difference = float(np.abs(answer.probabilities - sample.probabilities).max())
    maps = [parity.classes(values, contract) for values in (answer.probabilities, sample.probabilities)]
    agreement = float((maps[0] == maps[1]).mean())
    return Row(recipe, form, answer.runtime, difference, agreement, answer.seconds, path.stat().st_size)


def packaged(recipe: str, folder: Path) -> Row:
    """The Esri package, in a Python that has what ArcGIS has."""
    contract, sample = ModelContract.read(folder / "contract.json"), ParitySample.read(folder / "parity_sample.npz")
    path, started = folder / dlpk.FILE, time.perf_counter()
    maps = dlpk.class_maps(path, sample.chips)
    seconds = time.perf_counter() - started
    agreement = float((maps == parity.classes(sample.probabilities, contract)).mean())
    return Row(recipe, "DLPK", "Esri raster function", None, agreement, seconds, path.stat().st_size)


def maps(recipe: str, folder: Path, scene: Path) -> Iterator[Row]:
    """GeoDeep's map of a scene, beside the trained network in GeoDeep's own windows, and beside ``predict``."""
    path = folder / FILES["ONNX unit"]
    with tempfile.TemporaryDirectory() as scratch:
        answer, started = Path(scratch, "geodeep.tif"), time.perf_counter()
        call([str(GEODEEP), str(scene), str(path), "-t", "mask", "-o", str(answer)], "`make test-consumers`")
        seconds = time.perf_counter() - started
        with rasterio.open(answer) as found, rasterio.open(scene) as source:
            theirs, values = found.read(1), source.read()
    contract = ModelContract.read(folder / "contract.json")
    beside = {
        "its own windows": hard_windows.mapped(folder / "best_model.pt", contract, values, overlap_of(path)),
        "`predict`": predicted(folder, scene),
    }
    for name, ours in beside.items():
        agreement = float((smoothed(ours) == theirs).mean())
        yield Row(recipe, "ONNX unit", f"GeoDeep, scene beside {name}", None, agreement, seconds, path.stat().st_size)


if __name__ == "__main__":
    main()
