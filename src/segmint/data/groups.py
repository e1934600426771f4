"""Groups of chips that a recipe declares: by a file, else by a pattern on names, else by what the reader knows.

A chip's name is its stem without the folder of its side, so groups mean the same whether folders are the split or not.

Example:
    >>> declared_groups(chips, SplitRecipe(group_regex="^(site[0-9]+)"))
    ['site1', 'site1', 'site2']
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from segmint.data.chips import Chip
from segmint.errors import SplitError
from segmint.recipe import SplitRecipe


def declared_groups(chips: Sequence[Chip], recipe: SplitRecipe) -> list[str]:
    """The group of every chip; empty where none is declared.

    Raises:
        SplitError: A file or pattern that cannot be used, or that gives a chip no group.
    """
    if recipe.group_file is None and recipe.group_regex is not None:
        return _matched(chips, recipe.group_regex)
    if recipe.group_file is None:
        return [chip.group for chip in chips if chip.group is not None]
    if not Path(recipe.group_file).is_file():
        raise SplitError(f"split.group_file: no file {recipe.group_file}", "a CSV file", "Check its spelling")
    with Path(recipe.group_file).open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    columns = set(rows[0]) if rows else set()
    if not {"chip", str(recipe.group_column)} <= columns:
        raise SplitError(f"{recipe.group_file} has the columns {sorted(columns)}", f"chip and {recipe.group_column}")
    group_of = {row["chip"]: row[str(recipe.group_column)] for row in rows}
    for chip in chips:
        if chip.name not in group_of:
            raise SplitError(f"{recipe.group_file} names no group for chip {chip.name}", "a row per chip", "Add it")
    return [group_of[chip.name] for chip in chips]


def _matched(chips: Sequence[Chip], pattern: str) -> list[str]:
    """Groups by a pattern; none at all where it lets every name match without one."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SplitError(f"split.group_regex {pattern} is no regular expression ({error})") from error
    found = [compiled.search(chip.name) for chip in chips]
    groups = [match.group(1) if match and compiled.groups else None for match in found]
    if compiled.groups and all(found) and not any(groups):
        return []
    for chip, group in zip(chips, groups, strict=True):
        if group is None:
            raise SplitError(
                f"split.group_regex {pattern} gives no group for chip {chip.name}",
                "a match with one group in parentheses",
            )
    return [str(group) for group in groups]
