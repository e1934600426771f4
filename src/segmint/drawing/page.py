"""Self-contained pages: no scripts and nothing fetched, styles are inline, figures are PNG data URIs.

A page's template extends ``page.html.j2``, which has the styles. What it shows is escaped by the template engine.

Example:
    >>> template(Path("src/segmint/tracking/report.html.j2"), score=card.score).render(contract=contract)
    '<!doctype html>...'
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from segmint.drawing.figures import Drawing


def template(path: Path, **filters: Callable[[Any], str]) -> Template:
    """The template at ``path``, with the filters ``image`` and ``duration`` and those given."""
    page = Environment(
        loader=FileSystemLoader([path.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters |= {"image": image, "duration": duration} | filters
    return page.get_template(path.name)


def image(drawing: Drawing) -> Markup:
    """The drawing as an ``img`` element with its words as alternative text."""
    source = base64.b64encode(drawing.png).decode("ascii")
    return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(drawing.words, source)


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``4.2 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(math.floor(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
