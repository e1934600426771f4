"""Which scenes an input names.

Example:
    >>> find_scenes("scenes/*.tif")
    {'north': 'scenes/north.tif', 'south': 'scenes/south.tif'}
"""

import glob
from pathlib import Path

from segmint.addresses import shown
from segmint.errors import SceneError

ENDINGS = (".tif", ".tiff", ".vrt", ".png", ".jpg", ".jpeg", ".jp2", ".img")


def find_scenes(given: str) -> dict[str, str]:
    """Name of its results -> address of each scene: of a folder, a pattern, one file, or a URL.

    Raises:
        SceneError: Nothing is there, or two scenes would have results of one name.
    """
    path = Path(given)
    if path.is_dir():
        found = [str(item) for item in sorted(path.iterdir()) if item.suffix.lower() in ENDINGS]
    elif glob.has_magic(given) and not path.exists() and "://" not in given:
        matching = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
        found = sorted(str(item) for item in matching if item.suffix.lower() in ENDINGS)
    else:
        found = [given]
        if "://" not in given and not given.startswith("/vsi") and not path.exists():
            raise SceneError(f"there is no scene {given}", "a file, a folder, a pattern or a URL", "Check the spelling")
    if not found:
        raise SceneError(f"{given} has no scene", f"files that end with {', '.join(ENDINGS)}")
    scenes: dict[str, str] = {}
    for address in found:
        stem = Path(address.partition("?")[0]).stem
        if stem in scenes:
            raise SceneError(
                f"{shown(scenes[stem])} and {shown(address)} have one name",
                "names that differ",
                "Predict one at a time",
            )
        scenes[stem] = address
    return scenes


def require_output(given: str, scenes: dict[str, str]) -> Path:
    """The output folder, made where it is missing.

    Raises:
        SceneError: It is a file, or holds the scenes, whose maps would be taken for scenes the next time.
    """
    output = Path(given)
    if output.exists() and not output.is_dir():
        raise SceneError(f"output_dir: {output} is a file", "a folder", "Choose another -P output_dir")
    if len(scenes) > 1 and any(Path(address).resolve().parent == output.resolve() for address in scenes.values()):
        raise SceneError(f"output_dir: {output} holds the scenes", "another folder", "Choose another -P output_dir")
    output.mkdir(parents=True, exist_ok=True)
    return output
