"""From scenes and a layer of labels to a folder that ``train`` reads.

Example:
    >>> dataset = make_dataset(Path("data/train/banepa"), scenes, layer, ClassTable(), Rule(), {}, [])
    >>> print(dataset.command)
    python src/train.py --chips_dir data/train/banepa/chips --labels_dir data/train/banepa/labels
"""

import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rasterio.enums import ColorInterp

from segmint.data.chips import IGNORE
from segmint.errors import DataError, RecipeError
from segmint.sources.classes import ClassTable
from segmint.sources.cutting import Rule, Tally, cut
from segmint.sources.folder import staged, write_source
from segmint.sources.scene import Scene
from segmint.sources.shapes import Layer

_COLOURS = (
    "#DC143C",
    "#1E90FF",
    "#228B22",
    "#FFD700",
    "#8A2BE2",
    "#FF8C00",
    "#00CED1",
    "#A0522D",
    "#FF69B4",
    "#708090",
)


@dataclass(frozen=True)
class Dataset:
    """What was made.

    Attributes:
        folder: Holds ``chips``, ``labels`` and ``source.json``; also a recipe, where the default one does not fit.
        notes: What was found, repaired and left out, in sentences.
        command: The command that trains on it.
    """

    folder: Path
    notes: tuple[str, ...]
    command: str


def make_dataset(
    folder: Path,
    scenes: Sequence[Scene],
    layer: Layer,
    table: ClassTable,
    rule: Rule,
    facts: dict[str, Any],
    attribution: list[str],
    beside: Sequence[Path] = (),
) -> Dataset:
    """Cut scenes into chips with labels; the folder appears when everything is written.

    Args:
        folder: New or empty.
        scenes: Scenes that could be trained on together.
        layer: Their labels.
        table: Classes of the labels.
        rule: How scenes are cut.
        facts: What was asked for; goes into ``source.json``.
        attribution: Whom to name; likewise.
        beside: Files to keep with the chips.

    Raises:
        RecipeError: One class and nothing beside it.
        DataError: A folder in use, a scene that cannot be read, no feature on any scene, or no chip left.
    """
    if rule.elsewhere == IGNORE and len(set(table.classes.values())) < 2:
        raise RecipeError("--unlabelled ignore with one class", "two --classes or more, or the rest as background")
    tally = Tally()
    with staged(folder) as stage:
        chips, labels = stage / "chips", stage / "labels"
        chips.mkdir()
        labels.mkdir()
        for number, scene in enumerate(scenes, 1):
            cut(scene, layer.on(scene), rule, chips, labels, tally)
            if number == len(scenes) or number % max(1, len(scenes) // 10) == 0:
                print(f"cut:    scene {number} of {len(scenes)}, {tally.chips:,} chips", flush=True)
        notes = [*layer.report(), *tally.report()]
        if not tally.chips:
            raise DataError("no chip is left: " + "; ".join(tally.report()[1:]), "a chip with valid, labelled pixels")
        options = ["--chips_dir", str(folder / "chips"), "--labels_dir", str(folder / "labels")]
        if recipe := _recipe(folder, scenes[0], table, rule, tally):
            name = f"{_recipe_name(folder)}.yaml"
            (stage / name).write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
            options = ["--config", str(folder / name), *options]
        elif tally.pixels[IGNORE]:
            options += ["--data.ignore_value", str(IGNORE)]
        for path in beside:
            shutil.copy(path, stage)
        command = shlex.join(["python", "src/train.py", *options])
        write_source(stage, facts, attribution, notes, command)
    return Dataset(folder, tuple(notes), command)


def _recipe(folder: Path, scene: Scene, table: ClassTable, rule: Rule, tally: Tally) -> dict[str, Any] | None:
    """What the default recipe has to be told; None where three bands and one class are what it reads anyway."""
    bands = [
        name or f"band{number}"
        for number, (name, colour) in enumerate(zip(scene.bands, scene.colours, strict=True), 1)
        if colour != ColorInterp.alpha
    ]
    if len(bands) == 3 and not table.classes:
        return None
    names: dict[int, str] = {} if rule.elsewhere == IGNORE else {0: "background"}
    for name, value in (table.classes or {"foreground": 1}).items():
        names.setdefault(value, name)
    classes = [
        {"name": name, "color": "#000000" if value == 0 else _COLOURS[value % len(_COLOURS)], "values": [value]}
        for value, name in sorted(names.items())
    ]
    data: dict[str, Any] = {"bands": [{"name": band} for band in bands], "classes": classes}
    if tally.pixels[IGNORE]:
        data["ignore_value"] = IGNORE
    listed = ", ".join(str(item["name"]) for item in classes)
    return {
        "base": "refugee-camp",
        "title": f"Segmentation of {folder.name}",
        "description": f"Tells {listed} apart on the bands {', '.join(bands)}.",
        "keywords": ["segmentation"],
        "data": data,
    }


def _recipe_name(folder: Path) -> str:
    """The folder's name as a model may be called: three or more letters, digits and hyphens, a letter first."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", folder.resolve().name).strip("-")
    return name if re.match(r"[A-Za-z]..", name) else f"chips-{name}".strip("-")
