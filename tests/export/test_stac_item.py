import copy
import json
import shutil

import pystac
import pytest
from places import SHARED

from segmint.export import assets, stac
from segmint.export.assets import model_files
from segmint.export.stac_checks import contract_errors, semantic_errors
from segmint.export.stac_schemas import SchemaStore, validate


@pytest.fixture
def artifacts(tmp_path):
    """Files laid out as a run's artifacts, with content of their own."""
    for name in assets._KNOWN:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"content of {name}")
    return tmp_path


def placed(contract):
    box = (30.0, 36.0, 30.1, 36.1)
    return contract.model_copy(update={"dataset": contract.dataset.model_copy(update={"bbox_wgs84": box})})


@pytest.mark.parametrize(("bands", "classes", "georeference"), [(3, 2, True), (7, 5, False)])
def test_the_item_is_valid_against_every_published_schema(
    make_contract, artifacts, schema_store, bands, classes, georeference
):
    contract = make_contract(bands=bands, classes=classes)
    contract = placed(contract) if georeference else contract
    content = stac.item(contract, model_files(artifacts))
    report = validate(content, schema_store)
    assert report.errors == ()
    assert report.missing == {}
    assert len(report.checked) == 6
    assert semantic_errors(content, artifacts / "metadata") == []
    assert contract_errors(content, contract) == []
    assert len(content["assets"]) == len(assets._KNOWN)
    assert (content["geometry"] is None) == (not georeference)


def test_other_stac_software_reads_it_back(make_contract, artifacts):
    content = stac.item(placed(make_contract()), model_files(artifacts))
    read = pystac.Item.from_dict(json.loads(json.dumps(content)))
    assert read.bbox == [30.0, 36.0, 30.1, 36.1]
    from stac_model.schema import MLModelProperties

    properties = MLModelProperties.model_validate(
        {key.removeprefix("mlm:"): value for key, value in read.properties.items() if key.startswith("mlm:")}
    )
    assert properties.input[0].input.shape == [-1, 3, 64, 64]
    assert properties.output[0].classes[1].name == "class1"


def spoil(item, artifacts, fault):
    """Plant one fault; the item and its files are otherwise right."""
    properties, assets = item["properties"], item["assets"]
    source, answer = properties["mlm:input"][0], properties["mlm:output"][0]
    match fault:
        case "no architecture":
            del properties["mlm:architecture"]
        case "accelerator cpu":
            properties["mlm:accelerator"] = "cpu"
        case "channel dimension":
            source["input"]["dim_order"][1] = "channel"
        case "unknown field":
            properties["mlm:colour"] = "red"
        case "short version":
            properties["mlm:framework_version"] = "2.15"
        case "model without artifact type":
            del assets["onnx"]["mlm:artifact_type"]
        case "no bands in properties":
            del properties["bands"]
        case "bbox without geometry":
            item["geometry"] = None
        case "undefined band":
            source["bands"][0] = "ultraviolet"
        case "band count":
            source["input"]["shape"][1] = 4
        case "dimension count":
            answer["result"]["shape"].append(3)
        case "size zero":
            source["input"]["shape"][2] = 0
        case "two classes of one value":
            answer["classification:classes"][1]["value"] = 0
        case "class count":
            answer["result"]["shape"][1] = 7
        case "scaling count":
            source["value_scaling"] = [{"type": "offset", "value": 1}] * 2
        case "pretrained without source":
            properties["mlm:pretrained"] = True
        case "source without pretrained":
            properties["mlm:pretrained_source"] = "ImageNet"
        case "other interface":
            assets["onnx"]["bands"] = assets["onnx"]["bands"][::-1]
        case "absolute path":
            assets["onnx"]["href"] = "/home/someone/best_model.onnx"
        case "missing file":
            (artifacts / "models" / "best_model.pt").unlink()
        case "stale checksum":
            (artifacts / "models" / "best_model.pt").write_text("CONTENT of models/best_model.pt")
        case "wrong size":
            (artifacts / "models" / "best_model.pt").write_text("longer than it was before")


FAULTS = (
    "no architecture",
    "accelerator cpu",
    "channel dimension",
    "unknown field",
    "short version",
    "model without artifact type",
    "no bands in properties",
    "bbox without geometry",
    "undefined band",
    "band count",
    "dimension count",
    "size zero",
    "two classes of one value",
    "class count",
    "scaling count",
    "pretrained without source",
    "source without pretrained",
    "other interface",
    "absolute path",
    "missing file",
    "stale checksum",
    "wrong size",
)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(make_contract, artifacts, schema_store, fault):
    content = stac.item(placed(make_contract()), model_files(artifacts))
    spoil(content, artifacts, fault)
    assert validate(content, schema_store).errors or semantic_errors(content, artifacts / "metadata")


def test_a_contract_that_says_otherwise_is_found(make_contract, artifacts):
    content = stac.item(make_contract(), model_files(artifacts))
    assert contract_errors(content, make_contract(bands=4))
    assert contract_errors(content, make_contract(classes=3))


def test_a_schema_that_cannot_be_had_is_named_and_never_passes(make_contract, artifacts, schema_store, tmp_path):
    content = stac.item(make_contract(), model_files(artifacts))
    folder = tmp_path / "schemas"
    shutil.copytree(SHARED / "stac-schemas", folder)
    index = json.loads((folder / "index.json").read_text())
    del index[stac.MLM]
    (folder / "index.json").write_text(json.dumps(index))
    report = validate(content, SchemaStore.of_folder(folder))
    assert list(report.missing) == [stac.MLM]
    assert "not checked" in report.sentence()
    unknown = copy.deepcopy(content)
    unknown["stac_extensions"].append("https://stac-extensions.github.io/nothing/v9/schema.json")
    assert validate(unknown, schema_store).missing
