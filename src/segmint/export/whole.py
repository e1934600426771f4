"""What the exports of a model of whole images say about its fit, and the code of it that they carry.

Example:
    >>> resize_type(contract), resize_type(contract.model_copy(update={"fit": "resize"}))
    (None, 'interpolation-linear')
"""

import ast
from functools import cache
from pathlib import Path
from typing import Any

from segmint import fit
from segmint.contract import ModelContract

IMPORT = "from segmint.fit import Fit\n"
"""The line of a program that :func:`carrying` replaces."""


def sizing(contract: ModelContract) -> str:
    """How an image of any size is answered, in a sentence or two."""
    size = f"{contract.width} x {contract.height}"
    if contract.fit == "tile":
        return f"Larger images are predicted in tiles of {size} pixels every {contract.stride} pixels."
    scaled = (
        f"scaled with its aspect kept until it just fits into {size} pixels, put into the upper left corner, and its "
        "reflection fills the rest"
        if contract.fit == "letterbox"
        else f"stretched to {size} pixels"
    )
    return (
        f"The model sees whole images: each is {scaled} (bilinear with antialiasing). Its answer is scaled back onto "
        "the image's own pixels the same way, before a class is chosen."
    )


def resize_type(contract: ModelContract) -> str | None:
    """MLM's word for it; it has none for a letterbox, which :func:`pre_processing` states in full."""
    return None if contract.fit == "tile" else "interpolation-linear"


def pre_processing(contract: ModelContract) -> dict[str, Any] | None:
    """MLM's processing expression that brings an image into the tile, or None."""
    if contract.fit == "tile":
        return None
    return {"format": "python", "expression": "segmint.fit:Fit.into_tile", "description": sizing(contract)}


def post_processing(contract: ModelContract) -> dict[str, Any] | list[dict[str, Any]]:
    """MLM's processing expressions that make a class map of the answer."""
    classes = {"format": "python", "expression": "segmint.export.parity:classes"}
    if contract.fit == "tile":
        return classes
    return [{"format": "python", "expression": "segmint.fit:Fit.onto_image"}, classes]


def carrying(program: str) -> str:
    """A program with the code of :mod:`segmint.fit` instead of its import, for where segmint is not installed."""
    return program.replace(IMPORT, _code())


@cache
def _code() -> str:
    """The module without its prose."""
    tree = ast.parse(Path(fit.__file__).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [part for part in node.body if not _is_prose(part)]
    return f"# segmint.fit: a whole image into a tile, and the answer back onto its pixels\n{ast.unparse(tree)}\n"


def _is_prose(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
