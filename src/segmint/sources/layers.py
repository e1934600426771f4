"""The kinds of files that hold labels: what GDAL reads, and COCO.

Example:
    >>> open_layer(Path("buildings.gpkg"), None, ClassTable(), scenes).on(scenes[0]).values.size
    1228
"""

import json
from collections.abc import Sequence
from pathlib import Path

from segmint.errors import DataError
from segmint.sources.classes import ClassTable
from segmint.sources.coco import CocoLayer
from segmint.sources.scene import Scene
from segmint.sources.shapes import Layer
from segmint.sources.vectors import VectorLayer


def open_layer(path: Path, name: str | None, table: ClassTable, scenes: Sequence[Scene]) -> Layer:
    """Read a file of labels for some scenes; a ``.json`` that lists ``annotations`` is COCO.

    Args:
        path: The file.
        name: Layer of a file that has several.
        table: Classes.
        scenes: Scenes that will be asked for.

    Raises:
        DataError: A file that cannot be read or does not fit the scenes or the classes.
    """
    if not path.exists():
        raise DataError(f"vectors: no file {path}", "a vector file", "Check spelling and working folder")
    if path.suffix.lower() == ".json":
        try:
            content = json.loads(path.read_bytes())
        except ValueError as error:
            raise DataError(f"{path} is not JSON ({error})", "GeoJSON or COCO polygons") from error
        if isinstance(content, dict) and "annotations" in content:
            return CocoLayer.of(path, content, table)
    return VectorLayer.read(path, name, table, scenes)
