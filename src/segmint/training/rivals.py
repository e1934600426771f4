"""Answers that need no network, for a model to be measured against.

Which of them there are follows from the data: a threshold on NBR or dNBR where fire is looked for and infrared and
short-wave infrared are there, a per-pixel classifier for every image, and for a fire's history the last frame and the
last frame grown by a pixel.

Example:
    >>> rivals = Rivals.of(train_dataset, pooled=None)
    >>> {name: answer(raw).shape for name, answer in rivals.answers.items()}
    {'pixel classifier': (256, 256)}
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from segmint.data.chips import IGNORE
from segmint.data.dataset import TileDataset
from segmint.data.normalisation import Normaliser
from segmint.data.statistics import Scaling
from segmint.interface import DerivedBand

ClassMap = Callable[[NDArray[np.generic]], NDArray[np.uint8]]
"""Stored values ``[C, S, S]`` to class values ``[S, S]``."""

_PIXELS = 60_000
"""Training pixels that the classifier and the threshold are fitted on."""

_TREES = 30
"""Of the classifier, at most. Twice as many take as long over a tile as a U-Net does, and score 0.01 more at best."""

_LEVELS = 200
"""That are tried as a threshold."""


@dataclass(frozen=True)
class Rivals:
    """Trivial answers by their name, fitted on the training split where there is something to fit."""

    answers: dict[str, ClassMap]

    @classmethod
    def of(cls, train: TileDataset, pooled: str | None) -> "Rivals":
        """The answers that a dataset allows; ``pooled`` is what its classes are together, ``fire`` for a burn."""
        item = train.normaliser.item
        names = [band.name for band in item.bands]
        if "fire_t-0" in names:
            place = names.index("fire_t-0")
            return cls({"copy of the last frame": _Last(place, 0), "last frame grown by a pixel": _Last(place, 1)})
        values, truth = _pixels(train)
        if len(np.unique(truth)) < 2:
            return cls({})
        index = _burn_index(names) if pooled == "fire" else ()
        answers: dict[str, ClassMap] = {"pixel classifier": _PixelClassifier.fit(train.normaliser, values, truth)}
        if index:
            assert item.normalisation is not None
            scaling = Scaling(item.normalisation.scale, item.normalisation.offset, tuple(names), index)
            answers[f"{index[-1].name} threshold"] = _Threshold.fit(scaling, values, truth)
        return cls(answers)


@dataclass(frozen=True)
class _Last:
    """The last frame, grown by some pixels."""

    place: int
    grown: int

    def __call__(self, raw: NDArray[np.generic]) -> NDArray[np.uint8]:
        burning = raw[self.place] == 1
        return np.asarray(_grown(burning) if self.grown else burning, np.uint8)


@dataclass(frozen=True)
class _PixelClassifier:
    """Gradient-boosted trees on the channels of one pixel."""

    normaliser: Normaliser
    model: HistGradientBoostingClassifier

    @classmethod
    def fit(cls, normaliser: Normaliser, values: NDArray[np.generic], truth: NDArray[np.uint8]) -> "_PixelClassifier":
        model = HistGradientBoostingClassifier(
            max_iter=_TREES, learning_rate=6 / _TREES, random_state=0, class_weight="balanced"
        )
        channels = normaliser(values[:, None])[:, 0].T  # of an image of one row
        return cls(normaliser, model.fit(channels, truth))

    def __call__(self, raw: NDArray[np.generic]) -> NDArray[np.uint8]:
        channels = self.normaliser(raw)
        answer = self.model.predict(channels.reshape(len(channels), -1).T)
        return np.asarray(answer.reshape(raw.shape[1:]), np.uint8)


@dataclass(frozen=True)
class _Threshold:
    """A class from a level of a spectral index, on the side where training says the class lies."""

    scaling: Scaling
    level: float
    above: bool
    value: int

    @classmethod
    def fit(cls, scaling: Scaling, values: NDArray[np.generic], truth: NDArray[np.uint8]) -> "_Threshold":
        index = scaling.derive(values)[-1]
        burned = truth > 0
        value = int(np.bincount(truth[burned]).argmax())
        levels = np.nanquantile(index, np.linspace(0.005, 0.995, _LEVELS))
        tried = [
            (_iou(index >= level if above else index < level, burned), level, above)
            for level in levels
            for above in (True, False)
        ]
        _, level, above = max(tried)
        return cls(scaling, float(level), above, value)

    def __call__(self, raw: NDArray[np.generic]) -> NDArray[np.uint8]:
        index = self.scaling.derive(raw)[-1]
        return np.asarray(np.where((index >= self.level) == self.above, self.value, 0), np.uint8)


def _burn_index(names: list[str]) -> tuple[DerivedBand, ...]:
    """NBR (Key and Benson 2006) of the bands, or dNBR where the picture before the fire is there too."""
    if not {"nir", "swir22"} <= set(names):
        return ()
    after = DerivedBand(name="NBR", kind="normalized_difference", of=("nir", "swir22"))
    if not {"pre_nir", "pre_swir22"} <= set(names):
        return (after,)
    before = DerivedBand(name="NBR before", kind="normalized_difference", of=("pre_nir", "pre_swir22"))
    return before, after, DerivedBand(name="dNBR", kind="difference", of=("NBR before", "NBR"))


def _pixels(train: TileDataset) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """Stored values ``[C, N]`` and classes ``[N]`` of training pixels that count, the same number from every tile."""
    each = max(1, _PIXELS // max(1, len(train)))
    values, truth = [], []
    for position in range(len(train)):
        raw, target = train.read(position)
        places = np.flatnonzero(target != IGNORE)
        chosen = np.random.default_rng(position).permutation(places)[:each]
        values.append(raw.reshape(len(raw), -1)[:, chosen])
        truth.append(target.ravel()[chosen])
    return np.concatenate(values, axis=1), np.concatenate(truth)


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask and the eight neighbours of each of its pixels."""
    return np.asarray(np.lib.stride_tricks.sliding_window_view(np.pad(mask, 1), (3, 3)).any(axis=(2, 3)))


def _iou(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((found & truth).sum() / max((found | truth).sum(), 1))
