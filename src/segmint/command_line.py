"""The command line of every entry point: recipe name, overrides, documented short names. Imports no torch.

``--recipe NAME`` selects ``configs/NAME.yaml``, ``--any.key value`` overrides a value of it, and the short names of
the source documents (``--epochs``, ``--lr`` ...) are in :mod:`segmint.aliases`. ``--config FILE`` takes a recipe file
from anywhere.

Example:
    >>> recipe = parse(["--epochs", "3", "--loss.dice", "0.5"])
    >>> recipe.training.epochs, recipe.loss.dice
    (3, 0.5)
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from segmint.aliases import ALIASES, FOLDERS, SECTIONS, SWITCHES, expand, recipe_keys
from segmint.checks import check
from segmint.errors import RecipeError
from segmint.parameters import plain, refused
from segmint.recipe import (
    DEFAULT_RECIPE,
    AugmentationRecipe,
    DataRecipe,
    LossRecipe,
    MirrorRecipe,
    NetworkRecipe,
    Recipe,
    SplitRecipe,
    TrainingRecipe,
    flatten,
)

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def parse(arguments: list[str]) -> Recipe:
    """Read the recipe that a command line names, with its overrides.

    Args:
        arguments: Command line without the program name; ``--help`` prints the keys and exits, ``--help_all`` the
            documented names too.

    Raises:
        RecipeError: Unknown recipe, misspelt key, or a value out of its range.
    """
    name, arguments = _chosen(expand(arguments))
    parser = _parser()
    if "--help_all" in arguments:
        print(f"{parser.format_help()}\n{_documented_names()}")
        raise SystemExit(0)
    written, known = _load(name), Recipe().flat()
    if unknown := [key for key in written if key not in known]:
        raise _as_recipe_error(f"unrecognized arguments: {unknown[0]}")
    try:
        parser.parse_object(written)  # defaults are not checked when they are set
        parser.set_defaults(written)
        values = parser.instantiate_classes(parser.parse_args([f"--recipe={Path(name).stem}", *arguments]))
    except ArgumentError as error:
        raise _as_recipe_error(str(error)) from error
    recipe = Recipe(**{key: _typed(key, value) for key, value in vars(values).items()})
    given = {argument.removeprefix("--").partition("=")[0] for argument in arguments}
    recipe = _settle_sample(recipe, known | written, given)
    check(recipe)
    return recipe


def _is_drawn(folder: Path) -> bool:
    """Whether a sample was drawn into a folder; whether it is unchanged is found out when the data are read."""
    marker = folder.with_name(SAMPLE_MARKER)
    return marker.is_file() and folder.name in json.loads(marker.read_text(encoding="utf-8"))


def _settle_sample(recipe: Recipe, defaults: dict[str, Any], given: set[str]) -> Recipe:
    """No sample once other folders are given; a short training while the recipe's own folders hold or will hold it."""
    data, training = recipe.data, recipe.training
    own = all(getattr(data, key) == defaults[f"data.{key}"] for key in ("chips_dir", "labels_dir"))
    if not own:
        return replace(recipe, data=replace(data, sample=None))
    folder = Path(data.chips_dir)
    empty = not folder.is_dir() or not any(not path.name.startswith(".") for path in folder.iterdir())
    in_use = data.sample is not None and (empty or _is_drawn(folder))
    if not in_use:
        return recipe
    return replace(recipe, data=_shortened(data, "data", given), training=_shortened(training, "training", given))


def _shortened(section: Any, name: str, given: set[str]) -> Any:
    """The section with what its ``sample_*`` keys say, but for keys that were given."""
    short = {key.removeprefix("sample_"): value for key, value in vars(section).items() if key.startswith("sample_")}
    kept = {key: value for key, value in short.items() if value is not None and f"{name}.{key}" not in given}
    return replace(section, **kept)


SAMPLE_MARKER = "segmint-sample.json"
"""Lies beside the folders of built-in samples, and names them."""

_SECTIONS = {
    "data": DataRecipe,
    "split": SplitRecipe,
    "network": NetworkRecipe,
    "loss": LossRecipe,
    "augmentation": AugmentationRecipe,
    "training": TrainingRecipe,
    "mirror": MirrorRecipe,
}


def _typed(key: str, value: Any) -> Any:
    if key not in _SECTIONS:
        return value
    return _SECTIONS[key](**{name: plain(part) for name, part in vars(value).items()})


def _parser() -> ArgumentParser:
    known = ", ".join(recipe_names())
    short = ", ".join(f"--{alias} = --{key}" for alias, key in ALIASES.items())
    parser = ArgumentParser(
        exit_on_error=False,
        allow_abbrev=False,
        description=f"Recipes: {known}. Defaults below are the chosen recipe's. --help_all lists every "
        f"documented name. Short names: {short}.",
    )
    parser.add_class_arguments(Recipe)
    return parser


def _documented_names() -> str:
    """Every documented name and the keys that it stands for, a line each."""

    def keys(values: dict[str, Any]) -> str:
        return " ".join(f"{key}={value}" for key, value in values.items()) or "as the recipe"

    rows = [f"--{alias} VALUE = --{key}" for alias, key in ALIASES.items()]
    rows += [f"--{name} = {keys(on)}; --{name} false = {keys(off)}" for name, (on, off) in SWITCHES.items()]
    rows += [f"--{name} FOLDER = --{key}, with --{emptied} null" for name, (key, emptied) in FOLDERS.items()]
    rows += ["--config FILE = a recipe file from anywhere", "--reset = -r"]
    places = ", ".join(f"{section}." for section in SECTIONS)
    heading = f"Documented names, with - or _; in YAML also below {places} and in the section of their key:"
    return "\n  ".join([heading, *rows])


def recipe_names() -> list[str]:
    """Names of the recipes in ``configs/``."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def _chosen(arguments: list[str]) -> tuple[str, list[str]]:
    """Name or file of the recipe, and the other arguments."""
    name, others = DEFAULT_RECIPE, []
    given = iter(arguments)
    for argument in given:
        key, equals, value = argument.partition("=")
        if key in ("--recipe", "--config"):
            name = value if equals else next(given, "")
        else:
            others.append(argument)
    return name, others


def _load(name: str) -> dict[str, Any]:
    """Values of ``configs/NAME.yaml`` under dotted keys, laid over those of the recipe that its ``base`` key names."""
    path = CONFIGS / f"{name}.yaml"
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise RecipeError(f"config: no file {name}", "a recipe file", f"configs/ has {', '.join(recipe_names())}")
    elif name not in recipe_names():
        raise RecipeError(f"recipe '{name}' is not in configs/", "one of " + ", ".join(recipe_names()))
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    base = content.pop("base", None)
    own = recipe_keys(flatten(content))
    below = _load(base) if base else {}
    # a value of one's own counts on a sample too
    return {key: value for key, value in below.items() if key.replace(".sample_", ".") not in own} | own


def _as_recipe_error(message: str) -> RecipeError:
    return refused(message, [*ALIASES, *SWITCHES, *FOLDERS, "config", *Recipe().flat()], "recipe key")
