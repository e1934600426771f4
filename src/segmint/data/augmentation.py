"""Random changes of training tiles, drawn from a generator of their own so that a resumed epoch repeats them.

Example:
    >>> change = Augmentation(AugmentationRecipe(), source)
    >>> image, target = change(image, target, np.random.default_rng([62, epoch, tile]))
"""

import math

import numpy as np
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transform

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
        self.continuous = torch.tensor([name in _continuous(item) for name in item.channels])
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
        target = target[None]
        vertical = self.recipe.flip if self.recipe.flip_vertical is None else self.recipe.flip_vertical
        if draw.random() < self.recipe.flip:
            image, target = transform.horizontal_flip(image), transform.horizontal_flip(target)
            self._mirror_angles(image, east=True)
        if draw.random() < vertical:
            image, target = transform.vertical_flip(image), transform.vertical_flip(target)
            self._mirror_angles(image, east=False)
        if self.recipe.quarter_turns:
            turns = int(draw.integers(4))
            image, target = torch.rot90(image, turns, (1, 2)), torch.rot90(target, turns, (1, 2))
            self._turn_angles(image, turns * math.pi / 2)
        if self.recipe.rotation:
            angle = float(draw.uniform(-self.recipe.rotation, self.recipe.rotation))
            image = transform.rotate(image, angle, InterpolationMode.BILINEAR, fill=0.0)
            target = transform.rotate(target, angle, InterpolationMode.NEAREST, fill=float(IGNORE))
            self._turn_angles(image, math.radians(angle))
        strong = bool(((target > 0) & (target != IGNORE)).float().mean() > FOREGROUND_SHARE)
        image = self._radiometry(image, draw, self.recipe.strong if strong else 1.0)
        return image.contiguous(), target[0].contiguous()

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
        bands, recipe = image.shape[0], self.recipe
        gain = 1 + strength * draw.uniform(-recipe.contrast, recipe.contrast, bands)
        shift = strength * draw.uniform(-recipe.brightness, recipe.brightness, bands)
        changed = image * _per_band(gain) + _per_band(shift)
        if recipe.noise:
            noise = draw.standard_normal(image.shape, np.float32) * np.float32(strength * recipe.noise)
            changed = changed + torch.from_numpy(noise)
        return torch.where(self.continuous[:, None, None], changed, image)


def _continuous(item: Input) -> set[str]:
    derived = item.normalisation.derived if item.normalisation else ()
    return {band.name for band in item.bands if band.kind == "continuous"} | {band.name for band in derived}


def _per_band(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))[:, None, None]
