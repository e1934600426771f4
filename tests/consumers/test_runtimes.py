"""The same file, the same chips, other people's runtimes."""

import numpy as np
import pytest
from runtimes import RUNTIMES, MissingRuntimeError, Runtime, call

from segmint.export.parity import MAX_ABS, MIN_AGREEMENT


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


@pytest.mark.parametrize(("name", "version"), [("onnxruntime 1.17", "1.17.0"), ("torch 1.13", "1.13")])
def test_an_old_runtime_is_as_old_as_its_users_have_it(name, version):
    module = name.split()[0]
    command = [RUNTIMES[name].command, "-c", f"import {module}; print({module}.__version__)"]
    assert call(command, RUNTIMES[name].needs).startswith(version)


def test_a_runtime_that_is_missing_is_a_failure_that_says_what_to_install(tmp_path):
    runtime = Runtime("no-such-interpreter", "run_node.js", ".onnx", "Node and npm")
    with pytest.raises(MissingRuntimeError, match=r"no-such-interpreter cannot be started .*: Node and npm"):
        runtime.answer(tmp_path / "best_model.onnx", np.zeros((1, 3, 64, 64)))
