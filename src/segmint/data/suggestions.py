"""Which recipes in ``configs/`` take data like those that were found, for messages.

Example:
    >>> recipes_taking(7, "set data.bands")
    'Add --recipe wildfire-del or wildfire-gra, which take 7 bands, or set data.bands'
"""

from functools import cache

from segmint.command_line import parse, recipe_names
from segmint.recipe import DataRecipe


def recipes_taking(bands: int, otherwise: str) -> str:
    """What to do about images of so many bands.

    Args:
        bands: Their number.
        otherwise: What else helps, or helps alone where no recipe takes so many.
    """
    fitting = [
        name
        for name, data in _recipes().items()
        if data.reader == "images" and bands in (len(data.bands), len(data.file_bands or ()))
    ]
    if not fitting:
        return otherwise[0].upper() + otherwise[1:]
    return f"Add --recipe {' or '.join(fitting)}, which take{'s' * (len(fitting) == 1)} {bands} bands, or {otherwise}"


@cache
def _recipes() -> dict[str, DataRecipe]:
    return {name: parse([f"--recipe={name}"]).data for name in recipe_names()}
