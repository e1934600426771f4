"""What everything around the training loop costs, beside the bare calls of the libraries that do it.

    python benchmarks/after_fit.py
    python benchmarks/after_fit.py --options network.encoder=resnet18 --rounds 3

One round trains the built-in sample for an epoch as people do, in a process of its own, and reads the seconds of the
stages behind the fit. Then, in another process, the bare side does with the same weights what nobody can leave out: one
pass over as many validation and test tiles, an export of each format by one call of its library, one pass of each
format over the chips of the proof, and ``mlflow.pytorch.log_model`` with its requirements named, as ours are. The ratio
is of the sums.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from runs import PROJECT, sample, train

sys.path.insert(0, str(PROJECT / "src"))

AFTER = ("evaluation", "exports", "parity", "report", "artifacts", "registration")
"""Stages behind the fit."""


def bare(meta: Path, tiles: dict[str, int]) -> dict[str, float]:
    """The calls that nobody can leave out, on the weights and chips of a finished run that had so many tiles."""
    import mlflow
    import numpy as np
    import onnxruntime
    import torch

    from segmint.contract import ModelContract
    from segmint.export import weights
    from segmint.processor import cores
    from segmint.tracking.stages import Stages

    torch.set_num_threads(cores())
    contract, watch = ModelContract.read(meta / "contract.json"), Stages()
    model = weights.load(meta / weights.FILE, contract)
    chips = torch.from_numpy(np.load(meta / "parity_sample.npz")["chips"].astype(np.float32))
    with torch.inference_mode():
        for split in ("val", "test"):
            with watch(f"{split} pass"):
                for batch in torch.zeros(tiles[split], *chips.shape[1:]).split(contract.batch_size):
                    model(batch)
    example, free = chips[:1].repeat(2, 1, 1, 1), ({0: torch.export.Dim("batch", min=1)},)
    files = {name: Path(f"bare.{name}") for name in ("pth", "pt", "pt2", "onnx")}
    with watch("pth"):
        torch.save(model.state_dict(), files["pth"])
    with watch("torchscript"):
        torch.jit.trace(model, example).save(str(files["pt"]))  # type: ignore[no-untyped-call]
    with watch("pt2"):
        torch.export.save(torch.export.export(model, (example,), dynamic_shapes=free), files["pt2"])
    with watch("onnx"):
        exported = torch.onnx.export(model, (example,), dynamo=True, dynamic_shapes=free, opset_version=18)
        assert exported is not None
        exported.save(files["onnx"])
    session = onnxruntime.InferenceSession(str(files["onnx"]), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    passes: dict[str, Callable[[], object]] = {
        "pth": lambda: model(chips),
        "torchscript": lambda: torch.jit.load(str(files["pt"]))(chips),  # type: ignore[no-untyped-call]
        "dlpk": lambda: torch.jit.load(str(files["pt"]))(chips),  # type: ignore[no-untyped-call]
        "pt2": lambda: torch.export.load(files["pt2"]).module()(chips),
        "onnx": lambda: session.run(None, {name: chips.numpy()}),
    }
    with torch.inference_mode():
        for form, answer in passes.items():
            with watch(f"{form} pass"):
                answer()
    with watch("log_model"), mlflow.start_run():
        mlflow.pytorch.log_model(
            model,
            name="model",
            input_example=example.numpy(),
            serialization_format="pt2",
            pip_requirements=[f"torch=={torch.__version__}"],
            registered_model_name="bare",
        )
    return watch.seconds


def main() -> None:
    """Print seconds of both sides and the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--options", nargs="*", default=[], help="recipe keys such as network.encoder=resnet18")
    parser.add_argument("--bare", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        meta, tiles = given.bare
        print(json.dumps(bare(Path(meta), json.loads(tiles))))
        return
    with tempfile.TemporaryDirectory(prefix="segmint-after-fit-") as name:
        room = Path(name)
        folders = [f"{folder.name}_dir={folder}" for folder in sample(room)]
        ratios = []
        for number in range(given.rounds + 1):
            own = room / str(number)
            own.mkdir()
            run = train(own, ["epochs=1", *folders, *given.options])
            ours = run.stages
            command = [sys.executable, __file__, "--bare", str(own / "meta"), json.dumps(run.tiles)]
            store = os.environ | {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db", "GIT_PYTHON_REFRESH": "quiet"}
            done = subprocess.run(command, cwd=own, check=True, capture_output=True, text=True, env=store)
            theirs: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
            after = {stage: ours[stage] for stage in AFTER}
            if number:  # the first warms the disk
                ratios.append(sum(after.values()) / sum(theirs.values()))
            print(", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in after.items()))
            print("bare: " + ", ".join(f"{call} {seconds:.1f} s" for call, seconds in theirs.items()))
            print(f"after fit {sum(after.values()):.1f} s, bare {sum(theirs.values()):.1f} s", flush=True)
    print(f"ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
