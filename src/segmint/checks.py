"""Checks of a recipe that concern more than one value, and paths. Imports no torch.

Example:
    >>> check(Recipe(split=SplitRecipe(train=0.9)))
    Traceback (most recent call last):
    segmint.errors.RecipeError: split shares add up to 1.2; expected 1. Set split.train, split.val and split.test.
"""

import re
from dataclasses import replace
from pathlib import Path

from segmint.errors import RecipeError
from segmint.recipe import OPTIONS, NetworkRecipe, Recipe
from segmint.score_names import epoch_scores


def check(recipe: Recipe) -> None:
    """Refuse a recipe whose values contradict each other, or that names a folder which is not there.

    Raises:
        RecipeError: Says which, and what to do.
    """
    total = recipe.split.train + recipe.split.val + recipe.split.test
    if abs(total - 1) > 1e-6:
        raise RecipeError(f"split shares add up to {total:g}", "1", "Set split.train, split.val and split.test")
    if not any(recipe.loss.weights.values()):
        raise RecipeError("every loss weight is 0", "at least one above 0", "Set for example --loss.bce 1")
    if not re.fullmatch(r"[\w\-.+]+", recipe.license):
        raise RecipeError(
            f"license '{recipe.license}' is not a valid SPDX identifier", "for example Apache-2.0 or CC-BY-4.0"
        )
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.\-]+[A-Za-z0-9]", recipe.registered_name):
        raise RecipeError(f"model_name '{recipe.registered_name}'", "three or more letters, digits, dots or dashes")
    for item in recipe.data.classes:
        if not re.fullmatch(r"#[0-9A-Fa-f]{6}", item.color):
            raise RecipeError(f"color '{item.color}' of class {item.name}", "#RRGGBB")
    _check_monitor(recipe)
    _check_network(recipe.network)
    values = [value for item in recipe.data.classes for value in item.values]
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise RecipeError(f"data.classes declares the label value {twice[0]} for two classes", "one class per value")
    if len(recipe.data.classes) < 2:
        raise RecipeError("data.classes has fewer than two classes", "the background and at least one more")
    wanted = recipe.data.num_classes
    if wanted is not None and wanted != len(recipe.data.classes):
        raise RecipeError(
            f"num_classes {wanted}, while recipe {recipe.recipe} has {len(recipe.data.classes)} classes",
            "the recipe's number",
            "Choose another --recipe (wildfire-del has 2 classes, wildfire-gra 5) or declare data.classes",
        )
    if (recipe.split.group_file is None) != (recipe.split.group_column is None):
        raise RecipeError("only one of split.group_file and split.group_column is set", "both or neither")
    if recipe.resume not in ("auto", "never") and not Path(recipe.resume).is_file():
        raise RecipeError(f"resume: no file {recipe.resume}", "'auto', 'never' or the path of a checkpoint")
    if recipe.data.sample is None:
        for key in ("chips_dir", "labels_dir"):
            folder = getattr(recipe.data, key)
            if folder is not None and not Path(folder).is_dir():
                raise RecipeError(
                    f"{key}: no folder {folder}", "an existing folder", "Check spelling and working folder"
                )


def _check_monitor(recipe: Recipe) -> None:
    training, classes = recipe.training, len(recipe.data.classes)
    known = [f"val_{name}" for name in ("loss", *epoch_scores(classes, recipe.data.pooled))]
    if training.monitor not in known:
        raise RecipeError(f"training.monitor '{training.monitor}'", "one of " + ", ".join(known))
    right = replace(training, mode="auto").monitor_mode
    if training.mode not in ("auto", right):
        raise RecipeError(f"training.mode {training.mode} with training.monitor {training.monitor}", f"{right} or auto")
    if training.threshold != "auto" and classes > 2:
        raise RecipeError(
            f"training.threshold {training.threshold:g} with {classes} classes",
            "auto",
            "With more than two classes the most probable one is taken, whatever its probability",
        )


def _check_network(network: NetworkRecipe) -> None:
    if network.parent is not None and not Path(network.parent).is_file():
        raise RecipeError(
            f"network.weights: no file {network.parent}", "imagenet, null or the best_model.pth of a finished model"
        )
    for architecture, keys in OPTIONS.items():
        given = [key for key in keys if getattr(network, key) != getattr(NetworkRecipe, key)]
        if given and architecture != network.architecture:
            raise RecipeError(
                f"network.{given[0]} {getattr(network, given[0])} with network.architecture {network.architecture}",
                f"{architecture}, which alone has it",
                f"Leave network.{given[0]} out",
            )
    if network.architecture == "emberformer" and (network.d_model % 2 or network.d_model % network.nhead):
        raise RecipeError(
            f"network.d_model {network.d_model} with network.nhead {network.nhead}",
            "an even d_model that nhead divides",
            f"Set for example network.d_model={2 * network.nhead * max(1, network.d_model // (2 * network.nhead))}",
        )
