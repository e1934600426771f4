"""Random changes of training tiles, drawn from a generator of their own so that a resumed epoch repeats them.

Example:
    >>> change = Augmentation(AugmentationRecipe())
    >>> image, target = change(image, target, np.random.default_rng([62, epoch, tile]))
"""

import numpy as np
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transform

from segmint.data.labels import IGNORE
from segmint.recipe import AugmentationRecipe


class Augmentation:
    """Flips, quarter turns and free rotation of image and mask together, then radiometry of the image per band.

    Args:
        recipe: Probabilities and largest changes.
    """

    def __init__(self, recipe: AugmentationRecipe) -> None:
        self.recipe = recipe

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
        if draw.random() < self.recipe.flip:
            image, target = transform.horizontal_flip(image), transform.horizontal_flip(target)
        if draw.random() < self.recipe.flip:
            image, target = transform.vertical_flip(image), transform.vertical_flip(target)
        if self.recipe.quarter_turns:
            turns = int(draw.integers(4))
            image, target = torch.rot90(image, turns, (1, 2)), torch.rot90(target, turns, (1, 2))
        if self.recipe.rotation:
            angle = float(draw.uniform(-self.recipe.rotation, self.recipe.rotation))
            image = transform.rotate(image, angle, InterpolationMode.BILINEAR, fill=0.0)
            target = transform.rotate(target, angle, InterpolationMode.NEAREST, fill=float(IGNORE))
        image = self._radiometry(image, draw)
        return image.contiguous(), target[0].contiguous()

    def _radiometry(self, image: torch.Tensor, draw: np.random.Generator) -> torch.Tensor:
        bands = image.shape[0]
        gain = 1 + draw.uniform(-self.recipe.contrast, self.recipe.contrast, bands)
        shift = draw.uniform(-self.recipe.brightness, self.recipe.brightness, bands)
        return image * _per_band(gain) + _per_band(shift)


def _per_band(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))[:, None, None]
