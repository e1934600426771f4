"""Finds chips and labels, pairs them by stem, and refuses what cannot be trained on, before training starts.

Example:
    >>> chips = find_chips(recipe.data)
    >>> [chip.stem for chip in chips[:2]]
    ['OAM-1-1-19', 'OAM-1-2-19']
"""

from collections.abc import Sequence
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError

from segmint.data.chips import Chip, has_alpha, open_raster
from segmint.data.labels import read_label
from segmint.errors import DataError
from segmint.recipe import DataRecipe

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


def find_chips(data: DataRecipe) -> list[Chip]:
    """Every chip with its label, sorted by stem.

    Raises:
        DataError: An empty folder, a chip without a label or a label without a chip, two files of one stem, a file that
            cannot be read, sizes, band counts, data types or nodata values that differ, an undeclared label value.
    """
    images = _by_stem(Path(data.chips_dir), "chips_dir")
    labels = _by_stem(Path(data.labels_dir), "labels_dir")
    for stem, image in images.items():
        if stem not in labels:
            raise DataError(
                f"chip {image} has no label", f"{data.labels_dir}/{stem}.*", "Add the label or move the chip"
            )
    for stem, label in labels.items():
        if stem not in images:
            raise DataError(
                f"label {label} has no chip", f"{data.chips_dir}/{stem}.*", "Add the chip or move the label"
            )
    with rasterio.Env(GDAL_PNG_WHOLE_IMAGE_OPTIM="NO"):  # GDAL's faster PNG decoder is silent about truncated files
        chips = [_checked(stem, image, labels[stem], data) for stem, image in images.items()]
    for chip in chips[1:]:
        if chip.dtype != chips[0].dtype:
            found = f"chip {chip.image} is {chip.dtype}, {chips[0].image} is {chips[0].dtype}"
            raise DataError(found, "one data type", "Convert the chips to the same data type")
    nodata_of(chips)
    return chips


def nodata_of(chips: Sequence[Chip]) -> float | None:
    """The nodata value that all chips share, or None.

    Raises:
        DataError: Chips declare different values.
    """
    first = chips[0]
    for chip in chips[1:]:
        if chip.nodata != first.nodata:
            found = f"chip {chip.image} declares nodata {chip.nodata}, {first.image} {first.nodata}"
            raise DataError(found, "one nodata value", "Set data.nodata in the recipe")
    return first.nodata


def _by_stem(folder: Path, key: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.stem, path.suffix)):
        if path.name.startswith(".") or path.suffix.lower() not in IMAGE_ENDINGS or not path.is_file():
            continue
        if path.stem in found:
            raise DataError(f"{found[path.stem]} and {path.name} have the same stem", "one file per stem", "Remove one")
        found[path.stem] = path
    if not found:
        endings = ", ".join(IMAGE_ENDINGS)
        raise DataError(f"{key}: {folder} holds no image", f"files that end in {endings}", "Check the folder")
    return found


def _checked(stem: str, image: Path, label: Path, data: DataRecipe) -> Chip:
    chip = _opened(stem, image, label, data)
    answer = read_label(label, data.classes, data.ignore_value)
    if answer.shape != (chip.height, chip.width):
        raise DataError(
            f"label {label} is {answer.shape[1]} x {answer.shape[0]} px, its chip {chip.width} x {chip.height}",
            "the same size",
            "Cut both from the same window",
        )
    return chip


def _opened(stem: str, image: Path, label: Path, data: DataRecipe) -> Chip:
    try:
        with open_raster(image) as source:
            bands = source.count - (has_alpha(source) and source.count > len(data.bands))
            if bands != len(data.bands):
                names = ", ".join(band.name for band in data.bands)
                raise DataError(
                    f"chip {image} has {bands} bands", f"{len(data.bands)} ({names})", "Set data.bands or fix the file"
                )
            if len(set(source.dtypes[:bands])) > 1:
                raise DataError(f"chip {image} mixes data types", "one data type", "Convert its bands to one type")
            source.read()  # a truncated file has a good header
            nodata = data.nodata if data.nodata is not None else source.nodata
            placed = source.crs is not None and not source.transform.is_identity
            return Chip(
                stem=stem,
                image=image,
                label=label,
                height=source.height,
                width=source.width,
                dtype=source.dtypes[0],
                nodata=None if nodata is None or nodata != nodata else float(nodata),
                crs=_crs_text(source) if placed else None,
                transform=tuple(source.transform)[:6] if placed else None,
            )
    except RasterioError as error:
        raise DataError(f"chip {image} cannot be read ({error})", "an image file", "Replace or remove it") from error


def _crs_text(source: rasterio.io.DatasetReader) -> str:
    code = source.crs.to_epsg()
    return f"EPSG:{code}" if code else str(source.crs.to_wkt())
