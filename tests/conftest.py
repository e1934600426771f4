"""Contracts, networks and tiny datasets that several rooms' tests share, all made by code."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from places import SHARED, write_raster

from segmint.contract import Dataset, ModelContract, Network
from segmint.evaluation.results import ChipCounts, Evaluation, as_matrix
from segmint.export.stac_schemas import SchemaStore
from segmint.interface import Band, Class, Input, Normalisation, Output

pytest_plugins = ["finished", "spread", "states"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long end-to-end files come first, so that short ones keep both processes busy to the end."""
    items.sort(key=lambda item: not {"e2e", "documents"} & set(item.path.parts))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real datasets, where they are at hand."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real datasets of ../shared/data are not here")
    return SHARED / "data"


@pytest.fixture(scope="session")
def schema_store() -> SchemaStore:
    """The published STAC schemas, where they are at hand."""
    if not (SHARED / "stac-schemas").is_dir():
        pytest.skip("the published schemas of ../shared/stac-schemas are not here")
    return SchemaStore.of_folder(SHARED / "stac-schemas")


@pytest.fixture(scope="session")
def make_contract() -> Callable[..., ModelContract]:
    """A factory of small, valid contracts; ``bands`` and ``classes`` are counts."""

    def make(bands: int = 3, classes: int = 2, size: int = 64, nodata: float | None = None) -> ModelContract:
        names = ("red", "green", "blue", "nir", "swir16", "swir22", "coastal")[:bands]
        return ModelContract(
            name="test-model",
            title="A test model",
            description="Made in a test.",
            license="Apache-2.0",
            recipe="refugee-camp",
            created="2026-01-02T03:04:05Z",
            inputs=(
                Input(
                    bands=tuple(Band(name=name) for name in names),
                    source_dtype="uint8",
                    value_range=(0.0, 255.0),
                    nodata=nodata,
                    normalisation=Normalisation(
                        scale=255.0,
                        mean=tuple(0.3 + 0.05 * i for i in range(bands)),
                        std=tuple(0.2 + 0.01 * i for i in range(bands)),
                        source="training split",
                    ),
                ),
            ),
            height=size,
            width=size,
            resolution_m=0.5,
            output=Output(
                activation="sigmoid" if classes == 2 else "softmax",
                classes=tuple(Class(value=v, name=f"class{v}", color=f"#0000{v:02X}") for v in range(classes)),
                threshold=0.4,
                temperature=1.7,
            ),
            stride=size * 3 // 4,
            network=Network(architecture="unet", encoder="resnet18", parameters=10, memory_bytes=40),
            dataset=Dataset(digest="0" * 64, chips={"train": 3, "val": 1, "test": 1}, split_rule="by scene"),
            batch_size=4,
            metrics={"test_iou": 0.5, "test_f1": 0.6, "test_baseline_iou": 0.3},
            environment={"torch": "2.9.0"},
        )

    return make


@pytest.fixture(scope="session")
def bright_squares(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """24 chips of 64 px in 12 scenes, with bright squares to find: a task that a small network learns in seconds."""
    root = tmp_path_factory.mktemp("bright squares")
    draw = np.random.default_rng(7)
    for scene in range(12):
        for column in range(2):
            image = draw.integers(20, 110, (3, 64, 64)).astype(np.uint8)
            label = np.zeros((1, 64, 64), np.uint8)
            for _ in range(3):
                row, col, edge = (*draw.integers(4, 40, 2), draw.integers(10, 20))
                image[:, row : row + edge, col : col + edge] = draw.integers(170, 250)
                label[:, row : row + edge, col : col + edge] = 255
            origin = (500_000.0 + scene * 1000 + column * 32, 4_000_000.0)
            name = f"scene{scene:02d}_{column}.tif"
            write_raster(root / "chips" / name, image, origin)
            write_raster(root / "labels" / name, label, origin)
    return root / "chips", root / "labels"


@pytest.fixture(scope="session")
def model_folder(
    make_contract: Callable[..., ModelContract], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """``model_folder(bands=3, classes=2, fit="tile")``: a folder like meta/, random weights in every format."""
    import torch

    from segmint.export import dlpk, onnx, program, torchscript, weights
    from segmint.export.runtime import Exportable
    from segmint.models.deployed import DeployedModel

    made: dict[tuple[int, int, str], Path] = {}

    def make(bands: int = 3, classes: int = 2, fit: str = "tile") -> Path:
        if (bands, classes, fit) not in made:
            folder = tmp_path_factory.mktemp("a model")
            contract = make_contract(bands, classes)
            network = contract.network.model_copy(update={"architecture": "unet_small", "encoder": None})
            contract = contract.model_copy(update={"network": network, "fit": fit})
            torch.manual_seed(0)
            model = DeployedModel.from_contract(contract).eval()
            contract.write(folder / "contract.json")
            exportable = Exportable(model, contract)
            for form in (onnx, torchscript, program, weights):
                form.write(exportable, folder / form.FILE)
            dlpk.write(contract, folder / torchscript.FILE, None, folder / dlpk.FILE)
            made[bands, classes, fit] = folder
        return made[bands, classes, fit]

    return make


@pytest.fixture(scope="session")
def make_evaluation():
    """A factory: confusion matrices of chips -> an evaluation whose scores follow from them by hand formula."""

    def make(chips, classes):
        confusion = np.sum(list(chips.values()), axis=0)
        hit, truth, said = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
        per_class = {
            "iou": hit / (truth + said - hit),
            "f1": 2 * hit / (truth + said),
            "precision": hit / said,
            "recall": hit / truth,
        }
        two = len(classes) == 2
        scores = {name: float(values[1] if two else values.mean()) for name, values in per_class.items()}
        scores["acc"] = float(hit.sum() / confusion.sum())
        for name, values in per_class.items():
            scores |= {f"{name}_{label}": float(value) for label, value in zip(classes, values, strict=True)}
        share = float(truth[-1] / truth.sum())
        return Evaluation(
            split="test",
            classes=classes,
            confusion=tuple(tuple(int(count) for count in row) for row in confusion),
            scores=scores,
            baseline={"iou": share, "f1": 2 * share / (1 + share), "precision": share, "recall": 1.0, "acc": share},
            baseline_class=classes[-1],
            rivals={"pixel classifier": dict.fromkeys(scores, 0.3)},
            tiles=tuple(ChipCounts(stem, as_matrix(np.array(one))) for stem, one in chips.items()),
            pr_curve=tuple((t / 20, 0.3 + 0.03 * t, 1 - t / 20) for t in range(20)) if two else (),
        )

    return make


@pytest.fixture(scope="session")
def two_classes(make_evaluation):
    chips = {"north": [[900, 50], [30, 220]], "south": [[700, 90], [110, 300]]}
    return make_evaluation(chips, ("background", "building"))


@pytest.fixture(scope="session")
def calibration():
    from segmint.training.calibration import Calibration, Temperature

    bins = tuple((i / 10 + 0.05, (i / 10 + 0.05) ** 1.1, 1000 - 90 * i) for i in range(10))
    return Calibration(Temperature(1.734, 12, 0.03, 0.004), 0.4375, 0.0518, 0.0127, bins)


@pytest.fixture(scope="session")
def history():
    return [
        {
            "epoch": float(epoch),
            "train_loss": 1 / epoch,
            "val_loss": 0.2 + 0.01 * (epoch - 7) ** 2,
            "val_iou": 0.8 - 0.01 * abs(epoch - 8),
            "val_f1": 0.88 - 0.01 * abs(epoch - 8),
            "learning_rate": 1e-3,
        }
        for epoch in range(1, 13)
    ]
