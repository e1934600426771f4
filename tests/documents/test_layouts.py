"""Every layout of docs/data.md: its Python makes the folder, and its commands read it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import REPOSITORY

from segmint.command_line import parse, recipe_names
from segmint.data.preparation import prepare

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

PAGE = (REPOSITORY / "docs/data.md").read_text(encoding="utf-8")
SPLIT_RULES = {
    "camp": "random by chip",
    "field": "random by chip",
    "patches": "by group: 3 groups",
    "sides": "by folder: train, val, test",
    "yours": "by folder: train, val; without a folder test it is 50 % of val",
    "fires": "random by chip",
    "cems": "by group: 3 groups",
    "spread": "by group: 6 groups",
    "days": "random by chip",
    "strips": "by group: 3 groups",
}
"""Folder that a snippet makes -> how the rule of its split begins."""


def blocks(kind: str, text: str) -> list[str]:
    """Content of the code blocks of a language; '' for trees."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [content for language, content in found if language == kind]


def layouts() -> Iterator[tuple[str, list[list[str]]]]:
    """Python of each layout, and the arguments of the commands that follow it."""
    for part in PAGE.split("```python\n")[1:]:
        code, _, rest = part.partition("```\n")
        commands = [line for block in blocks("bash", rest) for line in block.replace("\\\n", " ").splitlines()]
        yield code, [shlex.split(line)[2:] for line in commands if line.startswith("python src/train.py ")]


CASES = [(code, arguments) for code, commands in layouts() for arguments in commands]


def folder_of(arguments: list[str]) -> str:
    place = next(n for n, name in enumerate(arguments) if name in ("--chips_dir", "--patches-dir"))
    return arguments[place + 1].partition("/")[0]


@pytest.mark.parametrize(("code", "arguments"), CASES, ids=[" ".join(arguments)[:60] for _, arguments in CASES])
def test_the_documented_command_reads_the_documented_layout(code, arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/data.md", "exec"), {})
    prepared = prepare(parse(arguments))
    assert prepared.split.rule.startswith(SPLIT_RULES[folder_of(arguments)])
    assert all(prepared.split.tiles[side] for side in ("train", "val", "test"))
    files = {path.as_posix() for path in Path().rglob("*") if path.is_file()}
    assert {path.as_posix() for chip in prepared.chips for _, path in chip.files} <= files
    assert "split: " in capsys.readouterr().out


def test_every_layout_has_a_tree_and_every_snippet_a_command():
    assert all(commands for _, commands in layouts())
    assert {folder_of(arguments) for _, arguments in CASES} == set(SPLIT_RULES)
    trees = "".join(blocks("", PAGE))
    assert all(f"{folder}/" in trees for folder in SPLIT_RULES)
    read = {parse_recipe(arguments) for _, arguments in CASES}
    assert read == set(recipe_names()) - {"refugee-camp-classic"}


def parse_recipe(arguments: list[str]) -> str:
    return arguments[arguments.index("--recipe") + 1] if "--recipe" in arguments else "refugee-camp"


def test_every_recipe_key_that_the_page_names_exists():
    from segmint.recipe import Recipe

    known = Recipe().flat()
    assert set(re.findall(r"`(?:--)?((?:data|split)\.[a-z_]+)", PAGE)) <= set(known)
