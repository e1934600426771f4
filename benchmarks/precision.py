"""Which precision and memory layout trains fastest on this processor, and does `train` choose it?

    python benchmarks/precision.py
    python benchmarks/precision.py --networks unet:resnet34 unet_small --batch 4 --rounds 5
    python benchmarks/precision.py --without bf16 "bf16, channels_last" "bf16, channels_last, compiled"
    python benchmarks/precision.py --accuracy --seeds 0 1 2

Times a training step (forward, the default recipe's loss, backward, Adam) of 256 px tiles in six ways, one after the
other in each round, so that what else the machine does meets all of them. A cell is the speed relative to contiguous
fp32 of the same round, median and range over the rounds; compiling happens before the first. A way whose first step
takes more than four times as long as that of contiguous fp32 is judged by that step. With ``--accuracy`` the built-in
sample is trained in fp32 and in bf16 from the same seeds instead, and the test IoU of both is printed.
"""

import argparse
import contextlib
import copy
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "src"))

from machine import describe  # noqa: E402
from runs import train  # noqa: E402

from segmint.models.factory import build  # noqa: E402
from segmint.processor import cores, has_amx  # noqa: E402
from segmint.recipe import LossRecipe, NetworkRecipe, Recipe  # noqa: E402
from segmint.training import hardware  # noqa: E402
from segmint.training.losses import WeightedLoss  # noqa: E402

BANDS = ("red", "green", "blue")
NETWORKS = (
    *("unet:resnet34", "unet:efficientnet-b0", "unetplusplus:resnet18", "deeplabv3plus:mobilenet_v2"),
    "unet_small",
)
HOPELESS = 4.0
"""Times as long as contiguous fp32 from which a first step is enough."""


@dataclass(frozen=True)
class Way:
    """How a step is computed."""

    bf16: bool = False
    channels_last: bool = False
    compiled: bool = False


WAYS = {
    "fp32": Way(),
    "fp32, channels_last": Way(channels_last=True),
    "bf16": Way(bf16=True),
    "bf16, channels_last": Way(bf16=True, channels_last=True),
    "fp32, compiled": Way(compiled=True),
    "bf16, channels_last, compiled": Way(bf16=True, channels_last=True, compiled=True),
}


class Step:
    """One training step of a network of its own, on a batch that lies in memory.

    Args:
        network: Copied.
        way: How it is computed.
        image: ``[B, 3, S, S]``.
        target: ``[B, S, S]``, 0 or 1.
    """

    def __init__(self, network: nn.Module, way: Way, image: torch.Tensor, target: torch.Tensor) -> None:
        layout = torch.channels_last if way.channels_last else torch.contiguous_format
        own = copy.deepcopy(network).train().to(memory_format=layout)
        self.optimizer = torch.optim.Adam(own.parameters(), 1e-3, fused=True)
        self.network = torch.compile(own) if way.compiled else own
        self.image, self.target = image.contiguous(memory_format=layout), target
        self.loss = WeightedLoss(LossRecipe(), (1.0, 1.0))
        self.bf16 = way.bf16

    def seconds(self) -> float:
        """Take the step and time it."""
        started = time.perf_counter()
        half = torch.autocast("cpu", torch.bfloat16) if self.bf16 else contextlib.nullcontext()
        self.optimizer.zero_grad(set_to_none=True)
        with half:
            logits = self.network(self.image)
        self.loss(logits, self.target).backward()
        self.optimizer.step()
        return time.perf_counter() - started


