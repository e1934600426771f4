"""Finds files by a pattern whose star is the stem of a chip.

``*`` is any image; ``*_S2L2A.tif`` a file with that end of its name; ``*_mask|*`` tries the first alternative first;
``images/*`` takes only files that lie in a folder of that name. A pattern without an ending takes any that images have.

Example:
    >>> find(Path("tiles"), "*_S2L2A.tif", "data.chips_dir")
    {'EMSR382_AOI01_01': PosixPath('tiles/EMSR382/AOI01/EMSR382_AOI01_01/EMSR382_AOI01_01_S2L2A.tif')}
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from segmint.data.images import IMAGE_ENDINGS
from segmint.errors import DataError, RecipeError, Refuse, stop

SPLIT_FOLDERS = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
"""Side of a split -> what folders that hold it are called."""

_ANY_ENDING = "|".join(re.escape(ending) for ending in IMAGE_ENDINGS)


def find(
    folder: Path, pattern: str, key: str, refuse: Refuse = stop, apart: Collection[str] = (), needed: bool = True
) -> dict[str, Path]:
    """Files below a folder by their stem, sorted by stem; hidden ones are left out.

    Args:
        folder: Where to look, folders inside included.
        pattern: What the star is taken from.
        key: Recipe key of the folder, for messages.
        refuse: What is done about a second file of one stem.
        apart: Folders directly inside whose stems are told apart: they are led by the folder's name, ``val/a``.
        needed: Whether there must be a file.

    Raises:
        RecipeError: A pattern without exactly one star.
        DataError: Nothing matches though something must, or two files have one stem.
    """
    found: dict[str, Path] = {}
    for stem, path in sorted(_matches(folder, pattern), key=lambda match: (match[1].stem, match[1].suffix)):
        first = path.relative_to(folder).parts[0]
        stem = f"{first}/{stem}" if first in apart else stem
        if stem in found:
            refuse(DataError(f"{found[stem]} and {path} have the same stem", "one file per stem", "Remove one"))
        found.setdefault(stem, path)
    if needed and not found:
        wanted_names = pattern if pattern != "*" else f"files that end in {', '.join(IMAGE_ENDINGS)}"
        raise DataError(
            f"{key}: {folder} holds no image", wanted_names, "Check the folder and data.images, data.labels"
        )
    return dict(sorted(found.items()))


def split_folders(folder: Path, pattern: str, key: str) -> dict[str, str]:
    """Folders that say which side of the split their files belong to, and the side.

    They do where there is one for ``train`` and at least one for ``val`` or ``test``, and every file lies in one.

    Raises:
        DataError: Two folders of one side, or files outside of them.
    """
    side_of = {name: side for side, names in SPLIT_FOLDERS.items() for name in names}
    holding: dict[str, Path] = {}
    for _, path in _matches(folder, pattern):
        holding.setdefault(path.relative_to(folder).parts[0], path)
    sides = {name: side_of[name.lower()] for name in sorted(holding) if name.lower() in side_of}
    if "train" not in sides.values() or len(set(sides.values())) < 2:
        return {}
    remedy = "Move them, or add -P data.split_folders=ignore to have the split drawn"
    if len(set(sides.values())) < len(sides):
        raise DataError(f"{key}: {folder} has the folders {', '.join(sides)}", "one per side of the split", remedy)
    for name, path in holding.items():
        if name not in sides:
            raise DataError(f"{path} lies outside of the folders {', '.join(sides)}", "every image in one", remedy)
    return sides


def expected(folder: Path, pattern: str, stem: str) -> Path:
    """Where :func:`find` would look for a stem first, for messages."""
    side, _, name = stem.rpartition("/")
    return folder / side / pattern.split("|")[0].replace("*", name)


def _matches(folder: Path, pattern: str) -> Iterator[tuple[str, Path]]:
    """Stem and path of every file that one of the alternatives takes."""
    wanted = [(part.count("/") + 1, _expression(part)) for part in pattern.split("|")]
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") for part in parts) or not path.is_file():
            continue
        for depth, expression in wanted:
            match = expression.fullmatch("/".join(parts[-depth:]))
            if match:
                yield match[1], path
                break


def _expression(pattern: str) -> re.Pattern[str]:
    folders, _, name = pattern.rpartition("/")
    if name.count("*") != 1 or "*" in folders:
        raise RecipeError(f"file pattern '{pattern}'", "exactly one *, in the name", "For example *_S2L2A.tif")
    before, after = (re.escape(part) for part in pattern.split("*"))
    ending = "" if "." in pattern.split("*")[1] else f"(?:{_ANY_ENDING})"
    return re.compile(f"{before}([^/]+?){after}{ending}", re.IGNORECASE)
