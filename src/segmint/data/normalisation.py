"""The training path's own normalisation, on numpy arrays.

It is written apart from ``DeployedModel`` on purpose: the proof of the exports compares the two.

Example:
    >>> Normaliser(255.0, (0.5,), (0.25,), None)(np.full((1, 2, 2), 255, np.uint8))[0, 0, 0]
    2.0
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segmint.data.statistics import Statistics
from segmint.errors import RecipeError
from segmint.recipe import DataRecipe

Source = Literal["imagenet", "training split"]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0, "int16": 32767.0}


@dataclass(frozen=True)
class Normaliser:
    """``(value / scale - mean) / std`` per band, 0 where there is no value.

    Attributes:
        scale: Divisor of raw values.
        mean: Per band, in units of ``value / scale``.
        std: Per band, in units of ``value / scale``.
        nodata: Raw value of a pixel that is empty when all its bands have it.
    """

    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    nodata: float | None

    def __call__(self, raw: NDArray[np.generic]) -> NDArray[np.float32]:
        """Normalised ``[C, H, W]`` float32 of raw values ``[C, H, W]`` (stored units)."""
        values = raw.astype(np.float32)
        mean = np.asarray(self.mean, np.float32)[:, None, None]
        std = np.asarray(self.std, np.float32)[:, None, None]
        normalised: NDArray[np.float32] = (values / np.float32(self.scale) - mean) / std
        normalised[~np.isfinite(values)] = 0
        if self.nodata is not None:
            normalised[:, (values == np.float32(self.nodata)).all(axis=0)] = 0
        return normalised


def choose(
    data: DataRecipe, statistics: Statistics, pretrained: str | None, nodata: float | None
) -> tuple[Normaliser, Source]:
    """The normalisation of a run and where it comes from (``imagenet`` or ``training split``).

    Raises:
        RecipeError: ImageNet figures asked for chips that have not three bands.
    """
    names = tuple(band.name for band in data.bands)
    scale = data.scale if isinstance(data.scale, float) else _FULL_SCALE.get(statistics.dtype, 1.0)
    imagenet = data.normalisation == "imagenet" or (data.normalisation == "auto" and pretrained == "imagenet")
    if imagenet:
        if len(names) != len(IMAGENET_MEAN):
            raise RecipeError(f"data.normalisation: imagenet with {len(names)} bands", "3 bands", "Use 'training'")
        return Normaliser(scale, IMAGENET_MEAN, IMAGENET_STD, nodata), "imagenet"
    mean = tuple(band.mean / scale for band in statistics.bands)
    std = tuple(max(band.std / scale, 1e-6) for band in statistics.bands)
    return Normaliser(scale, mean, std, nodata), "training split"
