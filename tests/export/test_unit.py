"""The unit form: what tools that divide by 255 and take the largest channel get from it."""

import json

import numpy as np
import onnxruntime
import pystac
import pytest

from export import Request, export
from segmint.contract import ModelContract
from segmint.errors import ExportError, ModelError, ParityError
from segmint.export import parity, tolerance, unit
from segmint.export.parity import ParitySample
from segmint.export.publication import Staging
from segmint.inference.models import find_model
from segmint.models.deployed import DeployedModel
from segmint.validation.bundle import Bundle
from segmint.validation.examination import examine_bundle


@pytest.fixture(scope="module")
def exported(finished_model, tmp_path_factory):
    """The finished model with its unit form alone."""
    room = tmp_path_factory.mktemp("a unit form")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(room)
        export(Request(str(finished_model), "onnx_unit", "export"))
    return room / "export"


@pytest.fixture
def sample(exported):
    """The model's own chips and answers, not those of the unit form."""
    return ParitySample.read(exported / "parity_sample.npz")


def metadata(path):
    found = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    return {key: json.loads(value) for key, value in found.items()}


def test_the_largest_channel_is_the_class_that_the_model_s_own_threshold_gives(exported, sample):
    threshold = json.loads((exported / "contract.json").read_text())["output"]["threshold"]
    assert abs(threshold - 0.5) > 1e-3  # with one half, nothing would have to be moved
    session = onnxruntime.InferenceSession(exported / "unit" / "best_model.onnx")
    answer = session.run(None, {"image": (sample.chips / 255.0).astype(np.float32)})[0]
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-6)
    clear = np.abs(sample.probabilities[:, 0] - threshold) > 1e-5
    assert (answer.argmax(axis=1) == (sample.probabilities[:, 0] >= threshold))[clear].all()
    odds = sample.probabilities[:, 0] / (1 - sample.probabilities[:, 0]) * (1 - threshold) / threshold
    np.testing.assert_allclose(answer[:, 1], odds / (1 + odds), atol=1e-4)  # Bayes' rule with other odds


def test_deepness_feeds_it_what_it_takes(exported, sample):
    facts = metadata(exported / "unit" / "best_model.onnx")
    mean, std = (np.array(facts[f"standardization_{name}"])[:, None, None] for name in ("mean", "std"))
    fed = (sample.chips / 255 - mean) / std  # the plugin's formula
    np.testing.assert_array_equal(fed, sample.chips / 255)
    assert facts["seg_thresh"] == 0
    assert facts["tile_size"] == facts["tiles_size"] == 64
    assert facts["tiles_overlap"] == 50  # what it drops of a tile is a quarter on each side
    own = metadata(exported / "best_model.onnx")
    assert own["tiles_overlap"] == 25  # predict blends


def test_the_item_alone_says_what_to_feed_it_and_what_comes_out(exported, sample):
    item = pystac.Item.from_file(exported / "unit" / "stac_item.json")
    (source,), (answer,) = item.properties["mlm:input"], item.properties["mlm:output"]
    (scaling,) = source["value_scaling"]
    low, high = scaling["minimum"], scaling["maximum"]
    (asset,) = [asset for asset in item.assets.values() if "mlm:model" in asset.roles]
    session = onnxruntime.InferenceSession(asset.get_absolute_href())
    fed = ((sample.chips - low) / (high - low)).astype(source["input"]["data_type"])
    probabilities = session.run([answer["name"]], {source["name"]: fed})[0]
    assert probabilities.shape[1:] == tuple(answer["result"]["shape"][1:])
    values = np.array([part["value"] for part in answer["classification:classes"]])
    own = ModelContract.read(exported / "contract.json")
    clear = np.abs(sample.probabilities[:, 0] - own.output.threshold) > 1e-5  # random weights answer close to it
    found, expected = values[probabilities.argmax(axis=1)], parity.classes(sample.probabilities, own)
    assert clear.mean() > 0.99
    assert (found == expected)[clear].all()
    assert item.id.endswith("-unit")


def test_everything_of_it_is_valid_and_a_moved_threshold_is_found(exported, schema_store, tmp_path):
    outcomes = list(examine_bundle(Bundle.of(exported), schema_store))
    assert not [outcome.line() for outcome in outcomes if not outcome.passed]
    assert {"unit onnx answers", "unit onnx graph", "unit item schemas"} <= {outcome.name for outcome in outcomes}
    staging = Staging(tmp_path / "staging").made()
    for name in ("contract.json", "best_model.onnx"):
        staging[name].write_bytes((exported / "unit" / name).read_bytes())
    stored = ParitySample.read(exported / "unit" / "parity_sample.npz")
    moved = stored.probabilities[:, ::-1]  # as if the channels stood the other way round
    ParitySample(stored.chips, moved, stored.stems).write(staging["parity_sample.npz"])
    with pytest.raises(ParityError, match="unit/best_model"):
        tolerance.require(unit.prove_all(staging))


def test_predict_names_the_file_to_use_instead(exported):
    with (
        pytest.raises(ModelError, match=r"takes values divided by 255.*folder above"),
        find_model(str(exported / "unit")),
    ):
        pass
    with find_model(str(exported)) as files:
        assert files.contract.input.divisor == 1
        assert files.forms["onnx"] == exported / "best_model.onnx"


def test_a_model_of_several_classes_keeps_its_answers(make_contract):
    answers = np.random.default_rng(0).random((2, 4, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(unit.answers(answers, make_contract(classes=4)), answers)


@pytest.mark.parametrize(("bands", "dtype"), [(7, "uint8"), (3, "uint16")])
def test_other_rasters_than_three_bands_of_eight_bits_are_refused_with_the_reason(
    make_contract, tmp_path, bands, dtype
):
    contract = make_contract(bands=bands)
    source = contract.input.model_copy(update={"source_dtype": dtype})
    network = contract.network.model_copy(update={"architecture": "unet_small", "encoder": None})
    contract = contract.model_copy(update={"inputs": (source,), "network": network})
    sample = ParitySample(np.zeros((1, bands, 64, 64), dtype), np.zeros((1, 1, 64, 64), np.float32), ("a",))
    staging = Staging(tmp_path / "staging").made()
    with pytest.raises(ExportError, match=f"takes {bands} bands of {dtype}; expected 3 bands of uint8"):
        unit.write(DeployedModel.from_contract(contract), contract, sample, staging)
    assert not list(tmp_path.rglob("*.onnx"))
