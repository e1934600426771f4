"""src/promote.py and src/rollback.py as a user runs them, on a real sqlite store."""

import json
import math
from pathlib import Path

import pytest
from registered import NAME, counts

from promote import promote
from rollback import rollback
from segmint.errors import RegistryError
from segmint.registry.succession import Succession


def test_the_first_version_that_beats_constant_answers_becomes_champion_when_approved(registry, say):
    version = registry.add(counts(0.8))
    would = say(promote)
    assert f"version {version} passes and would become champion" in would
    assert f"next:      python src/promote.py --model_name={NAME} --version={version} --approve=true" in would
    assert registry.aliases() == {"candidate": version}
    say(promote, "--approve=true", "--reason=first of its kind")
    assert registry.aliases() == {"candidate": version, "champion": version}


def test_a_first_version_no_better_than_a_constant_answer_is_refused(registry, say):
    registry.add(counts(0.45))
    with pytest.raises(RegistryError, match="IoU"):
        say(promote, "--approve=true")
    assert "champion" not in registry.aliases()


BELOW = {"test_iou": 0.6, "test_baseline_iou": 0.3, "test_baseline_iou_pixel_classifier": 0.7}


def test_a_version_below_a_baseline_becomes_champion_only_when_somebody_says_why(registry, say):
    first = registry.add(counts(0.8), metrics=BELOW)
    with pytest.raises(RegistryError, match=f"the gate refuses {NAME} version {first}: baselines"):
        say(promote, "--approve=true")
    assert "champion" not in registry.aliases()
    reason = "--accept_below_baseline=the classifier is too slow"
    said = say(promote, "--approve=true", reason)
    figures = "test IoU 0.6000, not above the pixel classifier (0.7000)"
    assert f"pass  baselines  {figures}; accepted: the classifier is too slow" in said
    assert registry.aliases()["champion"] == first
    found = registry.client.get_model_version(NAME, first)
    assert found.tags["accepted_below_baseline"] == "the classifier is too slow"
    assert "accepted: the classifier is too slow" in found.description
    (change,) = Succession.open(NAME).changes().values()
    assert change.accepted == "the classifier is too slow"


def test_a_version_that_records_no_baseline_is_refused(registry, say):
    registry.add(counts(0.8), metrics={"test_iou": 0.6})
    with pytest.raises(RegistryError, match="baselines"):
        say(promote, "--approve=true")


def test_what_need_not_be_accepted_is_not_recorded(registry, say):
    registry.add(counts(0.8))
    say(promote, "--approve=true", "--accept_below_baseline=to be sure")
    assert "accepted_below_baseline" not in registry.client.get_model_version(NAME, "1").tags
    assert [change.accepted for change in Succession.open(NAME).changes().values()] == [""]


def test_a_better_candidate_replaces_the_champion_and_who_when_why_and_the_table_are_written_down(
    registry, say, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "asha")
    first = registry.add(counts(0.7))
    say(promote, "--approve=true")
    second = registry.add(counts(0.8, seed=1))
    said = say(promote, "--approve=true", "--reason=more camps")
    assert said.count("\npass  ") == 5
    assert registry.aliases() == {"candidate": second, "champion": second, "previous": first}
    found = registry.client.get_model_version(NAME, second)
    assert (found.tags["promotion_reason"], found.tags["promoted_over"]) == ("more camps", first)
    assert found.tags["promoted_by"] == "asha"
    assert found.tags["promoted_at"].endswith("Z")
    assert f"| IoU | {iou_by_hand(counts(0.7)):.4f} | {iou_by_hand(counts(0.8, seed=1)):.4f} |" in found.description
    for ending in ("json", "md"):
        path = f"promotion/against_version_{first}.{ending}"
        text = Path(registry.client.download_artifacts(found.run_id, path)).read_text()
        assert "more camps" in text
        if ending == "json":
            record = json.loads(text)
            assert record["scores"][0]["version 2"] == pytest.approx(iou_by_hand(counts(0.8, seed=1)), abs=1e-6)
            assert [check["passed"] for check in record["checks"]] == [True] * 5


def iou_by_hand(confusion):
    (_, false), (missed, found) = confusion.sum(axis=0)
    return found / (found + false + missed)


def test_a_worse_candidate_is_refused_and_nothing_moves(registry, say):
    first = registry.add(counts(0.7))
    say(promote, "--approve=true")
    second = registry.add(counts(0.6, seed=1))
    with pytest.raises(RegistryError, match=f"the gate refuses {NAME} version {second}: IoU"):
        say(promote, "--approve=true")
    assert registry.aliases() == {"candidate": second, "champion": first}
    say(promote, "--approve=true", "--tolerance=0.5")
    assert registry.aliases()["champion"] == second


