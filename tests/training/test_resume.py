import os
from dataclasses import replace

import pytest

from segmint.recipe import Recipe, TrainingRecipe
from segmint.tracking.folder import Identity, RunFolder
from segmint.training.resume import claim, recipe_digest, refused_before


@pytest.fixture
def interrupted(tmp_path):
    """A run folder with a checkpoint that nobody holds."""
    identity = Identity("recipe", "data", "sqlite:///mlflow.db")
    folder = RunFolder.create(tmp_path, "run1", identity)
    (folder.checkpoints / "last.ckpt").write_bytes(b"x")
    folder.release()
    return tmp_path, identity


def test_the_same_command_finds_its_unfinished_run(interrupted):
    root, identity = interrupted
    found = claim(root, identity, lambda run_id: True)
    assert found is not None
    assert found.run_id == "run1"


@pytest.mark.parametrize("part", ["recipe", "dataset", "store"])
def test_another_recipe_dataset_or_store_starts_anew(interrupted, part):
    root, identity = interrupted
    assert claim(root, replace(identity, **{part: "other"}), lambda run_id: True) is None


def test_a_run_that_a_process_holds_is_left_alone(interrupted):
    root, identity = interrupted
    holder = claim(root, identity, lambda run_id: True)
    assert holder is not None
    assert claim(root, identity, lambda run_id: True) is None
    holder.release()
    assert claim(root, identity, lambda run_id: True) is not None


def test_a_finished_or_deleted_run_is_left_alone(interrupted):
    root, identity = interrupted
    assert claim(root, identity, lambda run_id: False) is None
    found = claim(root, identity, lambda run_id: True)
    found.finish()
    found.release()
    assert claim(root, identity, lambda run_id: True) is None


def test_a_run_that_its_proof_refused_is_not_carried_on_but_named(interrupted):
    root, identity = interrupted
    assert refused_before(root, identity) is None
    found = claim(root, identity, lambda run_id: True)
    found.refuse()
    found.release()
    assert claim(root, identity, lambda run_id: True) is None
    assert refused_before(root, identity) == "run1"
    assert refused_before(root, replace(identity, dataset="other")) is None


def test_a_refusal_before_a_run_that_ended_well_is_not_named(interrupted):
    root, identity = interrupted
    found = claim(root, identity, lambda run_id: True)
    found.refuse()
    found.release()
    os.utime(root / "run1" / "state.json", (0, 0))
    RunFolder.create(root, "run2", identity).finish()
    assert refused_before(root, identity) is None


def test_only_epochs_and_places_may_change_between_attempts():
    recipe = Recipe()
    assert recipe_digest(recipe) == recipe_digest(replace(recipe, training=TrainingRecipe(epochs=99), output_dir="x"))
    assert recipe_digest(recipe) != recipe_digest(replace(recipe, training=TrainingRecipe(lr=0.5)))
