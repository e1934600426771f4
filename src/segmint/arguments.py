"""A command line as the typed values of a dataclass, whose docstring is its ``--help``. Imports no torch.

Example:
    >>> read(Request, ["--model-path", "meta", "--tta", "true"], "Predict.", {"model_path": "model"}, {}).tta
    True
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from jsonargparse import ArgumentError, ArgumentParser

from segmint.errors import RecipeError

Values = TypeVar("Values")


def read(
    kind: type[Values],
    arguments: list[str],
    description: str,
    aliases: Mapping[str, str],
    words: Mapping[tuple[str, str], str],
) -> Values:
    """Read a command line; ``--help`` prints the keys and exits. Hyphens and underscores in names are the same.

    Args:
        kind: A dataclass with a default for every field.
        arguments: Command line without the program name.
        description: What ``--help`` begins with.
        aliases: Documented name -> field.
        words: Field and a word that may stand for a value -> the value.

    Raises:
        RecipeError: A misspelt name, or a value of the wrong type or out of its range.
    """
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False, description=description)
    parser.add_class_arguments(kind)
    try:
        values = vars(parser.parse_args(list(_spelled(arguments, aliases, words))))
    except ArgumentError as error:
        known = [*aliases, *(field.name for field in fields(kind))]  # type: ignore[arg-type]
        raise _as_recipe_error(" ".join(str(error).split()), known) from error
    return kind(**{key: _plain(value) for key, value in values.items()})


def _spelled(arguments: list[str], aliases: Mapping[str, str], words: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """Documented names as fields, and words as what they stand for."""
    key = ""
    for argument in arguments:
        if argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            key = name.replace("-", "_")
            key = aliases.get(key, key)
            yield f"--{key}{equals}{words.get((key, value.lower()), value)}"
        else:
            yield words.get((key, argument.lower()), argument)


def _plain(value: Any) -> Any:
    """Numbers as Python's own types, which are written to JSON."""
    for kind in (int, float):
        if isinstance(value, kind) and not isinstance(value, bool):
            return kind(value)
    return value


def _as_recipe_error(message: str, known: list[str]) -> RecipeError:
    if message.lower().startswith("unrecognized arguments: "):
        wrong = message.split(": ", 1)[1].split()[0].removeprefix("--").partition("=")[0]
        near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
        return RecipeError(f"there is no parameter '{wrong}'", near[0] if near else "one that --help lists")
    key, _, reason = message.removeprefix('Parser key "').partition('": ')
    return RecipeError(f"{key}: {reason}" if reason else message, remedy="--help lists keys and types")