def test_a_class_that_collapses_is_refused_though_the_mean_is_better(registry, say):
    """Four classes: three improve, and one that was found is lost."""
    before = counts(0.7, classes=4)
    after = counts(0.97, seed=1, classes=4)
    after[:, 3] = [0, 0, 900, 100]
    registry.add(before)
    say(promote, "--approve=true")
    registry.add(after)
    with pytest.raises(RegistryError, match=r"version 2: classes\.$"):
        say(promote, "--approve=true")


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"parity": lambda content: content["formats"][0].update(max_abs=0.01)}, "parity"),
        ({"parity": lambda content: content["formats"][0].update(max_abs=math.nan)}, "parity"),
        ({"parity": lambda content: content["formats"].clear()}, "parity"),
        ({"parity": lambda content: content.update(sample_sha256="0" * 64)}, "parity"),
        ({"item": lambda content: content["properties"].pop("mlm:name")}, "STAC item"),
        ({"item": lambda content: content["properties"].update({"segmint:metrics": {"test_iou": 1}})}, "STAC item"),
        ({"item": lambda content: content["assets"]["onnx"].update({"file:size": 1})}, "STAC item"),
        ({"item": lambda content: content["assets"]["onnx"].update({"href": "../models/gone.onnx"})}, "STAC item"),
        ({"item": lambda content: content["stac_extensions"].append("https://stac.test/none.json")}, "STAC item"),
    ],
)
def test_without_proof_or_a_valid_item_nothing_is_promoted(registry, say, changes, check):
    registry.add(counts(0.8), **changes)
    with pytest.raises(RegistryError, match=f"version 1: {check}"):
        say(promote, "--approve=true")
    assert "champion" not in registry.aliases()


@pytest.mark.parametrize(
    ("tested_on", "message"),
    [
        ({"dataset": "c" * 64}, "another dataset than champion 1"),
        ({"learned": {"test": ["elsewhere"]}}, "other tiles of the same dataset than champion 1"),
    ],
)
def test_two_versions_tested_on_other_data_are_not_compared(registry, say, tested_on, message):
    registry.add(counts(0.7))
    say(promote, "--approve=true")
    registry.add(counts(0.9), **tested_on)
    with pytest.raises(RegistryError, match=f"{message}.* -P chips_dir=CHIPS -P labels_dir=LABELS"):
        say(promote, "--approve=true")


def test_a_version_without_counts_is_not_compared(registry, say):
    registry.add(None)
    with pytest.raises(RegistryError, match=r"version 1 has no counts of test chips.* -P chips_dir"):
        say(promote)


def test_other_classes_or_other_truth_are_not_compared(registry, say):
    registry.add(counts(0.7))
    say(promote, "--approve=true")
    registry.add(counts(0.9, classes=3))
    with pytest.raises(RegistryError, match="version 2 has the classes class0, class1, class2"):
        say(promote)
    registry.add(counts(0.9)[:, ::-1] * 2)
    with pytest.raises(RegistryError, match="versions 3 and 1 counted other labels on the same chips"):
        say(promote)


def test_rollback_restores_champion_after_champion_and_stops_at_the_first(registry, say):
    for number in range(3):
        registry.add(counts(0.7 + 0.05 * number))
        say(promote, "--approve=true")
    assert registry.aliases() == {"candidate": "3", "champion": "3", "previous": "2"}
    assert "version 2 is champion" in say(rollback, "--reason=marks shadows")
    assert registry.aliases() == {"candidate": "3", "champion": "2", "previous": "1"}
    assert registry.client.get_model_version(NAME, "3").tags["rollback_reason"] == "marks shadows"
    say(rollback)
    assert registry.aliases() == {"candidate": "3", "champion": "1"}
    with pytest.raises(RegistryError, match="no previous champion"):
        say(rollback)
    say(promote, "--approve=true")
    assert registry.aliases() == {"candidate": "3", "champion": "3", "previous": "1"}


def test_the_champion_itself_and_what_is_not_there_are_refused(registry, say):
    registry.add(counts(0.7))
    say(promote, "--approve=true")
    with pytest.raises(RegistryError, match="version 1 is champion already"):
        say(promote)
    with pytest.raises(RegistryError, match="has no version 7"):
        say(promote, "--version=7")
    with pytest.raises(RegistryError, match=f"no registered model nowhere.*expected one of {NAME}"):
        say(promote, "--model_name=nowhere")
