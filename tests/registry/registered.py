"""Registered versions without a training: a run with the artifacts that training leaves, made by code."""

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mlflow import MlflowClient

from segmint.contract import ModelContract
from segmint.export import parity, stac, tolerance
from segmint.export.assets import model_files
from segmint.export.publication import Staging
from segmint.interface import Class

NAME = "test-model"
CHIPS = 24


def counts(iou: float, seed: int = 0, chips: int = CHIPS, classes: int = 2, noise: float = 0.05) -> np.ndarray:
    """``[N, K, K]`` of chips with 1000 pixels of every class, each found with a chance around ``iou``."""
    draw = np.random.default_rng(seed)
    confusion = np.zeros((chips, classes, classes), np.int64)
    for chip in range(chips):
        for truth in range(classes):
            found = int(1000 * np.clip(iou + draw.normal(0, noise), 0, 1))
            confusion[chip, truth, truth] = found
            confusion[chip, truth, (truth + 1) % classes] = 1000 - found
    return confusion


@dataclass
class Registry:
    """A store in a room of its own, and a staged run that all versions are copies of."""

    room: Path
    staged: Path
    contract: ModelContract
    client: MlflowClient

    def add(self, confusion: np.ndarray | None, dataset: str | None = None, **changes) -> str:
        """Register one more version and return its number.

        Args:
            confusion: Its counts, or None for a model from before there were any.
            dataset: Digest of its dataset, where it is another one than the others'.
            changes: ``parity=...`` or ``item=...``: functions that change the JSON of these artifacts;
                ``learned={"train": [chips], "test": ...}`` and ``manifest=...`` of its dataset;
                ``metrics=...`` that its contract states.
        """
        folder = self.room / "staged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.staged, folder)
        contract = self.contract.model_copy(update={"metrics": changes.get("metrics", self.contract.metrics)})
        classes = 2 if confusion is None else confusion.shape[1]
        _describe(folder, contract, dataset or contract.dataset.digest, classes)
        for key, name in (("parity", "parity.json"), ("item", "stac_item.json")):
            if key in changes:
                path = folder / "metadata" / name
                content = json.loads(path.read_text())
                changes[key](content)
                path.write_text(json.dumps(content))
        if confusion is not None:
            rows = [[f"chip{number:02d}", "", *matrix.ravel()] for number, matrix in enumerate(confusion)]
            with (folder / "evaluation" / "test_chips.csv").open("w", newline="") as stream:
                csv.writer(stream).writerows([["chip", "iou", "..."], *rows])
        sides = {
            side: [
                {"chip": chip, "file": f"chips/{chip}.tif", "row": 0, "col": 0, "height": 64, "width": 64}
                for chip in chips
            ]
            for side, chips in changes.get("learned", {}).items()
        }
        (folder / "datasets" / "split.json").write_text(json.dumps({"rule": "", "tiles": sides}))
        known = changes.get("manifest", [{"path": "chips/elsewhere.tif", "bytes": 0, "sha256": "0" * 64}])
        (folder / "datasets" / "manifest.json").write_text(json.dumps(known))
        run = self.client.create_run(self.experiment)
        self.client.log_artifacts(run.info.run_id, str(folder))
        self.client.set_terminated(run.info.run_id)
        source = str(run.info.artifact_uri)
        version = str(self.client.create_model_version(NAME, source, run.info.run_id).version)
        self.client.set_registered_model_alias(NAME, "candidate", version)
        return version

    @property
    def experiment(self) -> str:
        """Where the runs are."""
        found = self.client.get_experiment_by_name("made")
        return found.experiment_id if found else self.client.create_experiment("made")

    def aliases(self) -> dict[str, str]:
        """Alias -> version."""
        return {key: str(value) for key, value in self.client.get_registered_model(NAME).aliases.items()}


def _describe(folder: Path, contract: ModelContract, dataset: str, classes: int) -> None:
    """Make contract and item those of another dataset or of more classes."""
    contract = contract.model_copy(update={"dataset": contract.dataset.model_copy(update={"digest": dataset})})
    if classes > 2:
        named = tuple(Class(value=value, name=f"class{value}", color="#000000") for value in range(classes))
        output = contract.output.model_copy(update={"activation": "softmax", "classes": named})
        contract = contract.model_copy(update={"output": output})
    contract.write(folder / "metadata" / "contract.json")
    stac.write(stac.item(contract, model_files(folder)), folder / "metadata" / "stac_item.json")


def stage(root: Path, model: Path) -> tuple[Path, ModelContract]:
    """Lay the files of a model out as a run's artifacts, with a proof and a STAC item."""
    staging = Staging.empty(root)
    contract = ModelContract.read(model / "contract.json")
    sample = parity.ParitySample(
        np.zeros((1, 3, 64, 64), np.uint8), np.zeros((1, contract.output.channels, 64, 64), np.float32), ("chip00",)
    )
    contract = contract.model_copy(update={"parity_sample": sample.write(staging["parity_sample.npz"])})
    contract.write(staging["contract.json"])
    for path in model.iterdir():
        if path.name.startswith("best_model"):
            shutil.copy2(path, staging[path.name])
    proof = tolerance.Proof("onnx", "best_model.onnx", "onnxruntime", 2e-6, 1.0, 0.1, 10)
    tolerance.write([proof], contract, staging["parity.json"])
    (root / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    for name in ("source/train.py", "esri/SegmintClassifier.py", "source/requirements.txt"):
        (root / name).write_text("made in a test\n")
    stac.write(stac.item(contract, model_files(root)), staging["stac_item.json"])
    return root, contract
