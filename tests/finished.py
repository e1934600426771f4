"""Tiny finished models, proven and published as a run or an export leaves them, their samples answered by formula."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from export import Request, export
from segmint.contract import ModelContract
from segmint.export import card, formats, tolerance, weights
from segmint.export.catalogue import catalogue
from segmint.export.parity import ParitySample
from segmint.export.publication import Staging, publish
from segmint.export.runtime import Exportable
from segmint.layout import FILES
from segmint.models.deployed import DeployedModel
from segmint.training.evaluation import Evaluation

SCORES = dict.fromkeys(("iou", "f1", "precision", "recall", "acc"), 0.5)


def answered_by_hand(model: DeployedModel, contract: ModelContract, chips: np.ndarray) -> ParitySample:
    """Three raw chips and ``1 / (1 + exp(-logits / temperature))`` of the bare network."""
    mean, std = (torch.tensor(f)[:, None, None] for f in (contract.normalisation.mean, contract.normalisation.std))
    with torch.no_grad():
        logits = model.network((torch.from_numpy(chips).float() / 255 - mean) / std).numpy()
    return ParitySample(chips, 1 / (1 + np.exp(-logits / contract.output.temperature)), ("a", "b", "c"))


@pytest.fixture(scope="session")
def finished_run(make_contract: Callable[..., ModelContract], tmp_path_factory: pytest.TempPathFactory) -> Staging:
    """The artifacts of a run, as training stages them."""
    return staged(make_contract(), tmp_path_factory.mktemp("runs") / "a run" / "staging")


@pytest.fixture(scope="session")
def finished_whole(make_contract: Callable[..., ModelContract], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published folder of a model of whole images."""
    room = tmp_path_factory.mktemp("runs of a model of whole images")
    contract = make_contract().model_copy(update={"fit": "letterbox"})
    publish(staged(contract, room / "a run" / "staging"), room / "meta")
    return room / "meta"


def staged(contract: ModelContract, folder: Path) -> Staging:
    """Every file of a model with random weights, its sample answered by formula."""
    torch.manual_seed(0)
    network = contract.network.model_copy(update={"architecture": "unet_small", "encoder": None})
    contract = contract.model_copy(update={"network": network})
    model = DeployedModel.from_contract(contract).eval()
    chips = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64)).astype(np.uint8)
    sample = answered_by_hand(model, contract, chips)
    median = float(np.median(sample.probabilities))
    staging = Staging.empty(folder)
    contract = contract.model_copy(
        update={
            "parity_sample": sample.write(staging["parity_sample.npz"]),
            "output": contract.output.model_copy(update={"threshold": median}),  # both classes occur
            "network": network.model_copy(
                update={"parameters": sum(value.numel() for value in model.network.parameters())}
            ),
        }
    )
    contract.write(staging["contract.json"])
    formats.write(model, contract, sample, staging)
    proofs = formats.prove_all(contract, sample, staging)
    tolerance.require(proofs)
    tolerance.write(proofs, contract, staging["parity.json"])
    scores = SCORES | {f"{score}_{name}": 0.5 for score in SCORES for name in contract.class_names}
    evaluation = Evaluation("test", contract.class_names, ((1, 0), (0, 1)), scores, scores, "class0", {}, (), ())
    card.write(staging["model_card.md"], contract, evaluation, [vars(proof) | {"passed": True} for proof in proofs])
    for name in FILES:
        if not staging[name].is_file():
            staging[name].write_text(f"stands for {name}")
    catalogue(contract, staging)
    return staging


@pytest.fixture(scope="session")
def finished_model(finished_run: Staging, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published folder."""
    folder = tmp_path_factory.mktemp("a finished model") / "meta"
    publish(finished_run, folder)
    return folder


@pytest.fixture(scope="session")
def finished_forms(
    make_contract: Callable[..., ModelContract],
    bright_squares: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The published folder of a model with its unit form and its smaller files; it has seen its chips for a moment."""
    room = tmp_path_factory.mktemp("a model with other forms")
    torch.manual_seed(0)
    contract = make_contract()
    network = contract.network.model_copy(update={"architecture": "unet_small", "encoder": None})
    contract = contract.model_copy(update={"network": network})
    model = DeployedModel.from_contract(contract)
    stems, chips, labels = _read(*bright_squares)
    _show(model, chips[3:], labels[3:])
    sample = answered_by_hand(model.eval(), contract, chips[:3].numpy())
    meta = room / "meta"
    meta.mkdir()
    weights.write(Exportable(model, contract), meta / weights.FILE)
    parameters = sum(value.numel() for value in model.network.parameters())
    network = network.model_copy(update={"parameters": parameters})
    digest = sample.write(meta / "parity_sample.npz")
    contract.model_copy(update={"parity_sample": digest, "network": network}).write(meta / "contract.json")
    rows = ("chip,iou,...", *(f"{stem},,1,1,1,1" for stem in stems[:3]))
    (meta / "test_chips.csv").write_text("".join(f"{row}\n" for row in rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(room)
        wanted = "pth,onnx,onnx_unit,onnx_fp16,onnx_int8"
        export(Request("meta", wanted, "whole", *(str(folder) for folder in bright_squares)))
    return room / "whole"


@pytest.fixture(scope="session")
def finished_spread(
    spread_contract: ModelContract,
    sample_and_model: tuple[ParitySample, DeployedModel],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The published folder of a spread model with its series form, as ONNX alone."""
    room = tmp_path_factory.mktemp("a model with a series form")
    sample, model = sample_and_model
    meta = room / "meta"
    meta.mkdir()
    weights.write(Exportable(model, spread_contract), meta / weights.FILE)
    digest = sample.write(meta / "parity_sample.npz")
    spread_contract.model_copy(update={"parity_sample": digest}).write(meta / "contract.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(room)
        export(Request("meta", "onnx", "whole"))
    return room / "whole"


def _read(chips: Path, labels: Path) -> tuple[list[str], torch.Tensor, torch.Tensor]:
    """Names of the chips, their values and 1 where the label is a square."""
    arrays = []
    paths = sorted(chips.iterdir())
    for path in (*paths, *(labels / path.name for path in paths)):
        with rasterio.open(path) as source:
            arrays.append(torch.from_numpy(source.read()))
    values, answers = torch.stack(arrays[: len(paths)]), torch.stack(arrays[len(paths) :])
    return [path.stem for path in paths], values, (answers > 0).float()


def _show(model: DeployedModel, chips: torch.Tensor, labels: torch.Tensor) -> None:
    """A few steps, so that smaller files are as sure of the answer as their gates ask."""
    steps = torch.optim.Adam(model.parameters(), 1e-2)
    for step in range(16):
        batch = (torch.arange(4) + 4 * step) % len(chips)
        loss = torch.nn.functional.binary_cross_entropy(model(chips[batch].float()), labels[batch])
        steps.zero_grad()
        loss.backward()
        steps.step()
