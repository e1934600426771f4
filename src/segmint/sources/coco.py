"""COCO polygons as labels: pixel coordinates, matched to scenes by file name.

Example:
    >>> layer = CocoLayer.of(Path("coco.json"), json.loads(Path("coco.json").read_bytes()), ClassTable())
    >>> layer.on(scene).burn((0, 0, 512, 512), background=0).mean()
    0.45
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from segmint.errors import DataError
from segmint.sources.classes import UNLISTED, ClassTable
from segmint.sources.scene import Scene
from segmint.sources.shapes import Repaired, Shapes, repair

CATEGORY = "name"
"""The attribute of a category that tells the class."""


@dataclass
class CocoLayer:
    """The polygons of a COCO file.

    Attributes:
        path: The file.
        images: File name without its folders -> identifier, width and height.
        image_of: ``[N]`` identifier of the image of each annotation.
        geometry: What could be burnt, and what not.
        numbers: ``[N]`` identifiers of the annotations.
        values: ``[N]`` label values.
        unlisted: Categories that no class takes.
        used: Identifiers of images that were asked for.
    """

    path: Path
    images: dict[str, tuple[int, int, int]]
    image_of: NDArray[np.int64]
    geometry: Repaired
    numbers: NDArray[np.int64]
    values: NDArray[np.uint8]
    unlisted: str
    used: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, path: Path, content: dict[str, Any], table: ClassTable) -> "CocoLayer":
        """Take the polygons out of a COCO document.

        Raises:
            DataError: A part that COCO asks for is missing, masks in run lengths, or a class without annotations.
        """
        try:
            names = {item["id"]: item[CATEGORY] for item in content.get("categories", [])}
            images = {
                Path(item["file_name"]).name: (int(item["id"]), int(item["width"]), int(item["height"]))
                for item in content["images"]
            }
            annotations = content["annotations"]
            rings = [item["segmentation"] for item in annotations]
            numbers = np.array([item["id"] for item in annotations], np.int64)
            image_of = np.array([item["image_id"] for item in annotations], np.int64)
            found = np.array([names.get(item["category_id"]) for item in annotations], object)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path} is no COCO file ({error!r})", "images, annotations with segmentation") from error
        if len(images) < len(content["images"]):
            raise DataError(f"{path} lists two images of one file name", "names that differ without their folders")
        for number, ring in zip(numbers, rings, strict=True):
            if isinstance(ring, dict):
                raise DataError(
                    f"{path}: annotation {number} is a run-length mask", "polygons", "Convert it to polygons"
                )
            if not all(isinstance(part, list) for part in ring):
                raise DataError(f"{path}: annotation {number} has a list of numbers", "a list of polygons")
        values, unlisted = np.ones(len(numbers), np.uint8), ""
        if table.attribute is not None:
            if table.attribute != CATEGORY:
                raise DataError(f"--attribute {table.attribute} with COCO", f"'{CATEGORY}', the category's")
            table.require(found)
            values, unlisted = table.values(found), table.unlisted(found)
        polygons = np.array([_polygon(ring) for ring in rings], object)
        return cls(path, images, image_of, repair(polygons), numbers, values, unlisted)

    def on(self, scene: Scene) -> Shapes:
        """The polygons of the image that has the scene's file name.

        Raises:
            DataError: There is none, or it has another size.
        """
        if scene.path.name not in self.images:
            found = f"{self.path} lists no image {scene.path.name}"
            raise DataError(found, "an image per scene", "Leave the scene out or rename it")
        identifier, width, height = self.images[scene.path.name]
        if (width, height) != (scene.width, scene.height):
            found = f"{self.path} says {width} x {height} px of {scene.path.name}, it is {scene.width} x {scene.height}"
            raise DataError(found, "the size that was labelled", "Use the image that was labelled")
        self.used.add(identifier)
        usable = ~shapely.is_missing(self.geometry.polygons) & (self.values != UNLISTED)
        places = np.flatnonzero(usable & (self.image_of == identifier))
        return Shapes(self.geometry.polygons[places], self.values[places])

    def report(self) -> list[str]:
        """What was found, repaired and left out; complete once every scene has been asked for."""
        on_scenes = int(np.isin(self.image_of, list(self.used)).sum())
        lines = [
            f"{on_scenes:,} of {len(self.numbers):,} annotations of {self.path.name} are on {len(self.used)} scenes"
        ]
        return [*lines, *self.geometry.report(self.numbers, "annotation", self.unlisted)]


def _polygon(rings: list[list[float]]) -> shapely.Geometry | None:
    """The union of the parts of an annotation; each is x, y, x, y ... of at least three corners."""
    parts = [np.reshape(ring[: len(ring) // 2 * 2], (-1, 2)) for ring in rings]
    polygons = [Polygon(part) for part in parts if len(part) >= 3]
    return shapely.multipolygons(polygons) if len(polygons) > 1 else next(iter(polygons), None)
