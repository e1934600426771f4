"""Labelled scenes, answered by a model and scored row by row: memory does not grow with the scene.

Example:
    >>> outcome = score_scenes(scenes, truths.by_stem, contract, settings, predict, None, request, scratch)
    >>> outcome.evaluation.scores["iou"]
    0.71
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.data.chips import IGNORE
from segmint.evaluation.extremes import Extremes
from segmint.evaluation.outcome import SHOWN, SPLIT, Outcome, Settings
from segmint.evaluation.regions import scores_by_class, trace
from segmint.evaluation.request import Request
from segmint.evaluation.results import ChipCounts, Example, as_matrix
from segmint.evaluation.tally import Counts, Tally
from segmint.evaluation.truth import Truth
from segmint.inference.layers import Description, Layer, describe
from segmint.inference.maps import STEPS
from segmint.inference.objects import ObjectScores
from segmint.inference.pipeline import run
from segmint.inference.progress import Progress
from segmint.inference.protocols import Predict
from segmint.inference.quicklook import QuickLook
from segmint.inference.scene import Scene
from segmint.inference.whole import scale_of
from segmint.sources.shapes import Shapes

_LEAST_SHARE = 0.01
"""Share of a tile that must be foreground, in truth or answer, for it to be shown as good or bad."""

_ROWS = 512


def score_scenes(
    scenes: Mapping[str, str],
    truths: Mapping[str, Truth],
    contract: ModelContract,
    settings: Settings,
    predict: Predict,
    pooled: str | None,
    request: Request,
    scratch: Path,
) -> Outcome:
    """Score a model on labelled scenes.

    Args:
        scenes: Name -> address.
        truths: Name -> truth on the scene's grid.
        contract: The model's.
        settings: How it is asked.
        predict: The model.
        pooled: What the classes above 0 are together, or None.
        request: How scenes are read.
        scratch: An existing folder.

    Raises:
        SceneError: A scene cannot be read, or a smallest area and a scene without a georeference.
    """
    tally, extremes = Tally(contract, settings.threshold), Extremes(SHOWN)
    objects: dict[str, dict[str, ObjectScores]] = {}
    overviews: list[Example] = []
    for stem, address in scenes.items():
        with Scene.open(address, contract, **request.reading) as scene:
            print(f"scene:   {scene.sentence()}", flush=True)
            if contract.fit != "tile":
                print(f"fit:     {scale_of(contract, scene.height, scene.width)}", flush=True)
            min_pixels = settings.min_pixels(scene.name, scene.ground.resolution_m if scene.ground else None)
            counts = tally.begin(stem, scene.height, scene.width)
            scored = _Scored.begin(scratch, scene.width, contract.output.channels, truths[stem], counts)
            look = QuickLook(scene, contract.input)
            with Progress(stem, scene.height, scene.width) as progress:
                run(look, predict, contract, settings.stride, settings.batch_size, scored, progress)
            for iou, example in _places(stem, scene, scored):
                extremes.offer(iou, example)
            overviews.append(_overview(stem, look, scored))
            found, truth = scored.objects()
            objects[stem] = scores_by_class(found, truth, contract.class_names, min_pixels)
            scored.remove()
    evaluation = tally.evaluation(SPLIT, pooled)
    return Outcome("scene", evaluation, objects, tally.reliability, extremes.best, extremes.worst, overviews)


@dataclass
class _Scored:
    """Rows of one scene: counted as they come, and kept in files for objects and pictures.

    Attributes:
        truth: What is true.
        counts: Where pixels are counted.
        answer: Class values.
        target: What is true, 255 where it is not known or the scene has no value.
        found: Class values where the truth is known, else 255.
        probability: In steps of 0.005.
        rows: Rows that have come.
    """

    truth: Truth
    counts: Counts
    answer: Layer
    target: Layer
    found: Layer
    probability: Layer
    rows: int = 0

    @classmethod
    def begin(cls, folder: Path, width: int, channels: int, truth: Truth, counts: Counts) -> "_Scored":
        answer, target, found = (Layer(folder / f"{name}.raw", "uint8", 1, width) for name in ("a", "t", "f"))
        return cls(truth, counts, answer, target, found, Layer(folder / "p.raw", "uint8", channels, width))

    def append(self, probabilities: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        target = self.truth.read(self.rows, len(valid))
        target[~valid] = IGNORE
        answer = self.counts.add(probabilities, target)
        self.found.append(np.where(target == IGNORE, IGNORE, answer).astype(np.uint8)[None])
        answer[~valid] = IGNORE
        self.answer.append(answer[None])
        self.target.append(target[None])
        self.probability.append(np.rint(probabilities.clip(0, 1) * STEPS).astype(np.uint8))
        self.rows += len(valid)

    def objects(self) -> tuple[Shapes, Shapes]:
        """What was found and what is there, where the truth is known."""
        truth = self.truth.objects
        return _traced(self.found), _traced(self.target) if truth is None else self._seen(truth)

    def _seen(self, shapes: Shapes) -> Shapes:
        """True objects that could be found: a point inside of them has a value and a known truth."""
        points = np.floor(_points(shapes)).astype(int)
        columns, rows = points[:, 0].clip(0, self.target.width - 1), points[:, 1].clip(0, self.rows - 1)
        seen = np.zeros(len(points), bool)
        for top in range(0, self.rows, _ROWS):
            here = (rows >= top) & (rows < top + _ROWS)
            if here.any():
                band = self.target.read(top, min(_ROWS, self.rows - top))[0]
                seen[here] = band[rows[here] - top, columns[here]] != IGNORE
        return Shapes(shapes.polygons[seen], shapes.values[seen])

    def remove(self) -> None:
        for layer in (self.answer, self.target, self.found, self.probability):
            layer.path.unlink()


def _points(shapes: Shapes) -> NDArray[np.float64]:
    """A point inside of each polygon, (column, row)."""
    return np.asarray(shapely.get_coordinates(shapely.point_on_surface(shapes.polygons)), float).reshape(-1, 2)


def _traced(layer: Layer) -> Shapes:
    description = Description(crs=None, transform=Affine.identity(), nodata=IGNORE, bands=("class",))
    with rasterio.open(describe(layer, description)) as source:
        return trace(source)


def _places(stem: str, scene: Scene, scored: _Scored) -> Iterator[tuple[float, Example]]:
    """The best and the worst tiles of a scene, among those that have something to find or to find wrongly."""
    counted = []
    for number, (tile, counts) in enumerate(zip(scored.counts.tiles, scored.counts.confusions, strict=True)):
        iou = ChipCounts(stem, as_matrix(counts)).iou
        if iou is not None and counts.sum() - counts[0, 0] >= _LEAST_SHARE * tile[2] * tile[3]:
            counted.append((iou, number))
    counted.sort()
    chosen = dict.fromkeys([*counted[:SHOWN], *counted[-SHOWN:]])
    for iou, number in chosen:
        row, col, height, width = scored.counts.tiles[number]
        across = slice(col, col + width)
        values, _ = scene.read(row, height)
        layers = (scored.target, scored.probability, scored.answer)
        target, probability, answer = (layer.read(row, height)[:, :, across] for layer in layers)
        name = f"{stem}, row {row}, column {col}"
        yield iou, _example(name, values[:, :, across], target, probability, answer)


def _overview(stem: str, look: QuickLook, scored: _Scored) -> Example:
    values, _ = look.sample()
    layers = (scored.target, scored.probability, scored.answer)
    return _example(stem, values, *(look.sample_of(layer) for layer in layers))


def _example(
    name: str,
    values: NDArray[np.generic],
    target: NDArray[np.generic],
    probability: NDArray[np.generic],
    answer: NDArray[np.generic],
) -> Example:
    shares = probability.astype(np.float32) / np.float32(STEPS)
    return Example(name, values, target[0].astype(np.uint8), shares, answer[0].astype(np.uint8))
