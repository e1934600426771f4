"""Who is ``candidate``: registrations on a real sqlite store, of a staged run with other figures."""

import shutil

import pytest
from registered import NAME

from segmint.contract import ModelContract
from segmint.registry.registration import register

BETTER = {"test_iou": 0.6, "test_baseline_iou": 0.3, "test_baseline_iou_pixel_classifier": 0.5}
BELOW = BETTER | {"test_iou": 0.45}


@pytest.fixture
def register_with(registry, finished_run):
    """``register_with(metrics)`` registers a run with these test scores."""

    def registered(metrics, run_id=None, move_alias=True):
        staging = registry.room / "a staged run"
        shutil.rmtree(staging, ignore_errors=True)
        shutil.copytree(finished_run.root, staging)
        path = staging / "metadata" / "contract.json"
        ModelContract.read(path).model_copy(update={"metrics": metrics | {"test_f1": 0.6}}).write(path)
        run_id = run_id or registry.client.create_run(registry.experiment).info.run_id
        return register(run_id, staging, "A test.", move_alias)

    return registered


def test_a_version_below_a_baseline_never_takes_candidate_from_one_above_its_own(registry, register_with):
    first = register_with(BELOW)
    assert registry.aliases() == {"candidate": "1"}  # there is none yet
    assert registry.client.get_model_version(NAME, "1").tags["below_baseline"] == (
        "test IoU 0.4500, not above the pixel classifier (0.5000)"
    )
    assert first.sentence() == (
        "test-model version 1 @candidate in the registry, for want of a better one: "
        "test IoU 0.4500, not above the pixel classifier (0.5000) (tag below_baseline)"
    )
    register_with(BELOW | {"test_iou": 0.2})
    assert registry.aliases() == {"candidate": "2"}  # both are below their baselines: the newest
    assert register_with(BETTER).sentence() == "test-model version 3 @candidate in the registry"
    assert "below_baseline" not in registry.client.get_model_version(NAME, "3").tags
    run = registry.client.create_run(registry.experiment).info.run_id
    last = register_with(BELOW, run)
    assert registry.aliases() == {"candidate": "3"}
    assert last.sentence() == (
        "test-model version 4 in the registry; @candidate stays at version 3: "
        "test IoU 0.4500, not above the pixel classifier (0.5000) (tag below_baseline)"
    )
    assert register_with(BELOW, run) == last  # delivered a second time


def test_a_version_that_was_not_to_take_candidate_says_so(registry, register_with):
    registered = register_with(BETTER, move_alias=False)
    assert registry.aliases() == {}
    assert "version 1 in the registry; @candidate is not set: a model of the built-in sample" in registered.sentence()
