import copy
import hashlib
import json

import pytest
from packaging.version import Version

from segmint.contract import ModelContract
from segmint.export import stac
from segmint.export.assets import model_files
from segmint.export.stac_checks import contract_errors, semantic_errors
from segmint.export.stac_schemas import validate


@pytest.fixture
def artifacts(tmp_path):
    for name in ("models/best_model.onnx", "models/best_model.pt", "metadata/contract.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"content of {name}")
    return tmp_path


def changed(contract, part=None, **values):
    """A contract, validated anew, with other values in one of its parts or at its top."""
    content = contract.model_dump()
    (content[part] if part else content).update(values)
    return ModelContract.model_validate(content)


def places(node, path=()):
    """Every path to a value inside nested JSON."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def test_only_files_that_exist_become_assets_with_their_true_size_and_checksum(make_contract, artifacts):
    assets = stac.item(make_contract(), model_files(artifacts))["assets"]
    assert {asset["href"] for asset in assets.values()} == {
        "../models/best_model.onnx",
        "../models/best_model.pt",
        "../metadata/contract.json",
    }
    for asset in assets.values():
        content = (artifacts / "metadata" / asset["href"]).read_bytes()
        assert asset["file:size"] == len(content)
        assert asset["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "torch", ["2.9.1", "2.15.0+cu128", "2.9.0rc1", "2.9.0a0+50eac811a6.nv25.09", "2.11.0.dev20260101+cpu"]
)
def test_every_kind_of_torch_build_makes_a_valid_item(make_contract, artifacts, schema_store, torch):
    content = stac.item(changed(make_contract(), environment={"torch": torch}), model_files(artifacts))
    assert validate(content, schema_store).errors == ()
    stated = content["properties"]["mlm:framework_version"]
    assert Version(stated.replace("-", "")).release == Version(torch).release
    assert ("-" in stated) == Version(torch).is_prerelease
    assert content["properties"]["processing:software"]["torch"] == torch


def test_the_time_of_the_item_is_the_range_of_the_training_data_where_known(make_contract, artifacts, schema_store):
    start, end = "2025-01-02T00:00:00Z", "2025-06-07T00:00:00Z"
    content = stac.item(changed(make_contract(), "dataset", start=start, end=end), model_files(artifacts))
    properties = content["properties"]
    assert [properties[key] for key in ("datetime", "start_datetime", "end_datetime")] == [None, start, end]
    assert validate(content, schema_store).errors == ()
    assert semantic_errors(content, artifacts / "metadata") == []
    open_ended = stac.item(changed(make_contract(), "dataset", start=start), [])["properties"]
    assert open_ended["datetime"] == "2026-01-02T03:04:05Z"
    assert "start_datetime" not in open_ended


def test_checks_of_a_broken_item_name_errors_and_never_raise(make_contract, artifacts):
    contract = changed(make_contract(), "dataset", bbox_wgs84=(30.0, 36.0, 30.1, 36.1))
    content = stac.item(contract, model_files(artifacts))
    removable = {"license", "mlm:name", "mlm:total_parameters", "mlm:pretrained"}
    for path in places(content):
        for value in ("removed", None, "text", 7, [], {}):
            broken = copy.deepcopy(content)
            parent = broken
            for key in path[:-1]:
                parent = parent[key]
            if value == "removed":
                del parent[path[-1]]
            else:
                parent[path[-1]] = value
            found = [*semantic_errors(broken, artifacts / "metadata"), *contract_errors(broken, contract)]
            assert all(isinstance(error, str) for error in found)
            if value == "removed" and path[-1] in removable and path[0] == "properties" and len(path) == 2:
                assert found, path


@pytest.mark.parametrize(
    "href",
    [
        "/srv/best_model.onnx",
        "file:///srv/best_model.onnx",
        "C:\\models\\best_model.onnx",
        "c:/m.onnx",
        "\\\\nas\\share\\m",
    ],
)
def test_a_path_of_one_machine_is_refused(make_contract, artifacts, href):
    content = stac.item(make_contract(), model_files(artifacts))
    content["assets"]["onnx"]["href"] = href
    assert any("absolute" in error for error in semantic_errors(content))


def test_an_address_on_the_web_is_left_alone(make_contract, artifacts):
    content = stac.item(make_contract(), model_files(artifacts))
    content["assets"]["onnx"]["href"] = "s3://models/best_model.onnx"
    assert semantic_errors(content, artifacts / "metadata") == []


def test_the_machine_of_the_training_is_stated_and_no_accelerator_is_asked_for(make_contract, artifacts, schema_store):
    """MLM 1.5: ``mlm:accelerator_count`` is the minimum that is required to run the model."""
    environment = {"torch": "2.9.0", "platform": "Linux", "memory_total_gib": "15.6", "gpu_count": "2"}
    environment["gpu_0_name"] = "A GPU"
    content = stac.item(changed(make_contract(), environment=environment), model_files(artifacts))
    report = validate(content, schema_store)
    assert (report.errors, report.missing) == ((), {})
    assert content["properties"]["segmint:environment"] == environment
    assert content["properties"]["mlm:accelerator_summary"] == "Trained on A GPU"
    assert "mlm:accelerator_count" not in content["properties"]


def test_an_item_from_before_the_machine_was_stated_is_still_true(make_contract, artifacts):
    content = stac.item(make_contract(), model_files(artifacts))
    del content["properties"]["segmint:environment"]
    assert contract_errors(content, make_contract()) == []


SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
CONTRADICTIONS = {
    "no such day": {"datetime": "2026-02-30T00:00:00Z"},
    "range backwards": {"start_datetime": "2026-05-01T00:00:00Z", "end_datetime": "2026-01-01T00:00:00Z"},
    "bbox elsewhere": {"bbox": [5, 5, 6, 6], "geometry": SQUARE},
    "geometry of no kind": {"bbox": [0, 0, 1, 1], "geometry": {"type": "Blob", "coordinates": []}},
}


@pytest.mark.parametrize("fault", CONTRADICTIONS)
def test_times_and_places_that_contradict_are_found(make_contract, artifacts, fault):
    content = stac.item(make_contract(), model_files(artifacts))
    for key, value in CONTRADICTIONS[fault].items():
        (content if key in ("bbox", "geometry") else content["properties"])[key] = value
    assert len(semantic_errors(content, artifacts / "metadata")) == 1


def test_a_ground_that_the_contract_does_not_know_is_found(make_contract, artifacts):
    content = stac.item(make_contract(), model_files(artifacts)) | {"bbox": [0, 0, 1, 1], "geometry": SQUARE}
    assert semantic_errors(content) == []
    assert [error.partition(":")[0] for error in contract_errors(content, make_contract())] == ["bbox"]


TAMPERED = {
    "classes": ("mlm:output", 0, "classification:classes", 1, "color_hint", "FFFFFF"),
    "threshold": ("mlm:hyperparameters", "threshold", 0.9),
    "temperature": ("mlm:hyperparameters", "temperature_inside_the_graph", 1.0),
    "normalisation": ("mlm:hyperparameters", "normalisation_inside_the_graph", "image", "scale", 1.0),
    "image value scaling": ("mlm:input", 0, "value_scaling", [{"type": "scale", "value": 255}]),
    "image type": ("mlm:input", 0, "input", "data_type", "uint8"),
    "memory": ("mlm:memory_size", 1),
    "framework": ("mlm:framework_version", "1.0.0"),
    "metrics": ("segmint:metrics", "test_iou", 0.99),
    "environment": ("segmint:environment", "torch", "2.8.0"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_statement_that_the_contract_does_not_make_is_found_by_its_name(make_contract, artifacts, name):
    content = stac.item(make_contract(), model_files(artifacts))
    *path, key, value = TAMPERED[name]
    parent = content["properties"]
    for part in path:
        parent = parent[part]
    parent[key] = value
    assert [error.partition(":")[0] for error in contract_errors(content, make_contract())] == [name]


def test_bands_renamed_throughout_the_item_still_contradict_the_contract(make_contract, artifacts):
    content = stac.item(make_contract(), model_files(artifacts))
    swapped = json.dumps(content).replace('"red"', '"?"').replace('"blue"', '"red"').replace('"?"', '"blue"')
    content = json.loads(swapped)
    assert semantic_errors(content) == []
    assert contract_errors(content, make_contract())


def test_writing_leaves_no_part_behind(make_contract, artifacts):
    content = stac.item(make_contract(), model_files(artifacts))
    path = artifacts / "metadata" / "stac_item.json"
    stac.write({"old": True}, path)
    stac.write(content, path)
    assert json.loads(path.read_text()) == content
    assert [file.name for file in path.parent.glob("*.part")] == []
