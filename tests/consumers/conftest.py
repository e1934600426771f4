"""Finished models whose files other people's runtimes open."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from e2e_settings import start_training
from torch import nn

from segmint.contract import ModelContract
from segmint.export import onnx, torchscript
from segmint.export.parity import ParitySample
from segmint.export.runtime import Exportable
from segmint.models.deployed import DeployedModel


@dataclass(frozen=True)
class Finished:
    """A folder as ``meta/``, what its contract says, and chips with the trained network's answers."""

    folder: Path
    contract: ModelContract
    sample: ParitySample


@pytest.fixture(scope="session")
def trained(bright_squares, tmp_path_factory) -> Finished:
    """A model that a run has trained on bright squares, 3 bands and one sigmoid; its chips are test chips."""
    room = tmp_path_factory.mktemp("a trained model")
    process = start_training(room, bright_squares, "--training.batch_size=4", "--epochs=8")
    _, errors = process.communicate()
    assert process.returncode == 0, errors[-3000:]
    meta = room / "meta"
    sample = ParitySample.read(meta / "parity_sample.npz")
    return Finished(meta, ModelContract.read(meta / "contract.json"), sample)


@pytest.fixture(scope="session")
def many_bands(make_contract, tmp_path_factory) -> Finished:
    """Random weights, 7 bands and 4 classes; answers of the bare network, with normalisation and softmax in numpy."""
    contract = make_contract(bands=7, classes=4)
    network = contract.network.model_copy(update={"architecture": "unet_small", "encoder": None})
    contract = contract.model_copy(update={"network": network})
    torch.manual_seed(0)
    model = DeployedModel.from_contract(contract).eval()
    chips = np.random.default_rng(0).integers(0, 256, (3, 7, 64, 64)).astype(np.uint8)
    mean, std = (np.array(f)[:, None, None] for f in (contract.normalisation.mean, contract.normalisation.std))
    channels = torch.from_numpy((chips / 255 - mean) / std).float()
    last = [module for module in model.network.modules() if isinstance(module, nn.Conv2d)][-1]
    with torch.no_grad():
        last.bias -= model.network(channels).mean(dim=(0, 2, 3))  # every class is somewhere the largest
        logits = model.network(channels).double().numpy()
    powers = np.exp(logits / contract.output.temperature)
    probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    folder = tmp_path_factory.mktemp("a model of many bands")
    exportable = Exportable(model, contract)
    for form in (onnx, torchscript):
        form.write(exportable, folder / form.FILE)
    return Finished(folder, contract, ParitySample(chips, probabilities, ("a", "b", "c")))


@pytest.fixture(params=["trained", "many_bands"])
def finished(request) -> Finished:
    """Both, one after the other."""
    return request.getfixturevalue(request.param)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("consumers")
