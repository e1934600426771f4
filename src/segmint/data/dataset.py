"""Tiles as tensors, and the loaders that serve them in an order which only seed and epoch decide.

Example:
    >>> item = TileDataset(TileReader(chips, split.tiles["val"], 256, "tile"), normaliser)[(0, 5)]
    >>> item["image"].shape, item["target"].dtype
    (torch.Size([3, 256, 256]), torch.uint8)
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from segmint.data.augmentation import Augmentation, shows_foreground
from segmint.data.normalisation import Normaliser
from segmint.data.reader import TileSource

Batch = dict[str, torch.Tensor]


class TileDataset(Dataset[Batch]):
    """Tiles, normalised.

    An index is a pair ``(epoch, position)``, so that augmentation depends on nothing else. An item has ``image``
    ``[C, S, S]`` float32 normalised, ``target`` ``[S, S]`` uint8 class values with 255 ignored, and ``tile``, its
    position.

    Args:
        tiles: Tiles of one split.
        normaliser: Turns raw values into normalised ones.
        augmentation: Random changes, or None.
        seed: Seed of the random changes.
    """

    def __init__(
        self, tiles: TileSource, normaliser: Normaliser, augmentation: Augmentation | None = None, seed: int = 0
    ) -> None:
        self.tiles, self.normaliser, self.augmentation, self.seed = tiles, normaliser, augmentation, seed

    def __len__(self) -> int:
        return len(self.tiles)

    def stem(self, position: int) -> str:
        """Name of the chip that a tile comes from."""
        return self.tiles.stem(position)

    def read(self, position: int) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
        """Values ``[C, S, S]`` as stored and class values ``[S, S]``, neither normalised nor augmented."""
        return self.tiles.read(position)

    def __getitem__(self, index: tuple[int, int]) -> Batch:
        epoch, position = index
        raw, target = self.read(position)
        image = self.normaliser(raw)
        if self.augmentation is not None:
            draw = np.random.default_rng([self.seed, epoch, position])
            image, target = self.augmentation(image, target, draw)
        return {"image": torch.from_numpy(image), "target": torch.from_numpy(target), "tile": torch.tensor(position)}


class EpochOrder(Sampler[tuple[int, int]]):
    """Yields ``(epoch, position)``; drawn by seed and epoch alone. Lightning calls ``set_epoch``.

    Args:
        length: Number of tiles.
        seed: Seed of the order, or None to keep the order.
        weights: How often each tile is drawn relative to the others, with replacement; None draws each once.
    """

    def __init__(self, length: int, seed: int | None, weights: NDArray[np.float64] | None = None) -> None:
        self.length, self.seed, self.epoch = length, seed, 0
        self.shares = None if weights is None else weights / weights.sum()

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.arange(self.length)
        if self.seed is not None:
            draw = np.random.default_rng([self.seed, self.epoch])
            if self.shares is None:
                draw.shuffle(order)
            else:
                order = draw.choice(self.length, self.length, p=self.shares)
        return iter([(self.epoch, int(position)) for position in order])


def loader(
    dataset: TileDataset,
    batch_size: int,
    workers: int,
    shuffle_seed: int | None = None,
    weights: NDArray[np.float64] | None = None,
) -> DataLoader[Batch]:
    """A loader over one split.

    A last batch of a single tile is left out of shuffled epochs: batch normalisation cannot learn from it.
    """
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=EpochOrder(len(dataset), shuffle_seed, weights),
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        drop_last=shuffle_seed is not None and len(dataset) > batch_size and len(dataset) % batch_size == 1,
    )


def foreground_weights(dataset: TileDataset, weight: float) -> NDArray[np.float64]:
    """``weight`` for tiles that show more than 1 % of a class but the first, 1 for the others."""
    return np.array([weight if shows_foreground(dataset.read(at)[1]) else 1.0 for at in range(len(dataset))])
