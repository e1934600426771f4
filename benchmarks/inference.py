"""How fast does a finished model answer in every runtime, beside the multiplications that this machine can do?

    python benchmarks/inference.py --target meta
    python benchmarks/inference.py --target meta --sizes 256 512 --batches 1 8

Takes the folder of a trained model; for another size of window its files are written again from ``best_model.pth``.
Every round asks every runtime once, so that a slow moment of the machine meets all of them, and multiplies two matrices
in fp32 by torch and by numpy: the fastest product of the run is the limit, at which a network's operations would cost
nothing but themselves. Stated are the median time of a window, its spread over the rounds, and the share of the limit.
The operations are those that ``torch.utils.flop_counter`` counts: convolutions and products, two for a multiply-add.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "src"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from segmint.console import quieten_libraries  # noqa: E402
from segmint.contract import ModelContract  # noqa: E402
from segmint.export import onnx, program, torchscript, weights  # noqa: E402
from segmint.export.reduced import REDUCED  # noqa: E402
from segmint.export.runtime import Exportable  # noqa: E402
from segmint.inference import runtimes  # noqa: E402
from segmint.processor import cores  # noqa: E402

Predict = Callable[[NDArray[np.float32]], object]

EDGE = 3072
"""Of the matrices whose product is the limit."""


def limit() -> float:
    """Operations a second of a product of two square matrices in fp32, by whoever is faster."""
    left, right = torch.rand(2, EDGE, EDGE)
    times = []
    for one, other in ((left, right), (left.numpy(), right.numpy())):
        started = time.perf_counter()
        one @ other
        times.append(time.perf_counter() - started)
    return 2 * EDGE**3 / min(times)


def operations(model: torch.nn.Module, contract: ModelContract) -> int:
    """Operations of one window."""
    window = torch.zeros(1, len(contract.input.bands), contract.height, contract.width)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(window)
    return int(counter.get_total_flops())


def eager(model: torch.nn.Module) -> Predict:
    """The module as it is: no wrapper, no change of layout."""

    def predict(windows: NDArray[np.float32]) -> object:
        with torch.inference_mode():
            return model(torch.from_numpy(windows))

    return predict


def competitors(target: Path, contract: ModelContract, scratch: Path, resized: bool) -> Iterator[tuple[str, Predict]]:
    """Every runtime with the file that it runs."""
    model = weights.load(target / weights.FILE, contract)
    yield "torch, the module itself", eager(model)
    yield "torch.compile", eager(torch.compile(model))  # type: ignore[arg-type]
    files = {kind.FILE: target / kind.FILE for kind in (torchscript, program, onnx)}
    if resized:
        exportable = Exportable(model, contract)
        for kind in (torchscript, program, onnx):
            files[kind.FILE] = scratch / kind.FILE
            kind.write(exportable, files[kind.FILE])
    opens = {
        "torch, .pth, channels last": (runtimes.open_torch, target / weights.FILE),
        "torch, .pt2, channels last": (runtimes.open_torch, files[program.FILE]),
        "torch, TorchScript, channels last": (runtimes.open_torch, files[torchscript.FILE]),
        "torch, .pth, bf16": (runtimes.open_torch_bf16, target / weights.FILE),
        "ONNX Runtime": (runtimes.open_onnxruntime, files[onnx.FILE]),
        "OpenVINO": (runtimes.open_openvino, files[onnx.FILE]),
    }
    if not resized:
        reduced = {name: target / kind.FILE for name, kind in REDUCED.items() if (target / kind.FILE).is_file()}
        opens |= {f"ONNX Runtime, {name}": (runtimes.open_onnxruntime, path) for name, path in reduced.items()}
    for name, (opener, path) in opens.items():
        yield name, opener(path, contract).predict


def measured(predicts: dict[str, Predict], windows: NDArray[np.float32], rounds: int) -> tuple[dict, float]:
    """Seconds of a window for each in every round, and the limit; two passes before warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in predicts}
    most = 0.0
    for number in range(rounds + 2):
        for name, predict in predicts.items():
            started = time.perf_counter()
            predict(windows)
            if number >= 2:
                seconds[name].append((time.perf_counter() - started) / len(windows))
        most = max(most, limit())
    return seconds, most


def main() -> None:
    """Print the table, a block per size and batch."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--target", type=Path, default=Path("meta"), help="folder of a finished model (%(default)s)")
    parser.add_argument("--sizes", type=int, nargs="+", help="edges of windows in pixels; by default the model's own")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8], help="windows at a time (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="times that each is asked (%(default)s)")
    parser.add_argument("--without", nargs="*", default=[], help="beginnings of names to leave out, as torch.compile")
    given = parser.parse_args()
    quieten_libraries()
    torch.set_num_threads(cores())
    own = ModelContract.read(given.target / "contract.json")
    print("| window | batch | runtime | ms a window | from, to | windows/s | share of the limit |")
    print("|--:|--:|---|--:|--:|--:|--:|")
    for size in given.sizes or [own.height]:
        contract = own.model_copy(update={"height": size, "width": size})
        with tempfile.TemporaryDirectory(prefix="segmint-inference-") as scratch:
            found = competitors(given.target, contract, Path(scratch), size != own.height)
            predicts = {name: predict for name, predict in found if not name.startswith(tuple(given.without))}
            count = operations(weights.load(given.target / weights.FILE, contract), contract)
            for batch in given.batches:
                shape = (batch, len(contract.input.bands), size, size)
                windows = np.random.default_rng(0).uniform(*contract.input.value_range, shape).astype(np.float32)
                seconds, most = measured(predicts, windows, given.rounds)
                for name, times in sorted(seconds.items(), key=lambda item: statistics.median(item[1])):
                    median = statistics.median(times)
                    print(
                        f"| {size} | {batch} | {name} | {1000 * median:.0f} | {1000 * min(times):.0f}, "
                        f"{1000 * max(times):.0f} | {1 / median:.1f} | {100 * count / (median * most):.0f} % |",
                        flush=True,
                    )
                print(
                    f"\n{count / 1e9:.1f} GFLOP a window, limit {most / 1e9:.0f} GFLOP/s on {cores()} cores\n",
                    flush=True,
                )


if __name__ == "__main__":
    main()
