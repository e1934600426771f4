"""Which decoder goes with which encoder in every exported format? The proven table of 7 encoders x 11 decoders.

    python benchmarks/decoders.py
    python benchmarks/decoders.py --architectures unet fpn --encoders resnet18 --output /tmp/decoders.md

Each combination is built for seven bands and one class against background in a process of its own, exported by the
project's own writers and compared by its own proof with the network in eager mode, on three made-up chips. Random
weights alone would prove little: batch normalisation gets factors, offsets and statistics from a batch, and the head is
rescaled so that the logits have a deviation of 2 and each class has about half of the pixels. What is left of a
difference is rounding, which random weights amplify more than trained ones.
"""

import argparse
import json
import logging
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import nn

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "src"))

from segmint.contract import Dataset, ModelContract, Network  # noqa: E402
from segmint.errors import SegmintError  # noqa: E402
from segmint.export.formats import FORMATS  # noqa: E402
from segmint.export.parity import ParitySample, prove  # noqa: E402
from segmint.export.runtime import Exportable  # noqa: E402
from segmint.export.tolerance import MAX_ABS, MIN_AGREEMENT  # noqa: E402
from segmint.interface import Band, Class, Input, Normalisation, Output  # noqa: E402
from segmint.models.deployed import DeployedModel  # noqa: E402
from segmint.models.factory import DECODERS, LISTED_ENCODERS, build  # noqa: E402

BANDS = ("blue", "green", "red", "nir", "nir08", "swir16", "swir22")
SCALE = 10_000.0
CHIPS = 3  # neither one nor the two of the exporters' example, so that a frozen batch shows


@dataclass
class Row:
    """One combination: the largest difference of a probability and the agreement per format, or why there is none."""

    architecture: str
    encoder: str
    parameters: int
    seconds: float
    proofs: dict[str, tuple[float, float]]
    failures: dict[str, str]

    @property
    def proven(self) -> bool:
        """Whether every format was written, opened and within the tolerances of the proof."""
        within = all(worst <= MAX_ABS and agreement >= MIN_AGREEMENT for worst, agreement in self.proofs.values())
        return within and self.proofs.keys() == FORMATS.keys()


def main() -> None:
    """Measure every combination in a process of its own; the table is whole after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", nargs="+", default=list(LISTED_ENCODERS))
    parser.add_argument("--architectures", nargs="+", default=list(DECODERS), choices=DECODERS)
    parser.add_argument("--tile", type=int, default=128, help="edge of the tile in pixels, a multiple of 32")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for one combination")
    parser.add_argument("--output", type=Path, default=PROJECT / "docs" / "decoders.md")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)  # where this process leaves its one row
    given = parser.parse_args()
    if given.child:
        row = measure(given.architectures[0], given.encoders[0], given.tile)
        given.child.write_text(json.dumps(asdict(row)))
        return
    rows: list[Row] = []
    for architecture in given.architectures:
        for encoder in given.encoders:
            rows.append(apart(architecture, encoder, given.tile, given.timeout))
            print(f"{len(rows)}/{len(given.architectures) * len(given.encoders)} " + line(rows[-1]), flush=True)
            given.output.write_text(page(rows, given.tile), encoding="utf-8")
    print(f"{sum(row.proven for row in rows)} of {len(rows)} combinations proven in every format: {given.output}")


def apart(architecture: str, encoder: str, tile: int, timeout: float) -> Row:
    """Measure in a process of its own, whose memory is free again and whose crash costs one row."""
    with tempfile.TemporaryDirectory() as room:
        answer = Path(room, "row.json")
        command = [
            *(sys.executable, str(Path(__file__).resolve()), f"--architectures={architecture}"),
            *(f"--encoders={encoder}", f"--tile={tile}", f"--child={answer}"),
        ]
        try:
            done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=timeout)
        except subprocess.TimeoutExpired:
            return Row(architecture, encoder, 0, timeout, {}, {"process": f"no answer in {timeout:g} s"})
        if done.returncode or not answer.is_file():
            said = (done.stderr.strip().splitlines() or [""])[-1]
            return Row(architecture, encoder, 0, 0.0, {}, {"process": f"exit status {done.returncode}: {said}"})
        return Row(**json.loads(answer.read_text()))


def measure(architecture: str, encoder: str, tile: int) -> Row:
    """Build, export and prove one combination; what fails is a finding, not an error."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    started = time.perf_counter()
    torch.manual_seed(62)
    row = Row(architecture, encoder, 0, 0.0, {}, {})
    try:
        network, _ = build(architecture, encoder, None, BANDS, 1)
        chips = draw(tile)
        normalised = torch.from_numpy((chips.astype(np.float32) / np.float32(SCALE) - 0.25) / np.float32(0.15))
        liven(network, normalised)
        with torch.no_grad():
            reference = torch.sigmoid(network(normalised)).numpy()
    except (SegmintError, RuntimeError, ValueError) as error:
        row.failures["build"] = first_line(error)
        return row
    row.parameters = sum(p.numel() for p in network.parameters())
    contract = describe(architecture, encoder, tile, row.parameters)
    sample = ParitySample(chips, reference, tuple(f"made up {number}" for number in range(CHIPS)))
    exportable = Exportable(DeployedModel(network, contract).eval(), contract)
    with tempfile.TemporaryDirectory() as room:
        for name, kind in FORMATS.items():
            path = Path(room, kind.FILE)
            try:
                kind.write(exportable, path)
                proof = prove(name, kind, path, sample, contract)
            except Exception as error:  # exporters raise whatever they like
                row.failures[name] = first_line(error)
            else:
                row.proofs[name] = (float(proof.max_abs or 0.0), proof.agreement)
    row.seconds = time.perf_counter() - started
    return row


