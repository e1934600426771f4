"""The series form of a spread model: four tensors, any length, the packed form's own answer."""

import json

import numpy as np
import onnx as onnx_library
import pytest
import torch
from spread import SIZE

from segmint.contract import ModelContract
from segmint.export import series, stac
from segmint.export.assets import model_files
from segmint.export.catalogue import catalogue
from segmint.export.publication import Staging
from segmint.export.runtime import torch_predict
from segmint.export.stac_checks import contract_errors, semantic_errors
from segmint.export.stac_schemas import validate
from segmint.models.deployed import rebuilt


@pytest.fixture(scope="module")
def staged(spread_contract, sample_and_model, tmp_path_factory) -> Staging:
    sample, model = sample_and_model
    staging = Staging.empty(tmp_path_factory.mktemp("run") / "series")
    series.write(model, spread_contract, sample, staging)
    return staging


def test_every_format_answers_as_the_packed_form_with_and_without_padding(staged):
    proofs = series.prove_all(staged)
    assert [proof.format for proof in proofs] == ["series_pth", "series_torchscript", "series_onnx", "series_pt2"]
    assert all(proof.passed and proof.max_abs < 1e-5 for proof in proofs), proofs


@pytest.mark.parametrize(
    ("tensor", "change"),
    [
        ("wind", lambda wind: wind[:, :, ::-1]),
        ("valid_t", np.ones_like),
        ("static", np.zeros_like),
        ("fire", np.ones_like),
    ],
)
def test_every_tensor_has_a_say(sample_and_model, spread_contract, staged, tensor, change):
    sample = series.SeriesSample.of(sample_and_model[0], spread_contract)
    arrays = dict(zip(("fire", "wind", "static", "valid_t"), sample.inputs, strict=True))
    arrays[tensor] = np.ascontiguousarray(change(arrays[tensor]))
    contract = ModelContract.read(staged["contract.json"])
    predict = series.FORMATS["onnx"].reopen(staged["best_model.onnx"], contract)
    assert np.abs(predict(*arrays.values()) - sample.probabilities).max() > 1e-3


def test_what_padded_steps_hold_is_never_used(sample_and_model, spread_contract, staged):
    sample = series.SeriesSample.of(sample_and_model[0], spread_contract)
    padded = sample.valid_t == 0
    sample.fire[padded], sample.wind[padded] = 7, 1e6
    contract = ModelContract.read(staged["contract.json"])
    for kind in series.FORMATS.values():
        answer = kind.reopen(staged[kind.FILE], contract)(*sample.inputs)
        np.testing.assert_allclose(answer, sample.probabilities, atol=1e-5)


def test_the_onnx_file_names_its_tensors_and_free_axes(staged):
    graph = onnx_library.load(staged["best_model.onnx"]).graph
    shapes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in graph.input
    }
    assert shapes == {
        "fire": ["batch", "time", SIZE, SIZE],
        "wind": ["batch", "time", 3],
        "static": ["batch", 2, SIZE, SIZE],
        "valid_t": ["batch", "time"],
    }


def test_the_item_of_the_series_form_is_its_own_and_valid(spread_contract, staged, schema_store):
    described = ModelContract.read(staged["contract.json"])
    content = stac.item(described, model_files(staged.root))
    content = json.loads(json.dumps(content))
    assert content["id"].endswith("-series")
    assert [part["name"] for part in content["properties"]["mlm:input"]] == ["fire", "wind", "static", "valid_t"]
    assert validate(content, schema_store).errors == ()
    assert semantic_errors(content, staged["stac_item.json"].parent) == []
    assert contract_errors(content, described) == []
    assert contract_errors(content, spread_contract) != []
    catalogue(described, staged)
    assert staged["stac_item.json"].is_file()


def test_the_state_dict_alone_rebuilds_the_series_form(sample_and_model, spread_contract, staged):
    sample = series.SeriesSample.of(sample_and_model[0], spread_contract)
    model = rebuilt(ModelContract.read(staged["contract.json"])).eval()
    model.load_state_dict(torch.load(staged["best_model.pth"], weights_only=True))
    np.testing.assert_allclose(torch_predict(model)(*sample.inputs), sample.probabilities, atol=1e-5)
