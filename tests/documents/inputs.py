"""Tiny datasets in the layouts that the documents describe, drawn by code."""

from pathlib import Path

import numpy as np
from PIL import Image

from segmint.data.sample import make_sample


def patches(folder: Path, count: int = 12, size: int = 32, classes: int = 2) -> Path:
    """Ready patches: ``EMSR100_0_image.npy`` ``[H, W, 7]`` in reflectance and ``EMSR100_0_mask.npy`` ``[H, W]``.

    Burned ground is dark in the near infrared and bright in the short-wave infrared; higher grades more so.
    """
    folder.mkdir(parents=True)
    draw = np.random.default_rng(5)
    for number in range(count):
        image = draw.normal(0.2, 0.02, (size, size, 7)).astype(np.float32)
        mask = np.zeros((size, size), np.uint8)
        for grade in range(1, classes):
            row, column = draw.integers(0, size - 12, 2)
            mask[row : row + 10, column : column + 10] = grade
        image[..., 3:5] += 0.2 - 0.06 * mask[..., None]
        image[..., 5:7] += 0.06 * mask[..., None]
        stem = f"EMSR{100 + number}_0"
        np.save(folder / f"{stem}_image.npy", image)
        np.save(folder / f"{stem}_mask.npy", mask)
    return folder


def photographs(folder: Path, count: int = 8, height: int = 96, width: int = 64) -> tuple[Path, Path]:
    """JPEG photographs of a bright strip on a dark table, and masks ``<stem>_mask.png`` of it."""
    images, masks = folder / "images", folder / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    draw = np.random.default_rng(6)
    for number in range(count):
        picture = draw.integers(20, 60, (height, width, 3), dtype=np.uint8)
        mask = np.zeros((height, width), np.uint8)
        left = int(draw.integers(8, width - 24))
        mask[12 : height - 12, left : left + 14] = 255
        picture[mask > 0] = draw.integers(200, 240, (int((mask > 0).sum()), 3), dtype=np.uint8)
        Image.fromarray(picture).save(images / f"strip{number}.jpg", quality=95)
        Image.fromarray(mask).save(masks / f"strip{number}_mask.png")
    return images, masks


def spread(folder: Path) -> Path:
    """Eight fires with their landscape and weather, as fire simulations leave them."""
    make_sample("spread", folder, folder, sequences=8, size=32, ground=(64, 64), weathers=4)
    return folder
