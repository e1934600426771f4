"""How labelled data are read for a model: bands and classes are the contract's, the spelling of labels the recipe's.

A contract knows that class 1 is ``building``, not that labels say so with 255. The recipe that it was trained with
does, where ``configs/`` still has it.

Example:
    >>> reading(contract, ("--data.ignore_value", "255"), None, None).ignore_value
    255
"""

from collections.abc import Sequence
from dataclasses import replace

from segmint.command_line import parse, recipe_names
from segmint.contract import ModelContract
from segmint.data.chips import Chip
from segmint.data.preparation import READERS
from segmint.errors import DataError, SceneError, stop
from segmint.inference.suitability import require_resolution, require_values
from segmint.recipe import DEFAULT_RECIPE, Band, ClassOfInterest, DataRecipe

_LOOKED_AT = 8
"""Chips whose values are looked at before anything is predicted."""


def reading(
    contract: ModelContract, arguments: Sequence[str], chips_dir: str | None, labels_dir: str | None
) -> DataRecipe:
    """The data part of the recipe, with the bands and classes of the model.

    Args:
        contract: The model's.
        arguments: Of the command line, for the recipe.
        chips_dir: Folder of chips, or None for scenes.
        labels_dir: Folder of labels, or None where they lie beside the chips.

    Raises:
        RecipeError: An argument that the recipe does not have, or a folder that is not there.
    """
    name = contract.recipe if contract.recipe in recipe_names() else DEFAULT_RECIPE
    folders = [] if chips_dir is None else [f"--chips_dir={chips_dir}", f"--labels_dir={labels_dir or 'null'}"]
    data = parse([f"--recipe={name}", *arguments, *folders]).data
    if data.reader == "images":
        sources = {band.name: band.source for band in data.bands}
        bands = [Band(band.name, band.wavelength_um, sources.get(band.name)) for band in contract.input.bands]
        data = replace(data, bands=bands, derived=[])
    return replace(data, classes=_classes(contract, data), tile_size=contract.height, fit=contract.fit)


def _classes(contract: ModelContract, data: DataRecipe) -> list[ClassOfInterest]:
    """The classes of the model: as the recipe spells them in labels, or by their place where it has others."""
    if tuple(item.name for item in data.classes) == contract.class_names:
        return data.classes
    two = len(contract.class_names) == 2
    return [
        ClassOfInterest(item.name, item.color, [1, 255] if two and item.value == 1 else [item.value])
        for item in contract.output.classes
    ]


def labelled_chips(data: DataRecipe, contract: ModelContract) -> list[Chip]:
    """Every chip with its label, checked as training checks them, and against the model.

    Raises:
        DataError: Chips or labels that cannot be used.
        SceneError: Bands, resolution or values that the model was not trained for.
    """
    find, name_bands = READERS[data.reader]
    chips = find(data, stop)
    if chips[0].nodata is None and contract.input.nodata is not None and data.reader == "images":
        chips = find(replace(data, nodata=contract.input.nodata), stop)
    found = tuple(band.name for band in name_bands(data))
    if found != contract.band_names:
        raise SceneError(
            f"{data.chips_dir} gives {', '.join(found[:3])} ... ({len(found)} bands)",
            f"{', '.join(contract.band_names[:3])} ... ({len(contract.band_names)} bands), as in training",
            "Repeat what the model was trained with, such as -P data.history=",
        )
    for chip in chips:
        require_resolution(str(chip.place), chip.resolution_m, contract, "Resample the chips and their labels")
    for chip in chips[:: max(1, len(chips) // _LOOKED_AT)]:
        values, valid = chip.pixels.read((0, 0, chip.height, chip.width))
        require_values(str(chip.place), chip.dtype, values[:, valid], contract)
    if not any((chip.answer.read((0, 0, chip.height, chip.width)) != 255).any() for chip in chips):
        raise DataError(f"the labels of {data.chips_dir} are ignored on every pixel", "some to score")
    return chips
