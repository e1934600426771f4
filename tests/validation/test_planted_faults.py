"""A whole model passes every check; a fault that is planted into it is found by the check that is for it."""

import re
import shutil
from pathlib import Path

import pytest
from faults import FAULTS
from places import REPOSITORY

from segmint.export.stac_schemas import SchemaStore
from segmint.layout import FORMS
from segmint.validation.examination import examine

NO_SCHEMAS = SchemaStore({}, cache=None)
WHOLE = {(planted.model, ".") for planted in FAULTS.values()}

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


def test_a_model_of_whole_images_passes_every_check(finished_whole, schema_store):
    outcomes = list(examine(str(finished_whole), schema_store))
    assert [outcome.line() for outcome in outcomes if not outcome.passed] == []
    assert [outcome.name for outcome in outcomes] == EVERY_CHECK


@pytest.mark.parametrize("model", ["finished_forms", "finished_spread"])
def test_other_forms_and_smaller_files_pass_every_check(request, schema_store, model):
    outcomes = list(examine(str(request.getfixturevalue(model)), schema_store))
    assert [outcome.line() for outcome in outcomes if not outcome.passed] == []
    names = {outcome.name for outcome in outcomes}
    planted = {(fault.target, fault.found_by) for fault in FAULTS.values() if fault.model == model}
    assert {f"{Path(target).parent} {name}".removeprefix(". ") for target, name in planted if "/" in target} <= names
    assert {name for target, name in planted if "/" not in target and target not in FORMS} <= names


def schemas_for(planted, request):
    """Only what looks at an item asks for schemas."""
    return request.getfixturevalue("schema_store") if "item" in planted.found_by else NO_SCHEMAS


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_by_its_check(request, tmp_path, name):
    planted = FAULTS[name]
    folder = tmp_path / "meta"
    shutil.copytree(request.getfixturevalue(planted.model), folder)
    planted.plant(folder)
    outcomes = examine(str(folder / planted.target), schemas_for(planted, request))
    if planted.found_by.endswith("origin"):  # it comes last: the item states other files too
        outcomes = (outcome for outcome in outcomes if " item " not in f" {outcome.name} ")
    first = next(outcome for outcome in outcomes if not outcome.passed)
    assert first.name == planted.found_by, first.line()
    assert "\n" not in first.line()
    assert re.search(r"(; expected .+|: .+)\. [A-Z].+", first.finding), first.line()


@pytest.mark.parametrize(
    ("model", "target"), sorted({(planted.model, planted.target) for planted in FAULTS.values()} - WHOLE)
)
def test_a_whole_file_passes_alone(request, model, target):
    found_by = {planted.found_by for planted in FAULTS.values() if (planted.model, planted.target) == (model, target)}
    looks_at_an_item = target in FORMS or any("item" in name for name in found_by)
    schemas = request.getfixturevalue("schema_store") if looks_at_an_item else NO_SCHEMAS
    outcomes = list(examine(str(request.getfixturevalue(model) / target), schemas))
    assert [outcome.line() for outcome in outcomes if not outcome.passed] == []
    assert found_by <= {*(outcome.name for outcome in outcomes), "checksum"}


def test_the_documented_faults_are_those_that_are_planted():
    page = (REPOSITORY / "docs" / "validate.md").read_text()
    table = page.split("| planted fault | found by |\n|---|---|\n")[1].split("\n\n")[0].splitlines()
    assert table == [f"| {name} | {planted.found_by} |" for name, planted in FAULTS.items()]
