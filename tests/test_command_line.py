import subprocess
import sys

import pytest
import yaml

from segmint.command_line import ALIASES, CONFIGS, parse, recipe_names
from segmint.errors import RecipeError
from segmint.recipe import LossRecipe, Recipe

TRAIN = CONFIGS.parent / "src" / "train.py"


def test_documented_names_and_dotted_keys_override_the_recipe():
    recipe = parse(["--epochs", "7", "--lr=5e-4", "--loss.dice", "0.5", "--training.scheduler", "cosine"])
    assert (recipe.training.epochs, recipe.training.lr, recipe.loss.dice) == (7, 5e-4, 0.5)
    assert recipe.training.scheduler == "cosine"


def test_numbers_are_python_s_own_so_that_checkpoints_load_without_pickle():
    numbers = [value for value in parse(["--lr", "1e-4"]).flat().values() if isinstance(value, int | float)]
    assert {type(value) for value in numbers} == {int, float, bool}


def test_the_default_recipe_is_the_documented_one():
    recipe = parse([])
    assert (recipe.recipe, recipe.data.tile_size, recipe.training.batch_size, recipe.training.lr) == (
        "refugee-camp",
        256,
        32,
        1e-3,
    )
    assert (recipe.split.train, recipe.split.val, recipe.split.test, recipe.split.seed) == (0.7, 0.15, 0.15, 62)


def test_the_classic_recipe_has_the_documents_defaults():
    recipe = parse(["--recipe", "refugee-camp-classic"])
    assert (recipe.network.architecture, recipe.training.epochs, recipe.loss.bce, recipe.loss.dice) == (
        "classic",
        1,
        1.0,
        0.0,
    )
    assert recipe.data.classes[1].name == "building"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs", "abc"], "training.epochs"),
        (["--epochs", "50.5"], "training.epochs"),
        (["--lr", "-1"], "training.lr"),
        (["--epoch", "5"], "'epoch'; expected epochs"),
        (["--training.batchsize", "5"], "training.batch_size"),
        (["--recipe", "camp"], "refugee-camp"),
        (["--chips_dir", "nowhere"], "no folder nowhere"),
        (["--training.optimizer", "rmsprop"], "adamw"),
        (["--split.train", "0.9"], "1.2"),
        (["--loss.bce", "0", "--loss.dice", "0"], "loss"),
        (["--training.monitor", "val_loss", "--training.mode", "max"], "expected min or auto"),
        (["--training.monitor", "val_brier", "--training.mode", "max"], "expected min or auto"),
        (["--training.monitor", "val_iou", "--training.mode", "min"], "expected max or auto"),
        (["--recipe", "wildfire-gra", "--pred_thresh", "0.6"], "5 classes"),
        (["--network.d_model=64"], "network.d_model 64 with network.architecture unet; expected emberformer"),
        (["--recipe=fire-spread", "--network.nhead=7"], "network.d_model 96 with network.nhead 7"),
        (["--recipe=fire-spread", "--network.d_model=33", "--network.nhead=3"], "an even d_model that nhead divides"),
        (["--recipe=fire-spread", "--network.spatial_decoder=fpn"], "network.spatial_decoder"),
        (["--resume", "nowhere.ckpt"], "nowhere.ckpt"),
        (["--license", "CC BY 4.0"], "SPDX"),
        (["--model_name", "a/b"], "a/b"),
        (["--data.classes", '[{"name": "a", "color": "red"}, {"name": "b", "color": "#000000"}]'], "#RRGGBB"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_key(arguments, words):
    with pytest.raises(RecipeError) as caught:
        parse(arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_any_loss_may_stand_alone():
    for name in LossRecipe().weights:
        others = [part for other in LossRecipe().weights for part in (f"--loss.{other}", "1" if other == name else "0")]
        assert [key for key, weight in parse(others).loss.weights.items() if weight] == [name]


def test_the_best_of_a_monitor_is_known_by_its_name():
    modes = {"val_loss": "min", "val_brier": "min", "val_f1": "max"}
    assert {name: parse(["--training.monitor", name]).training.monitor_mode for name in modes} == modes
    assert parse(["--training.monitor", "val_f1", "--training.mode", "max"]).training.monitor_mode == "max"


def test_mlflow_spells_booleans_its_own_way():
    assert parse(["--log_dataset", "True"]).log_dataset is True


def test_every_alias_stands_for_a_key():
    assert set(ALIASES.values()) <= set(Recipe().flat())


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_file_is_valid_and_does_not_name_itself(name):
    assert parse(["--recipe", name]).recipe == name
    assert "recipe" not in yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())


def test_a_wrong_value_ends_the_script_with_one_line_and_no_traceback():
    done = subprocess.run([sys.executable, str(TRAIN), "--epochs", "abc"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: training.epochs")
