"""Datasets with a fault planted by code."""

from pathlib import Path

import numpy as np
from places import write_raster

from segmint.command_line import parse
from segmint.data.camp import draw_camp
from segmint.recipe import Recipe


def camps(count, size=256, seed=1):
    """Drawn camps: images ``[3, size, size]`` and labels ``[size, size]``."""
    return [draw_camp(np.random.default_rng([seed, number]), size, size) for number in range(count)]


def write_pairs(root: Path, pairs, placed: bool = True) -> None:
    """Write images and labels as a00.tif, a01.tif ... 5 km apart, or without a georeference."""
    for number, (image, label) in enumerate(pairs):
        origin = (300_000.0 + 5_000 * number, 3_600_000.0) if placed else None
        write_raster(root / "chips" / f"a{number:02d}.tif", image, origin)
        write_raster(root / "labels" / f"a{number:02d}.tif", label[None], origin)


def recipe_of(root: Path, *arguments: str) -> Recipe:
    """The default recipe on the folders of :func:`write_pairs`."""
    return parse([f"--chips_dir={root / 'chips'}", f"--labels_dir={root / 'labels'}", *arguments])


def by_kind(findings):
    """Findings by their kind, which occurs once."""
    kinds = [finding.kind for finding in findings if finding.kind != "refused by training"]
    assert len(set(kinds)) == len(kinds)
    return {finding.kind: finding for finding in findings}
