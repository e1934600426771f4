"""Tiles as tensors, and the loaders that serve them in an order which only seed and epoch decide.

Example:
    >>> item = TileDataset(TileReader(chips, split.tiles["val"], 256, "tile"), normaliser)[(0, 5)]
    >>> item["image"].shape, item["target"].dtype
    (torch.Size([3, 256, 256]), torch.uint8)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transform

from segmint.data.augmentation import FOREGROUND_SHARE, Augmentation
from segmint.data.chips import IGNORE, Chip
from segmint.data.normalisation import Normaliser
from segmint.data.tiles import Tile

Batch = dict[str, torch.Tensor]
Stored = TypeVar("Stored", bound=np.generic)


class TileSource(Protocol):
    """Tiles of one split, of S x S pixels."""

    def __len__(self) -> int: ...

    def stem(self, position: int) -> str:
        """Name of the chip that a tile comes from."""

    def read(self, position: int) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
        """Values ``[C, S, S]`` as stored and class values ``[S, S]`` of one tile, 255 where a pixel counts nowhere."""


@dataclass(frozen=True)
class TileReader:
    """Tiles, cut from their chips whenever they are read. Smaller ones are reflected to S and the border is ignored.

    Attributes:
        chips: All chips.
        tiles: Tiles of one split.
        size: Edge S of a tile in pixels.
        fit: ``tile``, ``letterbox`` or ``resize``: how a tile comes to that size.
    """

    chips: Sequence[Chip]
    tiles: Sequence[Tile]
    size: int
    fit: str

    def __len__(self) -> int:
        return len(self.tiles)

    def stem(self, position: int) -> str:
        """Name of the chip that a tile comes from."""
        return self.chips[self.tiles[position].chip].stem

    def read(self, position: int) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
        """Values ``[C, S, S]`` as stored and class values ``[S, S]`` of one tile."""
        tile = self.tiles[position]
        raw, target = self.chips[tile.chip].read((tile.row, tile.col, tile.height, tile.width))
        return fitted(raw, target, self.size, self.fit)


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
        self.stem, self.read = tiles.stem, tiles.read

    def __len__(self) -> int:
        return len(self.tiles)

    def __getitem__(self, index: tuple[int, int]) -> Batch:
        epoch, position = index
        raw, target = self.read(position)
        image = torch.from_numpy(self.normaliser(raw))
        mask = torch.from_numpy(target)
        if self.augmentation is not None:
            draw = np.random.default_rng([self.seed, epoch, position])
            image, mask = self.augmentation(image, mask, draw)
        return {"image": image, "target": mask, "tile": torch.tensor(position)}


def fitted(
    raw: NDArray[np.generic], target: NDArray[np.uint8], size: int, fit: str
) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """Bring values ``[C, h, w]`` and classes ``[h, w]`` to one tile of ``size``.

    Tiles that are smaller are reflected, and the border is ignored; ``letterbox`` and ``resize`` scale them first, and
    whole numbers stay whole.
    """
    height, width = target.shape
    if fit != "tile":
        ratio = size / max(height, width)
        letterbox = round(height * ratio), round(width * ratio)
        height, width = letterbox if fit == "letterbox" else (size, size)
        raw = _scaled(raw, height, width, InterpolationMode.BILINEAR)
        target = _scaled(target[None], height, width, InterpolationMode.NEAREST)[0]
    below, right = size - height, size - width
    if below or right:
        raw = np.pad(raw, ((0, 0), (0, below), (0, right)), mode="symmetric")
        target = np.pad(target, ((0, below), (0, right)), constant_values=IGNORE)
    return raw, target


def _scaled(values: NDArray[Stored], height: int, width: int, mode: InterpolationMode) -> NDArray[Stored]:
    if values.shape[-2:] == (height, width):
        return values
    tensor = torch.from_numpy(values.astype(np.float32))
    scaled = transform.resize(tensor, [height, width], mode, antialias=True).numpy()
    whole = np.rint(scaled) if np.issubdtype(values.dtype, np.integer) else scaled
    return np.asarray(whole, values.dtype)


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
    shares = [_foreground_share(dataset.read(position)[1]) for position in range(len(dataset))]
    return np.where(np.array(shares) > FOREGROUND_SHARE, weight, 1.0)


def _foreground_share(target: NDArray[np.uint8]) -> float:
    return float(((target > 0) & (target != IGNORE)).mean())
