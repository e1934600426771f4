"""Pairs images with labels by stem, and refuses what cannot be trained on, before training starts.

Example:
    >>> chips = find_chips(recipe.data)
    >>> [chip.stem for chip in chips[:2]]
    ['OAM-1-1-19', 'OAM-1-2-19']
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError

from segmint.data.chips import Chip
from segmint.data.fingerprint import sidecars
from segmint.data.images import (
    ARRAY_ENDINGS,
    ArrayPixels,
    RasterPixels,
    has_alpha,
    orientation_of,
    stacked,
)
from segmint.data.labels import Label, size_of
from segmint.data.parallel import in_order
from segmint.data.patterns import expected, find, split_folders
from segmint.data.suggestions import recipes_taking
from segmint.errors import DataError, Refuse, stop
from segmint.recipe import DataRecipe


def find_chips(data: DataRecipe, refuse: Refuse = stop) -> list[Chip]:
    """Every image with its label, sorted by stem.

    Args:
        data: Where they are and what they must hold.
        refuse: What is done about a chip that cannot be trained on; by default its error is raised.

    Raises:
        DataError: An empty folder, an image without a label or a label without an image, two files of one stem, a file
            that cannot be read, sizes, bands, data types or nodata values that differ, an undeclared label value.
    """
    stacked.cache_clear()
    images_folder = Path(data.chips_dir)
    labels_folder = Path(data.labels_dir or data.chips_dir)
    sides = {} if data.split_folders == "ignore" else split_folders(images_folder, data.images, "chips_dir")
    images = find(images_folder, data.images, "chips_dir", refuse, sides)
    labels = find(labels_folder, data.labels, "labels_dir", refuse, sides)
    masks = find(labels_folder, data.masks, "labels_dir", refuse, sides, needed=False) if data.masks else {}
    paired = _paired(images, labels, data, refuse)

    def checked(stem: str) -> Chip | DataError:
        with rasterio.Env(GDAL_PNG_WHOLE_IMAGE_OPTIM="NO"):  # GDAL's faster PNG decoder is silent about truncated files
            try:
                chip = _checked(stem, images[stem], labels[stem], masks.get(stem), data)
                return replace(chip, side=sides.get(stem.partition("/")[0])) if sides else chip
            except DataError as error:
                return error

    chips = []
    for found in in_order(checked, paired):
        if isinstance(found, DataError):
            refuse(found)
        else:
            chips.append(found)
    return _alike(chips, refuse)


def _paired(images: Mapping[str, Path], labels: Mapping[str, Path], data: DataRecipe, refuse: Refuse) -> list[str]:
    """Stems that have an image and a label, which are one and the same file only as arrays of an npz."""
    own = {
        stem: image for stem, image in images.items() if labels.get(stem) == image and image.suffix.lower() != ".npz"
    }
    if own:
        refuse(_own_label(list(own.values()), data))
    for stem, image in images.items():
        if stem not in labels:
            wanted = expected(Path(data.labels_dir or data.chips_dir), data.labels, stem)
            refuse(DataError(f"chip {image} has no label", f"{wanted}", "Add the label or move the chip"))
    for stem, label in labels.items():
        if stem not in images:
            wanted = expected(Path(data.chips_dir), data.images, stem)
            refuse(DataError(f"label {label} has no chip", f"{wanted}", "Add the chip or move the label"))
    return [stem for stem in images if stem in labels and stem not in own]


def without_mask(chips: Sequence[Chip], data: DataRecipe) -> str:
    """How many chips have no mask where data.masks names some, in words; empty where all have one."""
    bare = sum(isinstance(chip.answer, Label) and chip.answer.mask is None for chip in chips)
    return f"{bare} of {len(chips)} chips have no {data.masks} and count whole" if data.masks and bare else ""


def _own_label(images: Sequence[Path], data: DataRecipe) -> DataError:
    """What to say where the patterns take one file for both."""
    sizes = {image: _bands_of(image, data) for image in images[:_LOOKED_AT]}
    image, (count, dtype) = max(sizes.items(), key=lambda size: size[1][0])
    names = "set data.images and data.labels, for example *_image and *_mask, or name a folder labels_dir"
    return DataError(
        f"{image} ({count} bands of {dtype}) is found as image ({data.images}) and as its own label ({data.labels})",
        "names that tell images from labels",
        recipes_taking(count, names) if count != len(data.bands) else names[0].upper() + names[1:],
    )


_LOOKED_AT = 8
"""Files that a message looks into."""

_SHARED = {
    "dtype": ("is", "one data type", "Convert the chips to the same data type"),
    "nodata": ("declares nodata", "one nodata value", "Set data.nodata in the recipe"),
}


def _alike(chips: list[Chip], refuse: Refuse) -> list[Chip]:
    """The chips that have data type and nodata value in common with most of the others."""
    for trait, (verb, wanted, remedy) in _SHARED.items():
        values = [getattr(chip, trait) for chip in chips]
        for usual, _ in Counter(values).most_common(1):
            other = chips[values.index(usual)].place
            for chip, value in zip(chips, values, strict=True):
                if value != usual:
                    refuse(DataError(f"chip {chip.place} {verb} {value}, {other} {verb} {usual}", wanted, remedy))
            chips = [chip for chip, value in zip(chips, values, strict=True) if value == usual]
    return chips


def band_indexes(
    path: Path, count: int, dtype: str, descriptions: Sequence[str | None], data: DataRecipe
) -> tuple[int, ...]:
    """Which bands of a file are the recipe's, from 1: by the file's own names, by data.file_bands, or all in order.

    Band names compare without case and leading zeros: B02 is B2.

    Raises:
        DataError: Neither the names nor the number of bands fit.
    """
    wanted = [_canonical(band.source or band.name) for band in data.bands]
    for names in (descriptions, data.file_bands or ()):
        known = [_canonical(name or "") for name in names]
        if len(known) == count and set(wanted) <= set(known):
            return tuple(known.index(name) + 1 for name in wanted)
    if count == len(wanted):
        return tuple(range(1, count + 1))
    names = ", ".join(band.name if band.source is None else f"{band.name} = {band.source}" for band in data.bands)
    raise DataError(
        f"chip {path} has {count} band{'s' * (count != 1)} of {dtype}",
        f"{len(wanted)} ({names})",
        recipes_taking(count, "set data.file_bands, data.bands or fix the file"),
    )


def _canonical(name: str) -> str:
    return re.sub(r"^B0+", "B", name.strip().upper())


def _checked(stem: str, image: Path, label: Path, mask: Path | None, data: DataRecipe) -> Chip:
    answer = Label(label, tuple(data.classes), data.ignore_value, data.label_key, mask, tuple(data.mask_values))
    made_of = [("chips", image), ("labels", label)] + ([("masks", mask)] if mask else [])
    files = chain.from_iterable(((kind, path), *((kind, side) for side in sidecars(path))) for kind, path in made_of)
    led = f"{stem.rpartition('/')[0]}/" if "/" in stem else ""
    named = tuple((f"{kind}/{led}{path.name}", path) for kind, path in files)
    chip = (_array if image.suffix.lower() in ARRAY_ENDINGS else _raster)(stem, image, answer, named, data)
    size = height, width = _size(label, data)
    if mask is not None and _size(mask, data) != size:
        raise _other_size("mask", mask, _size(mask, data), "label", size)
    answer.read((0, 0, height, width))
    if size != (chip.height, chip.width):
        raise _other_size("label", label, size, "chip", (chip.height, chip.width))
    return chip


def _other_size(what: str, path: Path, size: tuple[int, int], whose: str, wanted: tuple[int, int]) -> DataError:
    return DataError(
        f"{what} {path} is {size[1]} x {size[0]} px, its {whose} {wanted[1]} x {wanted[0]}",
        "the same size",
        "Cut both from the same window",
    )


def _size(label: Path, data: DataRecipe) -> tuple[int, int]:
    try:
        return size_of(label, data.label_key)
    except RasterioError as error:
        raise DataError(f"label {label} cannot be read ({error})", "an image file", "Replace or remove it") from error


def _raster(stem: str, image: Path, answer: Label, files: tuple[tuple[str, Path], ...], data: DataRecipe) -> Chip:
    try:
        with rasterio.open(image) as source:
            bands = source.count - (has_alpha(source) and source.count > len(data.bands))
            indexes = band_indexes(image, bands, source.dtypes[0], source.descriptions[:bands], data)
            if len(set(source.dtypes[:bands])) > 1:
                raise DataError(f"chip {image} mixes data types", "one data type", "Convert its bands to one type")
            source.read()  # a truncated file has a good header
            nodata = _number(data.nodata if data.nodata is not None else source.nodata)
            placed = source.crs is not None and not source.transform.is_identity
            orientation = orientation_of(source)
            size = (source.height, source.width)
            height, width = size if orientation < 5 else size[::-1]
            return Chip(
                stem=stem,
                pixels=RasterPixels(image, indexes, nodata, orientation),
                answer=answer,
                files=files,
                height=height,
                width=width,
                dtype=source.dtypes[0],
                nodata=nodata,
                crs=_crs_text(source) if placed else None,
                transform=tuple(source.transform)[:6] if placed else None,
            )
    except RasterioError as error:
        raise _unreadable(image, error) from error


def _array(stem: str, image: Path, answer: Label, files: tuple[tuple[str, Path], ...], data: DataRecipe) -> Chip:
    keys, nodata, channels_last = tuple(data.image_keys), _number(data.nodata), _channels_last(image, data)
    values = stacked(image, keys, channels_last)
    indexes = band_indexes(image, len(values), str(values.dtype), (), data)
    return Chip(
        stem=stem,
        pixels=ArrayPixels(image, keys, indexes, channels_last, nodata),
        answer=answer,
        files=files,
        height=values.shape[1],
        width=values.shape[2],
        dtype=str(values.dtype),
        nodata=nodata,
    )


def _channels_last(image: Path, data: DataRecipe) -> bool:
    """Whether arrays are ``[H, W, C]``: by the recipe's numbers of bands, else by the shorter axis."""
    shape = stacked(image, tuple(data.image_keys)[:1], False).shape
    each = {count // len(data.image_keys) for count in (len(data.bands), len(data.file_bands or ()))}
    return shape[0] not in each and (shape[-1] in each or shape[-1] < shape[0])


def _bands_of(image: Path, data: DataRecipe) -> tuple[int, str]:
    """Number of bands of a file and their data type.

    Raises:
        DataError: The file cannot be read.
    """
    if image.suffix.lower() in ARRAY_ENDINGS:
        values = stacked(image, tuple(data.image_keys), _channels_last(image, data))
        return len(values), str(values.dtype)
    try:
        with rasterio.open(image) as source:
            return source.count, source.dtypes[0]
    except RasterioError as error:
        raise _unreadable(image, error) from error


def _unreadable(image: Path, error: RasterioError) -> DataError:
    return DataError(f"chip {image} cannot be read ({error})", "an image file", "Replace or remove it")


def _number(nodata: float | None) -> float | None:
    return None if nodata is None or nodata != nodata else float(nodata)


def _crs_text(source: rasterio.io.DatasetReader) -> str:
    code = source.crs.to_epsg()
    return f"EPSG:{code}" if code else str(source.crs.to_wkt())
