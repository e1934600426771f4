"""Which recipes in ``configs/`` take data like those that were found, for messages.

Example:
    >>> recipes_taking(7)
    'Add --recipe wildfire-del or wildfire-gra, which take 7 bands. '
"""

from functools import cache

from segmint.command_line import parse, recipe_names


@cache
def recipes_taking(bands: int) -> str:
    """A sentence that names the recipes whose images have so many bands; empty where there are none."""
    data = {name: parse([f"--recipe={name}"]).data for name in recipe_names()}
    fitting = [
        name
        for name, item in data.items()
        if item.reader == "images" and bands in (len(item.bands), len(item.file_bands or ()))
    ]
    return f"Add --recipe {' or '.join(fitting)}, which take {bands} bands. " if fitting else ""
