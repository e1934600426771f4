"""A whole model passes every check; a fault that is planted into it is found by the check that is for it."""

import re
import shutil

import pytest
from faults import FAULTS
from places import REPOSITORY

from segmint.export.stac_schemas import SchemaStore
from segmint.validation.examination import examine

NO_SCHEMAS = SchemaStore({}, cache=None)

EVERY_CHECK = """contract / sample / parity.json / model card
pth answers / pth figures / torchscript answers / torchscript contract
onnx answers / onnx contract / onnx graph / onnx metadata / pt2 answers / pt2 contract
esri definition / dlpk layout / dlpk definition / dlpk answers
item schemas / item statements / item files"""
EVERY_CHECK = EVERY_CHECK.replace("\n", " / ").split(" / ")


def test_a_whole_model_passes_every_check(finished_model, schema_store):
    outcomes = list(examine(str(finished_model), schema_store))
    assert [outcome.line() for outcome in outcomes if not outcome.passed] == []
    assert [outcome.name for outcome in outcomes] == EVERY_CHECK


def test_the_artifacts_of_a_run_pass_as_they_lie_there(finished_run, schema_store):
    outcomes = list(examine(str(finished_run.root), schema_store))
    assert [outcome.line() for outcome in outcomes if not outcome.passed] == []
    assert [outcome.name for outcome in outcomes] == EVERY_CHECK


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_by_its_check(finished_model, request, tmp_path, name):
    planted = FAULTS[name]
    schemas = NO_SCHEMAS if planted.target != "stac_item.json" else request.getfixturevalue("schema_store")
    folder = tmp_path / "meta"
    shutil.copytree(finished_model, folder)
    planted.plant(folder)
    target = folder if planted.target == "." else folder / planted.target
    first = next(outcome for outcome in examine(str(target), schemas) if not outcome.passed)
    assert first.name == planted.found_by, first.line()
    assert "\n" not in first.line()
    assert re.search(r"(; expected .+|: .+)\. [A-Z].+", first.finding), first.line()


@pytest.mark.parametrize("target", sorted({planted.target for planted in FAULTS.values()} - {"."}))
def test_a_whole_file_passes_alone(finished_model, request, target):
    schemas = NO_SCHEMAS if target != "stac_item.json" else request.getfixturevalue("schema_store")
    outcomes = list(examine(str(finished_model / target), schemas))
    assert [outcome.line() for outcome in outcomes if not outcome.passed] == []
    assert {planted.found_by for planted in FAULTS.values() if planted.target == target} <= {
        *(outcome.name for outcome in outcomes),
        "checksum",
    }


def test_the_documented_faults_are_those_that_are_planted():
    page = (REPOSITORY / "docs" / "validate.md").read_text()
    table = page.split("| planted fault | found by |\n|---|---|\n")[1].split("\n\n")[0].splitlines()
    assert table == [f"| {name} | {planted.found_by} |" for name, planted in FAULTS.items()]
