"""Finds files by a pattern whose star is the stem of a chip.

``*`` is any image; ``*_S2L2A.tif`` a file with that end of its name; ``*_mask|*`` tries the first alternative first. A
pattern without an ending takes any that images have.

Example:
    >>> find(Path("tiles"), "*_S2L2A.tif", "data.chips_dir")
    {'EMSR382_AOI01_01': PosixPath('tiles/EMSR382/AOI01/EMSR382_AOI01_01/EMSR382_AOI01_01_S2L2A.tif')}
"""

import re
from pathlib import Path

from segmint.data.images import IMAGE_ENDINGS
from segmint.errors import DataError, RecipeError, Refuse, stop

_ANY_ENDING = "|".join(re.escape(ending) for ending in IMAGE_ENDINGS)


def find(folder: Path, pattern: str, key: str, refuse: Refuse = stop) -> dict[str, Path]:
    """Files below a folder by their stem, sorted by stem; hidden ones are left out.

    Args:
        folder: Where to look, folders inside included.
        pattern: What the star is taken from.
        key: Recipe key of the folder, for messages.
        refuse: What is done about a second file of one stem.

    Raises:
        RecipeError: A pattern without exactly one star.
        DataError: Nothing matches, or two files have one stem.
    """
    wanted = [_expression(part) for part in pattern.split("|")]
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*"), key=lambda path: (path.stem, path.suffix)):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        stem = next((match[1] for expression in wanted if (match := expression.fullmatch(path.name))), None)
        if hidden or stem is None or not path.is_file():
            continue
        if stem in found:
            refuse(DataError(f"{found[stem]} and {path.name} have the same stem", "one file per stem", "Remove one"))
        found.setdefault(stem, path)
    if not found:
        wanted_names = pattern if pattern != "*" else f"files that end in {', '.join(IMAGE_ENDINGS)}"
        raise DataError(
            f"{key}: {folder} holds no image", wanted_names, "Check the folder and data.images, data.labels"
        )
    return dict(sorted(found.items()))


def _expression(pattern: str) -> re.Pattern[str]:
    if pattern.count("*") != 1:
        raise RecipeError(f"file pattern '{pattern}'", "exactly one *", "For example *_S2L2A.tif")
    before, after = (re.escape(part) for part in pattern.split("*"))
    ending = "" if "." in pattern.split("*")[1] else f"(?:{_ANY_ENDING})"
    return re.compile(f"{before}(.+?){after}{ending}", re.IGNORECASE)
