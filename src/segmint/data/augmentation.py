"""Random changes of training tiles, drawn from a generator of their own so that a resumed epoch repeats them.

Example:
    >>> change = Augmentation(AugmentationRecipe(), source)
    >>> image, target = change(image, target, np.random.default_rng([62, epoch, tile]))
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from segmint.data.chips import IGNORE
from segmint.interface import Input
from segmint.recipe import AugmentationRecipe

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
        self, image: torch.Tensor, target: torch.Tensor, draw: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Change one tile.

        Args:
            image: ``[C, S, S]`` normalised values.
            target: ``[S, S]`` uint8 class values, 255 ignored.
            draw: Source of all randomness.

        Returns:
            Image and target of the same shapes; corners that a rotation uncovers are 0 and ignored.
        """
        vertical = self.recipe.flip if self.recipe.flip_vertical is None else self.recipe.flip_vertical
        if draw.random() < self.recipe.flip:
            image, target = image.flip(2), target.flip(1)
            self._mirror_angles(image, east=True)
        if draw.random() < vertical:
            image, target = image.flip(1), target.flip(0)
            self._mirror_angles(image, east=False)
        if self.recipe.quarter_turns:
            turns = int(draw.integers(4))
            image, target = torch.rot90(image, turns, (1, 2)), torch.rot90(target, turns)
            self._turn_angles(image, turns * math.pi / 2)
        if self.recipe.rotation:
            angle = math.radians(draw.uniform(-self.recipe.rotation, self.recipe.rotation))
            image, target = _rotated(image, target, angle)
            self._turn_angles(image, angle)
        strength = self.recipe.strong if shows_foreground(target.numpy()) else 1.0
        return self._radiometry(image, draw, strength).contiguous(), target.contiguous()

    def _mirror_angles(self, image: torch.Tensor, east: bool) -> None:
        """A compass angle a becomes -a when east and west change places, 180 - a when north and south do."""
        for sine, cosine in self.angles:
            image[sine if east else cosine] *= -1

    def _turn_angles(self, image: torch.Tensor, counterclockwise: float) -> None:
        """A compass angle (clockwise from north) becomes smaller when the ground turns counterclockwise."""
        turn_sine, turn_cosine = math.sin(counterclockwise), math.cos(counterclockwise)
        for sine, cosine in self.angles:
            old_sine, old_cosine = image[sine].clone(), image[cosine].clone()
            image[sine] = old_sine * turn_cosine - old_cosine * turn_sine
            image[cosine] = old_cosine * turn_cosine + old_sine * turn_sine

    def _radiometry(self, image: torch.Tensor, draw: np.random.Generator, strength: float) -> torch.Tensor:
        bands, recipe, strengths = len(image), self.recipe, strength * self.continuous
        gain = 1 + strengths * draw.uniform(-recipe.contrast, recipe.contrast, bands)
        shift = strengths * draw.uniform(-recipe.brightness, recipe.brightness, bands)
        changed = torch.addcmul(_per_band(shift), image, _per_band(gain))
        if recipe.noise:
            source = torch.Generator().manual_seed(int(draw.integers(2**63)))
            changed.addcmul_(torch.randn(image.shape, generator=source), _per_band(strengths * recipe.noise))
        return changed


def shows_foreground(target: NDArray[np.uint8]) -> bool:
    """Whether a tile's class values ``[S, S]`` show more than 1 % of a class but the first."""
    return bool(np.count_nonzero((target > 0) & (target != IGNORE)) > FOREGROUND_SHARE * target.size)


def _rotated(image: torch.Tensor, target: torch.Tensor, angle: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Both turned counterclockwise about their centre, by radians; what no pixel covers is 0 and ignored.

    Image and mask share one grid of places, which torchvision's ``rotate`` would compute for each of them.
    """
    turn = torch.tensor([[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0]])
    grid = functional.affine_grid(turn[None], [1, 1, *target.shape], align_corners=False)
    image = functional.grid_sample(image[None], grid, "bilinear", align_corners=False)[0]
    below = (IGNORE - target)[None, None].float()  # so that the 0 of uncovered places means ignored
    below = functional.grid_sample(below, grid, "nearest", align_corners=False)[0, 0]
    return image, IGNORE - below.to(torch.uint8)


def _continuous(item: Input) -> set[str]:
    derived = item.normalisation.derived if item.normalisation else ()
    return {band.name for band in item.bands if band.kind == "continuous"} | {band.name for band in derived}


def _per_band(values: NDArray[np.floating]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))[:, None, None]
