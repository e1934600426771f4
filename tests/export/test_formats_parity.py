import numpy as np
import onnx as onnx_library
import pytest
import torch

from segmint.errors import ParityError
from segmint.export import onnx, parity, program, tolerance, torchscript, weights
from segmint.export.runtime import Exportable
from segmint.models.deployed import DeployedModel

KINDS = {"pth": weights, "torchscript": torchscript, "onnx": onnx, "pt2": program}


@pytest.fixture(scope="module")
def minted(make_contract, tmp_path_factory):
    """A random network with every format of it, and a sample answered by formula around the bare network."""
    contract = make_contract(nodata=0.0)
    torch.manual_seed(0)
    model = DeployedModel.from_contract(contract).eval()
    folder = tmp_path_factory.mktemp("formats")
    exportable = Exportable(model, contract)
    for kind in KINDS.values():
        kind.write(exportable, folder / kind.FILE)
    raw = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64)).astype(np.uint8)
    mean = torch.tensor(contract.normalisation.mean)[:, None, None]
    std = torch.tensor(contract.normalisation.std)[:, None, None]
    with torch.no_grad():
        logits = model.network((torch.from_numpy(raw).float() / 255 - mean) / std)
    reference = (1 / (1 + np.exp(-logits.numpy() / contract.output.temperature))).astype(np.float32)
    return contract, folder, parity.ParitySample(raw, reference, ("a", "b", "c"))


def test_the_graph_is_captured_once_for_all_formats(make_contract, tmp_path, monkeypatch):
    contract, calls, capture = make_contract(), [], torch.export.export
    monkeypatch.setattr(torch.export, "export", lambda *given, **named: calls.append(1) or capture(*given, **named))
    exportable = Exportable(DeployedModel.from_contract(contract).eval(), contract)
    for kind in KINDS.values():
        kind.write(exportable, tmp_path / kind.FILE)
    assert calls == [1]


@pytest.mark.parametrize("name", KINDS)
def test_every_format_answers_like_the_network_for_any_batch(minted, name):
    contract, folder, sample = minted
    kind = KINDS[name]
    proof = parity.prove(name, kind, folder / kind.FILE, sample, contract)
    assert proof.passed
    assert proof.max_abs < 1e-4
    single = kind.reopen(folder / kind.FILE, contract)(sample.chips[:1].astype(np.float32))
    np.testing.assert_allclose(single, sample.probabilities[:1], atol=1e-4)


def test_the_onnx_file_is_what_old_runtimes_read(minted):
    _, folder, _ = minted
    proto = onnx_library.load(folder / onnx.FILE)
    assert proto.ir_version == 8
    assert [entry.version for entry in proto.opset_import if entry.domain == ""] == [18]
    shape = proto.graph.input[0].type.tensor_type.shape.dim
    assert (shape[0].dim_param, [d.dim_value for d in shape[1:]]) == ("batch", [3, 64, 64])
    assert not (folder / (onnx.FILE + ".data")).exists()


@pytest.mark.parametrize("fault", ["temperature", "mean", "swapped bands", "second sigmoid"])
def test_a_planted_fault_fails_the_proof(minted, fault, tmp_path):
    contract, folder, sample = minted
    state = torch.load(folder / weights.FILE, weights_only=True)
    answer = sample
    match fault:
        case "temperature":
            state["temperature"] = torch.tensor(1.0)
        case "mean":
            state["normalisation.mean"] = state["normalisation.mean"] + 0.01
        case "swapped bands":
            answer = parity.ParitySample(sample.chips[:, ::-1].copy(), sample.probabilities, sample.stems)
        case "second sigmoid":
            twice = 1 / (1 + np.exp(-sample.probabilities))
            answer = parity.ParitySample(sample.chips, twice, sample.stems)
    torch.save(state, tmp_path / weights.FILE)
    proof = parity.prove("pth", weights, tmp_path / weights.FILE, answer, contract)
    with pytest.raises(ParityError, match="best_model"):
        tolerance.require([proof])