def measure(
    name: str, ways: dict[str, Way], batch: int, size: int, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Pairs of seconds for each way: of contiguous fp32, and its own of the same round."""
    torch.manual_seed(62)
    torch._dynamo.reset()  # networks share code, and torch compiles the same code eight times at most
    architecture, _, encoder = name.partition(":")
    network, _ = build(architecture, encoder, None, BANDS, 1)
    image, target = torch.randn(batch, len(BANDS), size, size), torch.randint(0, 2, (batch, size, size))
    steps = {key: Step(network, way, image, target) for key, way in ways.items()}
    first = {key: step.seconds() for key, step in steps.items()}  # kernels are chosen, and compiled, in it
    for key in [key for key in first if ways[key].compiled]:
        print(f"{name}: the first step, {key}, took {first[key]:.0f} s", file=sys.stderr, flush=True)
    slow = {key for key in first if not ways[key].compiled and first[key] > HOPELESS * first["fp32"]}
    found = {key: [(first["fp32"], first[key])] if key in slow else [] for key in steps}
    for _ in range(rounds):
        took = {key: step.seconds() for key, step in steps.items() if key not in slow}
        for key, seconds in took.items():
            found[key].append((took["fp32"], seconds))
    return found


def row(name: str, found: dict[str, list[tuple[float, float]]]) -> str:
    """A line of the table: seconds of a step in contiguous fp32, then speeds relative to it."""
    cells = [f"{statistics.median(own for _, own in found['fp32']):.2f} s"]
    for key in list(found)[1:]:
        ratios = [plain / own for plain, own in found[key]]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}" if len(ratios) > 1 else "one step"
        cells.append(f"{statistics.median(ratios):.2f} ({spread})")
    return f"| {name.replace(':', ' ')} | {' | '.join(cells)} |"


def verdict(name: str, found: dict[str, list[tuple[float, float]]]) -> str:
    """How the way that `train` takes compares with the fastest of those that need no compiling."""
    chosen = hardware.choose(Recipe(network=NetworkRecipe(architecture=name.partition(":")[0])))
    default = Way(chosen.precision == "bf16-mixed", chosen.channels_last)
    taken = next(key for key, way in WAYS.items() if way == default)
    speeds = {
        key: statistics.median(plain / own for plain, own in pairs)
        for key, pairs in found.items()
        if not WAYS[key].compiled
    }
    fastest = max(speeds, key=speeds.__getitem__)
    if taken not in speeds:
        return f"{name}: train takes {taken}, which was left out"
    share = speeds[taken] / speeds[fastest]
    return f"{name}: train takes {taken}, {'the fastest' if fastest == taken else f'{share:.2f} of {fastest}'}"


def compare_accuracy(seeds: list[int], options: list[str]) -> None:
    """Test IoU of the built-in sample, trained in fp32 and in bf16."""
    print("| seed | fp32 | bf16 | difference |\n|--:|--:|--:|--:|")
    differences = []
    for seed in seeds:
        scores = []
        for precision in ("32-true", "bf16-mixed"):
            with tempfile.TemporaryDirectory(prefix="segmint-precision-") as room:
                asked = [*options, f"training.seed={seed}", f"training.precision={precision}"]
                scores.append(train(Path(room), asked).metrics["test_iou"])
        differences.append(scores[1] - scores[0])
        print(f"| {seed} | {scores[0]:.4f} | {scores[1]:.4f} | {differences[-1]:+.4f} |", flush=True)
    print(f"mean difference {statistics.mean(differences):+.4f}")


def main() -> None:
    """Print the table of speeds, or that of accuracies."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), help="architecture:encoder")
    parser.add_argument("--batch", type=int, default=8, help="tiles in a step (%(default)s)")
    parser.add_argument("--size", type=int, default=256, help="edge of a tile in pixels (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="steps of each way (%(default)s)")
    parser.add_argument("--without", nargs="*", default=[], choices=list(WAYS)[1:], help="ways to leave out")
    parser.add_argument("--accuracy", action="store_true", help="compare test scores instead of speeds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of --accuracy")
    parser.add_argument(
        "--options",
        nargs="*",
        default=["network.architecture=unet_small", "epochs=4", "batch_size=8", "data.tile_size=128"],
        help="recipe keys of --accuracy",
    )
    given = parser.parse_args()
    torch.set_num_threads(cores())
    print(f"on {describe()}", flush=True)
    if given.accuracy:
        compare_accuracy(given.seeds, given.options)
        return
    ways = {key: way for key, way in WAYS.items() if key not in given.without}
    if not shutil.which("g++"):
        ways = {key: way for key, way in ways.items() if not way.compiled}
        print("no C++ compiler: nothing is compiled", flush=True)
    if not has_amx():  # bf16 is hopeless, and its first step would be that of compiling
        ways = {key: way for key, way in ways.items() if not (way.compiled and way.bf16)}
    verdicts = []
    print(f"| network | fp32 | {' | '.join(list(ways)[1:])} |\n|---|{'--:|' * len(ways)}", flush=True)
    for name in given.networks:
        found = measure(name, ways, given.batch, given.size, given.rounds)
        print(row(name, found), flush=True)
        verdicts.append(verdict(name, found))
    print("\n".join(verdicts))


if __name__ == "__main__":
    main()