def draw(tile: int) -> np.ndarray:
    """Chips ``[CHIPS, 7, tile, tile]`` uint16: fields of 16 px with noise, because pure noise averages out in depth."""
    generator = np.random.default_rng(62)
    fields = generator.uniform(500, 4500, (CHIPS, len(BANDS), -(-tile // 16), -(-tile // 16)))
    smooth = fields.repeat(16, axis=2).repeat(16, axis=3)[:, :, :tile, :tile]
    return (smooth + generator.normal(0, 300, smooth.shape)).clip(0, SCALE).astype(np.uint16)


def liven(network: nn.Module, normalised: torch.Tensor) -> None:
    """Batch normalisation as after training, and a head whose logits spread over both classes."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.1)
            # halfway to the batch's statistics: a channel without variance would amplify rounding beyond the tolerance
            module.momentum = 0.5
    with torch.no_grad():
        network.train()(normalised)
        logits = network.eval()(normalised)
        *_, head = (m for m in network.get_submodule("segmentation_head").modules() if isinstance(m, nn.Conv2d))
        factor = 2 / logits.std()
        head.weight *= factor
        head.bias.copy_((head.bias - between(logits)) * factor)


def between(logits: torch.Tensor) -> torch.Tensor:
    """The middle of the widest gap near the median: no pixel, and no even field, lies on the threshold itself."""
    ordered = logits.flatten().sort().values
    near = ordered[int(0.45 * len(ordered)) : int(0.55 * len(ordered))]
    widest = near.diff().argmax()
    return (near[widest] + near[widest + 1]) / 2


def describe(architecture: str, encoder: str, tile: int, parameters: int) -> ModelContract:
    """The contract of a combination."""
    count = len(BANDS)
    return ModelContract(
        name="decoder-proof",
        title="Decoder proof",
        description="Random weights, to prove that the formats answer as the network does.",
        license="Apache-2.0",
        recipe="none",
        created="2026-01-01T00:00:00Z",
        inputs=(
            Input(
                bands=tuple(Band(name=name) for name in BANDS),
                source_dtype="uint16",
                value_range=(0.0, SCALE),
                normalisation=Normalisation(
                    scale=SCALE, mean=(0.25,) * count, std=(0.15,) * count, source="training split"
                ),
            ),
        ),
        height=tile,
        width=tile,
        output=Output(
            activation="sigmoid",
            classes=(Class(value=0, name="background", color="#000000"), Class(value=1, name="fire", color="#FF0000")),
            threshold=0.5,
            temperature=1.0,
        ),
        stride=tile,
        network=Network(architecture=architecture, encoder=encoder, parameters=parameters, memory_bytes=4 * parameters),
        dataset=Dataset(digest="0" * 64, chips={}, split_rule="none"),
        batch_size=CHIPS,
    )


def first_line(error: BaseException) -> str:
    """Kind and first line of an error, fit for a cell of a table."""
    text = " ".join((str(error).strip().splitlines() or [""])[0].split())[:200].replace("|", "/")
    return text if isinstance(error, SegmintError) else f"{type(error).__name__}: {text}"


def cell(row: Row, name: str) -> str:
    """Largest difference, and the agreement where it is not whole; a dash where there is none."""
    if name not in row.proofs:
        return "-"
    worst, agreement = row.proofs[name]
    return f"{worst:.1e}" + ("" if agreement == 1 else f" ({agreement:.6f})")


def line(row: Row) -> str:
    """A combination for the terminal."""
    figures = ", ".join(f"{name} {cell(row, name)}" for name in FORMATS)
    reasons = "; ".join(f"{name}: {reason}" for name, reason in row.failures.items())
    verdict = "proven" if row.proven else "NOT proven"
    return f"{row.architecture} {row.encoder}: {verdict}, {reasons or figures} ({row.seconds:.0f} s)"


def page(rows: Iterable[Row], tile: int) -> str:
    """The table as Markdown, and below it the reason of each failure."""
    names = {name: f"`{kind.FILE.removeprefix('best_model')}`" for name, kind in FORMATS.items()}
    packages = ("torch", "segmentation-models-pytorch", "onnx", "onnxruntime")
    text = [
        "# Decoders and encoders, proven",
        "",
        "Written by `python benchmarks/decoders.py`: every combination with seven bands and random weights, exported,",
        f"reopened and compared with the eager network on {CHIPS} chips of {tile} px. A cell is the largest difference",
        "of a probability, with the share of pixels of the same class in brackets where it is not all of them. Proven",
        f"means a difference of at most {MAX_ABS:g} and a share of at least {MIN_AGREEMENT} in every format.",
        "",
        f"{', '.join(f'{name} {version(name)}' for name in packages)}, {platform.machine()}, {platform.system()}.",
        "",
        f"| decoder | encoder | million parameters | {' | '.join(names.values())} | proven |",
        f"|---|---|--:|{'--:|' * len(names)}---|",
    ]
    reasons = []
    for row in rows:
        size = f"{row.parameters / 1e6:.1f}" if row.parameters else "-"
        cells = " | ".join(cell(row, name) for name in FORMATS)
        text.append(f"| {row.architecture} | {row.encoder} | {size} | {cells} | {'yes' if row.proven else 'no'} |")
        reasons += [f"- {row.architecture}, {row.encoder}, {name}: {why}" for name, why in row.failures.items()]
    if reasons:
        text += ["", "## Why not", "", *reasons]
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
