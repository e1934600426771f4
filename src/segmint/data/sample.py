"""The built-in samples: drawn data for every kind of recipe, so that the first training needs no download.

Example:
    >>> make_sample("camp", Path("data/train/sample/chips"), Path("data/train/sample/labels"))
    160
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmint.data.sample_folder import is_sample, staged
from segmint.data.sample_layouts import write_burn, write_camp, write_spread, write_strips
from segmint.errors import DataError

__all__ = ["SAMPLES", "Sample", "find_sample", "is_sample", "make_sample"]

VERSION = 1


@dataclass(frozen=True)
class Sample:
    """What there is to know of a sample before it is made.

    Attributes:
        recipe: The recipe it is made for.
        unit: What its number counts.
        chips_dir: Where the chips go by default.
        labels_dir: Where the labels go by default; None where they lie among the chips.
        write: Writes the files into a folder for chips and one for labels, from a seed; returns their number.
        named_alike: Whether chips and labels have the same names and so need two folders.
    """

    recipe: str
    unit: str
    chips_dir: str
    labels_dir: str | None
    write: Callable[..., int]
    named_alike: bool = False


SAMPLES = {
    "camp": Sample(
        recipe="refugee-camp",
        unit="chips",
        chips_dir="data/train/sample/chips",
        labels_dir="data/train/sample/labels",
        write=write_camp,
        named_alike=True,
    ),
    "burn": Sample("wildfire-del", "tiles", "data/train/burn", None, write_burn),
    "strips": Sample(
        "lateral-flow", "photographs", "data/train/strips/images", "data/train/strips/masks", write_strips
    ),
    "spread": Sample("fire-spread", "sequences", "data/train/spread", None, write_spread),
}


def find_sample(name: str) -> Sample:
    """The sample of a name.

    Raises:
        DataError: There is none.
    """
    if name not in SAMPLES:
        raise DataError(f"sample {name}", f"one of {', '.join(SAMPLES)}")
    return SAMPLES[name]


def make_sample(name: str, chips_dir: Path, labels_dir: Path, seed: int = 62, **sizes: Any) -> int:
    """Draw a sample; the same arguments give the same pixels. Its files appear all at once, when the last is drawn.

    Args:
        name: Key of :data:`SAMPLES`.
        chips_dir: Receives the chips; new or empty.
        labels_dir: Receives the labels; new or empty. May be ``chips_dir``, but not for the camp.
        seed: Seed of everything drawn.
        sizes: As the sample's function in :mod:`segmint.data.sample_layouts` takes them.

    Returns:
        Number of chips, tiles, photographs or sequences.

    Raises:
        DataError: No such sample, a folder that holds files already, one folder for files of the same names, or a
            negative seed.
    """
    sample = find_sample(name)
    if seed < 0:
        raise DataError(f"seed {seed}", "0 or more")
    if sample.named_alike and chips_dir.resolve() == labels_dir.resolve():
        raise DataError(f"chips and labels both go to {chips_dir}", "two folders", "Name another folder for the labels")
    origin = {"made_by": "segmint", "version": VERSION, "sample": name, "seed": seed}
    with staged(chips_dir, labels_dir, origin) as (chips, labels):
        return sample.write(chips, labels, seed, **sizes)
