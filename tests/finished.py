"""A tiny finished model, proven and published as a run leaves it: random weights, a sample answered by formula."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from segmint.contract import ModelContract
from segmint.export import card, formats, parity
from segmint.export.catalogue import catalogue
from segmint.export.parity import ParitySample
from segmint.export.publication import Staging, publish
from segmint.layout import FILES
from segmint.models.deployed import DeployedModel
from segmint.training.evaluation import Evaluation

SCORES = dict.fromkeys(("iou", "f1", "precision", "recall", "acc"), 0.5)


def answered_by_hand(model: DeployedModel, contract: ModelContract) -> ParitySample:
    """Raw chips and ``1 / (1 + exp(-logits / temperature))`` of the bare network."""
    chips = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64)).astype(np.uint8)
    mean, std = (torch.tensor(f)[:, None, None] for f in (contract.normalisation.mean, contract.normalisation.std))
    with torch.no_grad():
        logits = model.network((torch.from_numpy(chips).float() / 255 - mean) / std).numpy()
    return ParitySample(chips, 1 / (1 + np.exp(-logits / contract.output.temperature)), ("a", "b", "c"))


@pytest.fixture(scope="session")
def finished_run(make_contract: Callable[..., ModelContract], tmp_path_factory: pytest.TempPathFactory) -> Staging:
    """The artifacts of a run, as training stages them."""
    torch.manual_seed(0)
    contract = make_contract()
    network = contract.network.model_copy(update={"architecture": "unet_small", "encoder": None})
    contract = contract.model_copy(update={"network": network})
    model = DeployedModel.from_contract(contract).eval()
    sample = answered_by_hand(model, contract)
    median = float(np.median(sample.probabilities))
    staging = Staging.empty(tmp_path_factory.mktemp("runs") / "a run" / "staging")
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
    parity.require(proofs)
    parity.write(proofs, contract, staging["parity.json"])
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
