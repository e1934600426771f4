"""The command line of an entry point that is described by a dataclass. Imports no torch.

Example:
    >>> read(Request, ["--image_path", "scene.tif", "--tta", "true"], aliases={"image_path": "input"})
    Request(input='scene.tif', tta=True)
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from jsonargparse import ArgumentError, ArgumentParser

from segmint.errors import RecipeError

Asked = TypeVar("Asked")

Words = Mapping[tuple[str, str], str]
"""A key and a word in lower case that people write for it -> the value that is meant."""


def read(
    kind: type[Asked], arguments: list[str], aliases: Mapping[str, str] | None = None, words: Words | None = None
) -> Asked:
    """Read a command line; ``--help`` prints the keys, with the dataclass's own words, and exits.

    Args:
        kind: A dataclass; its fields are the keys.
        arguments: Command line without the program name; a name may have hyphens or underscores.
        aliases: Documented name -> key.
        words: Values that are written otherwise than they are meant.

    Raises:
        RecipeError: A misspelt key or a value out of its range.
    """
    aliases = aliases or {}
    description = (kind.__doc__ or "").partition("\n")[0]
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False, description=description)
    parser.add_class_arguments(kind)
    try:
        values = vars(parser.parse_args(list(_spelled(arguments, aliases, words or {}))))
    except ArgumentError as error:
        known = [*aliases, *(field.name for field in fields(kind))]  # type: ignore[arg-type]
        raise refused(str(error), known, "parameter") from error
    return kind(**{key: plain(value) for key, value in values.items()})


def plain(value: Any) -> Any:
    """Numbers as Python's own types: jsonargparse's subclasses fit neither JSON nor a checkpoint that loads safely."""
    for number in (int, float):
        if isinstance(value, number) and not isinstance(value, bool):
            return number(value)
    return value


def refused(message: str, known: Iterable[str], noun: str) -> RecipeError:
    """What jsonargparse says, in our words; a misspelt key is answered with the nearest of ``known``."""
    message = " ".join(message.split())
    if message.lower().startswith("unrecognized arguments: "):
        wrong = message.split(": ", 1)[1].split()[0].removeprefix("--").partition("=")[0]
        near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
        return RecipeError(f"there is no {noun} '{wrong}'", near[0] if near else f"a {noun} that --help lists")
    key, _, reason = message.removeprefix('Parser key "').partition('": ')
    return RecipeError(f"{key}: {reason}" if reason else message, remedy="--help lists keys and types")


def _spelled(arguments: list[str], aliases: Mapping[str, str], words: Words) -> Iterator[str]:
    key = ""
    for argument in arguments:
        if argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            key = name.replace("-", "_")
            key = aliases.get(key, key)
            yield f"--{key}{equals}{words.get((key, value.lower()), value)}"
        else:
            yield words.get((key, argument.lower()), argument)
