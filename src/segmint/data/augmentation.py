"""Random changes of training tiles, drawn from a generator of their own so that a resumed epoch repeats them.

Example:
    >>> change = Augmentation(AugmentationRecipe(), source)
    >>> image, target = change(image, target, np.random.default_rng([62, epoch, tile]))
"""

import math
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from segmint.data.chips import IGNORE
from segmint.interface import Input
from segmint.recipe import AugmentationRecipe

Stored = TypeVar("Stored", bound=np.generic)

_NORTH = np.array([[1, -1], [-1, 1]], np.float32)
"""Turns a matrix of east and south into one of east and north."""

FOREGROUND_SHARE = 0.01
"""Share of pixels of a class but the first from which a tile is changed strongly (systems: 1 %)."""


class Augmentation:
    """Flips, quarter turns and free rotation of image and mask together, then radiometry of the image per band.

    Radiometry touches continuous bands alone; geometry turns the sine and cosine of a circular band with the ground.

    Args:
        recipe: Probabilities and largest changes.
        item: The bands.
    """

    def __init__(self, recipe: AugmentationRecipe, item: Input) -> None:
        self.recipe = recipe
        self.continuous = np.array([name in _continuous(item) for name in item.channels], np.float32)
        self.angles = [
            (item.channels.index(f"sin({band.name})"), item.channels.index(f"cos({band.name})"))
            for band in item.bands
            if band.kind == "circular"
        ]

    def __call__(
        self, image: NDArray[np.float32], target: NDArray[np.uint8], draw: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Change one tile.

        Args:
            image: ``[C, S, S]`` normalised values.
            target: ``[S, S]`` uint8 class values, 255 ignored.
            draw: Source of all randomness.

        Returns:
            Image and target of the same shapes, new arrays; corners that a rotation uncovers are ignored.
        """
        matrix = self._matrix(draw)
        image, target = _moved(image, target, matrix)
        changed = self._radiometry(image, draw, self.recipe.strong if shows_foreground(target) else 1.0)
        for sine, cosine in self.angles:  # east and north of a direction, which turns with the ground
            changed[[sine, cosine]] = np.tensordot(matrix.T * _NORTH, changed[[sine, cosine]], 1)
        return np.ascontiguousarray(changed), np.ascontiguousarray(target)

    def _matrix(self, draw: np.random.Generator) -> NDArray[np.float32]:
        """Where each place of the changed tile was before, from the middle, x to the right and y down."""
        vertical = self.recipe.flip if self.recipe.flip_vertical is None else self.recipe.flip_vertical
        matrix = np.eye(2, dtype=np.float32)
        matrix[0] *= -1 if draw.random() < self.recipe.flip else 1
        matrix[1] *= -1 if draw.random() < vertical else 1
        if self.recipe.quarter_turns:
            matrix = matrix @ np.rint(_counterclockwise(math.pi / 2 * int(draw.integers(4))))
        if self.recipe.rotation:
            matrix = matrix @ _counterclockwise(math.radians(draw.uniform(-self.recipe.rotation, self.recipe.rotation)))
        return matrix

    def _radiometry(
        self, image: NDArray[np.float32], draw: np.random.Generator, strength: float
    ) -> NDArray[np.float32]:
        bands, recipe, strengths = len(image), self.recipe, strength * self.continuous
        gain = 1 + strengths * draw.uniform(-recipe.contrast, recipe.contrast, bands)
        shift = strengths * draw.uniform(-recipe.brightness, recipe.brightness, bands)
        changed = image * _per_band(gain)
        changed += _per_band(shift)
        if recipe.noise:
            noise = draw.standard_normal(image.shape, np.float32)
            noise *= _per_band(strengths * recipe.noise)
            changed += noise
        return changed


def shows_foreground(target: NDArray[np.uint8]) -> bool:
    """Whether a tile's class values ``[S, S]`` show more than 1 % of a class but the first."""
    return bool(np.count_nonzero((target > 0) & (target != IGNORE)) > FOREGROUND_SHARE * target.size)


def _counterclockwise(angle: float) -> NDArray[np.float32]:
    """Where a place was before the ground turned by radians."""
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], np.float32)


def _moved(
    image: NDArray[np.float32], target: NDArray[np.uint8], matrix: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Image ``[C, S, S]`` and target ``[S, S]``, each place of which was at ``matrix @ (x, y)`` before."""
    whole = np.rint(matrix).astype(int)
    if np.array_equal(matrix, whole):
        return _permuted(image, whole), _permuted(target, whole)
    return _sampled(image, target, matrix)


def _permuted(planes: NDArray[Stored], matrix: NDArray[np.int64]) -> NDArray[Stored]:
    """A view of planes ``[..., S, S]`` that are flipped and turned by quarters: pixels stay what they are."""
    if matrix[0, 0] == 0:
        planes = planes.swapaxes(-1, -2)
    step_x, step_y = matrix.sum(axis=0)  # a column holds a single 1 or -1
    return planes[..., ::step_y, ::step_x]


def _sampled(
    image: NDArray[np.float32], target: NDArray[np.uint8], matrix: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Bilinear values and nearest classes, at one grid of places; 0 and ignored where no pixel was."""
    size = np.float32(len(target))
    x = (2 * np.arange(len(target), dtype=np.float32) + 1) / size - 1  # pixel centres, as grid_sample counts them
    places = np.stack([of_x * x + of_y * x[:, None] for of_x, of_y in matrix], axis=-1)
    below = np.float32(IGNORE) - target  # so that the 0 of uncovered places means ignored
    values, classes = (
        functional.grid_sample(
            torch.from_numpy(planes)[None], torch.from_numpy(places)[None], mode, align_corners=False
        ).numpy()[0]
        for planes, mode in ((image, "bilinear"), (below[None], "nearest"))
    )
    return values, IGNORE - classes[0].astype(np.uint8)


def _continuous(item: Input) -> set[str]:
    derived = item.normalisation.derived if item.normalisation else ()
    return {band.name for band in item.bands if band.kind == "continuous"} | {band.name for band in derived}


def _per_band(values: NDArray[np.floating]) -> NDArray[np.float32]:
    return values.astype(np.float32)[:, None, None]
