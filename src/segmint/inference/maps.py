"""A map while it grows: classes, and on request probabilities, in a folder of work beside where they will stand.

Class maps are 8-bit with the model's colours and class names; 255 is no answer. Probabilities are stored as 8-bit
hundredths of a half (value x 0.005), which is finer than any calibration and a tenth of the size, or as float32 where
they are to be computed with.

Example:
    >>> work = MapInWork.begin(folder, contract, (scene.crs, scene.transform, scene.width), "uint8")
    >>> work.append(probabilities, valid)  # rows, top to bottom
    >>> work.optimised(tags={"model": "refugee-camp"})
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from segmint.contract import ModelContract
from segmint.inference.layers import Description, Layer, optimise
from segmint.interface import Output

NODATA = 255
"""Class of pixels without an answer, and their stored probability in 8 bits."""

STEPS = 200
"""What a probability is multiplied by where it is stored in 8 bits."""

CERTAINTY_STEPS = 10_000
"""What the probability of the chosen class is multiplied by in the layer that polygons are measured with."""


@dataclass(frozen=True)
class Foreground:
    """What a map says about the foreground, every class but the first, as :mod:`segmint.models.foreground` defines it.

    Attributes:
        detected: Whether any pixel is of it.
        confidence: Largest probability of the foreground, its classes added up, over the pixels with a value, 0..1.
    """

    detected: bool
    confidence: float


ProbabilityType = Literal["none", "uint8", "float32"]


@dataclass(frozen=True)
class MapInWork:
    """The layers of one map.

    Attributes:
        contract: Of the model.
        crs: Projection of the scene, or None.
        transform: From pixels to the projection.
        threshold: Probability from which the foreground is chosen (sigmoid only).
        classes: Class values.
        certainty: Probability of the chosen class.
        probabilities: Probabilities of all classes, or None.
        foreground: A line per row: whether it has foreground, and with what confidence.
    """

    contract: ModelContract
    crs: CRS | None
    transform: Affine
    threshold: float
    classes: Layer
    certainty: Layer
    probabilities: Layer | None
    foreground: Layer

    @classmethod
    def begin(
        cls,
        folder: Path,
        contract: ModelContract,
        grid: tuple[CRS | None, Affine, int],
        probabilities: ProbabilityType,
        threshold: float | None = None,
    ) -> "MapInWork":
        """Layers in a folder; rows that are finished there already are kept.

        Args:
            folder: An existing folder.
            contract: Of the model.
            grid: Projection, transform and width of the scene.
            probabilities: How they are stored.
            threshold: Instead of the contract's.
        """
        crs, transform, width = grid
        channels = contract.output.channels
        stored = None if probabilities == "none" else probabilities
        work = cls(
            contract=contract,
            crs=crs,
            transform=transform,
            threshold=contract.output.threshold if threshold is None else threshold,
            classes=Layer(folder / "classes.raw", "uint8", 1, width),
            certainty=Layer(folder / "certainty.raw", "uint16", 1, width),
            probabilities=Layer(folder / "probabilities.raw", stored, channels, width) if stored else None,
            foreground=Layer(folder / "foreground.raw", "float32", 2, 1),
        )
        rows = work.rows
        for layer in work.layers:
            layer.keep(rows)
        return work

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers."""
        layers = (self.classes, self.certainty, self.foreground, self.probabilities)
        return tuple(layer for layer in layers if layer is not None)

    @property
    def rows(self) -> int:
        """Rows that are finished in every layer."""
        return min(layer.rows for layer in self.layers)

    def append(self, probabilities: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        """Add rows: probabilities ``[K, n, W]``, and ``[n, W]``, False where a pixel has no value."""
        classes, certainty = decide(probabilities, self.contract.output, self.threshold)
        classes[~valid] = 0
        self.foreground.append(_foreground(classes, np.where(valid, probabilities, np.float32(0)))[:, :, None])
        classes[~valid] = NODATA
        certainty[~valid] = 0
        self.classes.append(classes[None])
        self.certainty.append(np.rint(certainty * CERTAINTY_STEPS).astype(np.uint16)[None])
        if self.probabilities is None:
            return
        if self.probabilities.dtype == "uint8":
            stored = np.rint(probabilities.clip(0, 1) * STEPS).astype(np.uint8)
            self.probabilities.append(np.where(valid, stored, np.uint8(NODATA)))
        else:
            self.probabilities.append(np.where(valid, probabilities, np.float32(np.nan)))

    def optimised(self, tags: Mapping[str, str]) -> list[Path]:
        """The Cloud Optimized GeoTIFFs of the classes and, where they were asked for, of the probabilities."""
        described = {self.classes: self._class_description(tags)}
        if self.probabilities is not None:
            described[self.probabilities] = self._probability_description(tags)
        return optimise(described)

    def certainty_of(self, row: int, count: int) -> NDArray[np.float64]:
        """Probability of the chosen class, ``[count, W]``, in steps of 0.0001; 0 where there is no answer."""
        return np.asarray(self.certainty.read(row, count)[0] / CERTAINTY_STEPS)

    def found(self) -> Foreground:
        """What all rows together say about the foreground."""
        detected, confidence = self.foreground.read(0, self.rows)[:, :, 0]
        return Foreground(bool(detected.any()), round(float(confidence.max()), 4))

    def _class_description(self, tags: Mapping[str, str]) -> Description:
        classes = self.contract.output.classes
        return Description(
            crs=self.crs,
            transform=self.transform,
            nodata=NODATA,
            bands=("class",),
            colours=[item.color for item in classes],
            categories=[item.name for item in classes],
            tags={**tags, **{f"class_{item.value}": item.name for item in classes}},
        )

    def _probability_description(self, tags: Mapping[str, str]) -> Description:
        assert self.probabilities is not None
        output, small = self.contract.output, self.probabilities.dtype == "uint8"
        names = self.contract.class_names[1:] if output.activation == "sigmoid" else self.contract.class_names
        return Description(
            crs=self.crs,
            transform=self.transform,
            nodata=NODATA if small else np.nan,
            bands=names,
            scale=1 / STEPS if small else 1.0,
            tags=tags,
        )


def _foreground(classes: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Detection and confidence of every row, ``[2, n]``, of ``[n, W]`` and ``[K, n, W]``."""
    import torch  # a scene that is refused has not waited for it

    from segmint.models import foreground

    detected = foreground.detection(torch.from_numpy(classes)[:, None])
    confidence = foreground.confidence(torch.from_numpy(probabilities).movedim(1, 0)[:, :, None])
    return torch.stack([detected.float(), confidence]).numpy()


def decide(
    probabilities: NDArray[np.float32], output: Output, threshold: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Class ``[H, W]`` of each pixel of ``[K, H, W]``, and the probability of that class."""
    if output.activation == "softmax":
        return probabilities.argmax(axis=0).astype(np.uint8), probabilities.max(axis=0)
    foreground = probabilities[0]
    chosen = foreground >= np.float32(threshold)
    return chosen.astype(np.uint8), np.where(chosen, foreground, 1 - foreground)
