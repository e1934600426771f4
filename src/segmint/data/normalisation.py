"""The training path's own normalisation, on numpy arrays.

It is written apart from the module inside the graph on purpose: the proof of the exports compares the two.

Example:
    >>> Normaliser(contract.input)(np.full((3, 2, 2), 255, np.uint8)).shape
    (3, 2, 2)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmint.data.chips import Chip
from segmint.data.statistics import Scaling, Statistics
from segmint.errors import RecipeError
from segmint.interface import Band, DerivedBand, Input, Normalisation
from segmint.recipe import DataRecipe

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_RGB = ("red", "green", "blue")
_FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0, "int16": 32767.0}


@dataclass(frozen=True)
class Normaliser:
    """Stored values of a raster to the channels that the network sees; 0 where there is no value.

    Attributes:
        item: The input, with its normalisation.
    """

    item: Input

    def __call__(self, raw: NDArray[np.generic]) -> NDArray[np.float32]:
        """Channels ``[C', H, W]`` float32 of stored values ``[C, H, W]``."""
        assert self.item.normalisation is not None
        norm = self.item.normalisation
        values = raw.astype(np.float32)
        missing = ~np.isfinite(values)
        if self.item.nodata is not None:
            missing |= (values == np.float32(self.item.nodata)).all(axis=0)
        mean, std = (np.array(figures, np.float32)[:, None, None] for figures in (norm.mean, norm.std))
        standard = values / np.float32(norm.scale)
        standard += np.float32(norm.offset)
        standard -= mean[: len(values)]
        standard /= std[: len(values)]
        channels: list[NDArray[np.float32]] = []
        for band, stored, value, empty in zip(self.item.bands, values, standard, missing, strict=True):
            for channel in _channels(band, stored, value):
                channel[empty] = 0
                channels.append(channel)
        if not norm.derived:
            return np.stack(channels)
        scaling = Scaling(norm.scale, norm.offset, tuple(band.name for band in self.item.bands), norm.derived)
        derived = scaling.derive(np.where(missing, np.float32(np.nan), values))
        standard = (derived - mean[len(values) :]) / std[len(values) :]
        standard[~np.isfinite(derived)] = 0
        return np.stack([*channels, *standard])


def _channels(band: Band, stored: NDArray[np.float32], standard: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    if band.kind == "categorical":
        return [(stored == code).astype(np.float32) for code in band.categories]
    if band.kind == "circular":
        return [np.sin(np.radians(stored)), np.cos(np.radians(stored))]
    return [standard]


def scaling_of(data: DataRecipe, bands: Sequence[Band], dtype: str) -> Scaling:
    """Scale and offset of a dataset, and its derived bands.

    Raises:
        RecipeError: A derived band of a band that does not exist.
    """
    scale = data.scale if isinstance(data.scale, float) else _FULL_SCALE.get(dtype, 1.0)
    known = [band.name for band in bands]
    for band in data.derived:
        if len(band.of) != 2 or not set(band.of) <= set(known):
            raise RecipeError(f"data.derived {band.name} is made of {band.of}", f"two of {', '.join(known)}")
        known.append(band.name)
    derived = tuple(DerivedBand(name=band.name, kind=band.kind, of=(band.of[0], band.of[1])) for band in data.derived)
    return Scaling(scale, data.offset, tuple(band.name for band in bands), derived)


def _last_step(name: str) -> str:
    """The band whose figures a step of a series takes: the last one, which every sample has."""
    series, step, _ = name.rpartition("_t-")
    return f"{series}_t-0" if step else name


def describe_input(
    data: DataRecipe,
    bands: tuple[Band, ...],
    scaling: Scaling,
    statistics: Statistics,
    chips: Sequence[Chip],
    pretrained: str | None,
) -> Input:
    """The raster that the model takes, with the normalisation of this run.

    Raises:
        RecipeError: ImageNet figures asked for bands other than red, green and blue.
    """
    names = tuple(band.name for band in bands) + tuple(band.name for band in scaling.derived)
    imagenet = data.normalisation == "imagenet" or (
        data.normalisation == "auto" and pretrained == "imagenet" and names == _RGB
    )
    if imagenet and len(names) != len(IMAGENET_MEAN):
        raise RecipeError(f"data.normalisation: imagenet with {len(names)} bands", "3 bands", "Use 'training'")
    kinds = [band.kind for band in bands] + ["continuous"] * len(scaling.derived)
    shifts = [scaling.offset] * len(bands) + [0.0] * len(scaling.derived)
    divisors = [scaling.scale] * len(bands) + [1.0] * len(scaling.derived)
    mean, std = (0.0,) * len(names), (1.0,) * len(names)
    if imagenet:
        mean, std = IMAGENET_MEAN, IMAGENET_STD
    elif data.normalisation != "scale":
        figures = dict(zip(names, statistics.bands, strict=True))
        shared = [figures[_last_step(name)] for name in names]
        rows = list(zip(shared, kinds, shifts, divisors, strict=True))
        mean = tuple(row.mean / by + shift if kind == "continuous" else 0.0 for row, kind, shift, by in rows)
        std = tuple(max(row.std / by, 1e-6) if kind == "continuous" else 1.0 for row, kind, _, by in rows)
    extremes = [(row.minimum, row.maximum) for row in statistics.bands[: len(bands)]]
    return Input(
        bands=tuple(
            band.model_copy(update={"value_range": pair if np.isfinite(pair).all() else None})
            for band, pair in zip(bands, extremes, strict=True)
        ),
        source_dtype=statistics.dtype,
        value_range=(min(low for low, _ in extremes), max(high for _, high in extremes)),
        nodata=chips[0].nodata,
        normalisation=Normalisation(
            scale=scaling.scale,
            offset=scaling.offset,
            derived=scaling.derived,
            mean=mean,
            std=std,
            source="imagenet" if imagenet else "scale alone" if data.normalisation == "scale" else "training split",
        ),
    )
