"""The same file, the same chips, other people's runtimes."""

import numpy as np
import pytest
import torch
from runtimes import RUNTIMES, MissingRuntimeError, Runtime, call

from segmint.export import onnx, torchscript
from segmint.export.runtime import Exportable
from segmint.export.tolerance import MAX_ABS, MIN_AGREEMENT
from segmint.interface import Band, Input, Normalisation
from segmint.models.deployed import DeployedModel


def mask(probabilities, contract):
    if probabilities.shape[1] == 1:
        return probabilities[:, 0] >= np.float32(contract.output.threshold)
    return probabilities.argmax(axis=1)


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_runtime_answers_as_the_trained_network_does(finished, name):
    runtime = RUNTIMES[name]
    answer = runtime.answer(finished.folder / f"best_model{runtime.opens}", finished.sample.chips)
    wanted = finished.sample.probabilities
    found, expected = mask(answer.probabilities, finished.contract), mask(wanted, finished.contract)
    assert len(np.unique(expected)) > 1
    assert answer.probabilities.shape == wanted.shape
    assert np.abs(answer.probabilities - wanted).max() <= MAX_ABS
    assert (found == expected).mean() >= MIN_AGREEMENT


@pytest.fixture(scope="module")
def spread(make_contract, tmp_path_factory):
    """A packed fire-spread model with random weights, its files, and histories of which one is short."""
    ages = (1, 0)
    bands = (
        *(Band(name=f"fire_t-{age}", kind="categorical", categories=(0, 1)) for age in ages),
        *(Band(name=f"wind_speed_t-{age}") for age in ages),
        *(Band(name=f"wind_direction_t-{age}", kind="circular") for age in ages),
        Band(name="elevation"),
    )
    figures = Normalisation(scale=1.0, mean=(0.0,) * 7, std=(1.0,) * 7, source="training split")
    source = Input(bands=bands, source_dtype="float32", value_range=(-1, 360), normalisation=figures)
    contract = make_contract(size=32)
    network = contract.network.model_copy(update={"architecture": "emberformer", "encoder": None})
    contract = contract.model_copy(update={"inputs": (source,), "network": network})
    torch.manual_seed(0)
    model, folder = DeployedModel.from_contract(contract).eval(), tmp_path_factory.mktemp("a spread model")
    exportable = Exportable(model, contract)
    for form in (onnx, torchscript):
        form.write(exportable, folder / form.FILE)
    chips = np.random.default_rng(0).random((3, 7, 32, 32)).astype(np.float32)
    chips[:, :2] = chips[:, :2] > 0.5
    chips[0, 0], chips[0, [2, 4]] = -1, np.nan  # no such step
    return folder, chips


@pytest.mark.parametrize("name", [name for name in RUNTIMES if name != "torch"])
def test_a_fire_s_history_is_answered_alike_everywhere(spread, name):
    folder, chips = spread
    wanted = RUNTIMES["torch"].answer(folder / torchscript.FILE, chips).probabilities
    answer = RUNTIMES[name].answer(folder / f"best_model{RUNTIMES[name].opens}", chips).probabilities
    assert np.ptp(wanted) > 1e-3
    np.testing.assert_allclose(answer, wanted, atol=MAX_ABS)


@pytest.mark.parametrize(("name", "version"), [("onnxruntime 1.17", "1.17.0"), ("torch 1.13", "1.13")])
def test_an_old_runtime_is_as_old_as_its_users_have_it(name, version):
    module = name.split()[0]
    command = [RUNTIMES[name].command, "-c", f"import {module}; print({module}.__version__)"]
    assert call(command, RUNTIMES[name].needs).startswith(version)


def test_a_runtime_that_is_missing_is_a_failure_that_says_what_to_install(tmp_path):
    runtime = Runtime("no-such-interpreter", "run_node.js", ".onnx", "Node and npm")
    with pytest.raises(MissingRuntimeError, match=r"no-such-interpreter cannot be started .*: Node and npm"):
        runtime.answer(tmp_path / "best_model.onnx", np.zeros((1, 3, 64, 64)))
