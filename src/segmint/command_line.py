"""The command line of every entry point: recipe name, overrides, documented short names. Imports no torch.

``--recipe NAME`` selects ``configs/NAME.yaml``, ``--any.key value`` overrides a value of it, and the short names of
the source documents (``--epochs``, ``--lr`` ...) stand for the keys in :data:`ALIASES`.

Example:
    >>> recipe = parse(["--epochs", "3", "--loss.dice", "0.5"])
    >>> recipe.training.epochs, recipe.loss.dice
    (3, 0.5)
"""

import difflib
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from segmint.errors import RecipeError
from segmint.recipe import (
    DEFAULT_RECIPE,
    AugmentationRecipe,
    DataRecipe,
    LossRecipe,
    NetworkRecipe,
    Recipe,
    SplitRecipe,
    TrainingRecipe,
    flatten,
)

CONFIGS = Path(__file__).resolve().parents[2] / "configs"

ALIASES = {
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "lr": "training.lr",
    "precision": "training.precision",
    "chips_dir": "data.chips_dir",
    "labels_dir": "data.labels_dir",
}
"""Documented short name -> recipe key."""


def parse(arguments: list[str]) -> Recipe:
    """Read the recipe that a command line names, with its overrides.

    Args:
        arguments: Command line without the program name; ``--help`` prints the keys and exits.

    Raises:
        RecipeError: Unknown recipe, misspelt key, or a value out of its range.
    """
    arguments = [_long_name(argument) for argument in arguments]
    parser = _parser()
    try:
        name = _named_recipe(arguments)
        parser.set_defaults(flatten(_load(name)))
        values = parser.instantiate_classes(parser.parse_args(["--recipe", name, *arguments]))
    except ArgumentError as error:
        raise _as_recipe_error(str(error)) from error
    except KeyError as error:
        raise _as_recipe_error(f"unrecognized arguments: {str(error).split(chr(34))[1]}") from error
    recipe = Recipe(**{key: _typed(key, value) for key, value in vars(values).items()})
    _check(recipe)
    return recipe


_SECTIONS = {
    "data": DataRecipe,
    "split": SplitRecipe,
    "network": NetworkRecipe,
    "loss": LossRecipe,
    "augmentation": AugmentationRecipe,
    "training": TrainingRecipe,
}


def _typed(key: str, value: Any) -> Any:
    if key not in _SECTIONS:
        return value
    return _SECTIONS[key](**{name: _plain(part) for name, part in vars(value).items()})


def _plain(value: Any) -> Any:
    """Numbers as Python's own types: a checkpoint that holds jsonargparse's subclasses cannot be loaded safely."""
    for kind in (int, float):
        if isinstance(value, kind) and not isinstance(value, bool):
            return kind(value)
    return value


def _parser() -> ArgumentParser:
    known = ", ".join(recipe_names())
    short = ", ".join(f"--{alias} = --{key}" for alias, key in ALIASES.items())
    parser = ArgumentParser(
        exit_on_error=False,
        allow_abbrev=False,
        description=f"Recipes: {known}. Defaults below are the chosen recipe's. Short names: {short}.",
    )
    parser.add_class_arguments(Recipe)
    return parser


def recipe_names() -> list[str]:
    """Names of the recipes in ``configs/``."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def _long_name(argument: str) -> str:
    name, equals, value = argument.removeprefix("--").partition("=")
    if not argument.startswith("--") or name not in ALIASES:
        return argument
    return f"--{ALIASES[name]}{equals}{value}"


def _named_recipe(arguments: list[str]) -> str:
    for position, argument in enumerate(arguments):
        if argument == "--recipe" and position + 1 < len(arguments):
            return arguments[position + 1]
        if argument.startswith("--recipe="):
            return argument.partition("=")[2]
    return DEFAULT_RECIPE


def _load(name: str) -> dict[str, Any]:
    """Content of ``configs/NAME.yaml`` laid over the recipe that its ``base`` key names."""
    path = CONFIGS / f"{name}.yaml"
    if name not in recipe_names():
        raise RecipeError(f"recipe '{name}' is not in configs/", "one of " + ", ".join(recipe_names()))
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    base = content.pop("base", None)
    return _overlay(_load(base), content) if base else content


def _overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    nested = {
        key: _overlay(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }
    return below | nested


def _as_recipe_error(message: str) -> RecipeError:
    message = " ".join(message.split())
    if message.startswith("unrecognized arguments: "):
        wrong = message.removeprefix("unrecognized arguments: ").split()[0].removeprefix("--").partition("=")[0]
        known = [*ALIASES, *Recipe().flat()]
        near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
        return RecipeError(f"there is no recipe key '{wrong}'", near[0] if near else "a key that --help lists")
    key, _, reason = message.removeprefix('Parser key "').partition('": ')
    return RecipeError(f"{key}: {reason}" if reason else message, remedy="--help lists keys and types")


def _check(recipe: Recipe) -> None:
    """Checks that concern more than one value, and paths."""
    total = recipe.split.train + recipe.split.val + recipe.split.test
    if abs(total - 1) > 1e-6:
        raise RecipeError(f"split shares add up to {total:g}", "1", "Set split.train, split.val and split.test")
    if not any(asdict(recipe.loss).values()):
        raise RecipeError("every loss weight is 0", "at least one above 0", "Set for example --loss.bce 1")
    if not re.fullmatch(r"[\w\-.+]+", recipe.license):
        raise RecipeError(f"license '{recipe.license}' is no SPDX identifier", "for example Apache-2.0 or CC-BY-4.0")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.\-]+[A-Za-z0-9]", recipe.registered_name):
        raise RecipeError(f"model_name '{recipe.registered_name}'", "three or more letters, digits, dots or dashes")
    for item in recipe.data.classes:
        if not re.fullmatch(r"#[0-9A-Fa-f]{6}", item.color):
            raise RecipeError(f"color '{item.color}' of class {item.name}", "#RRGGBB")
    values = [value for item in recipe.data.classes for value in item.values]
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise RecipeError(f"data.classes declares the label value {twice[0]} for two classes", "one class per value")
    if len(recipe.data.classes) < 2:
        raise RecipeError("data.classes has fewer than two classes", "the background and at least one more")
    if (recipe.split.group_file is None) != (recipe.split.group_column is None):
        raise RecipeError("only one of split.group_file and split.group_column is set", "both or neither")
    if recipe.resume not in ("auto", "never") and not Path(recipe.resume).is_file():
        raise RecipeError(f"resume: no file {recipe.resume}", "'auto', 'never' or the path of a checkpoint")
    if not recipe.uses_builtin_sample:
        for key in ("chips_dir", "labels_dir"):
            folder = getattr(recipe.data, key)
            if not Path(folder).is_dir():
                raise RecipeError(
                    f"{key}: no folder {folder}", "an existing folder", "Check spelling and working folder"
                )
