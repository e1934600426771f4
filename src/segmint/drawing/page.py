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
from matplotlib.figure import Figure

from segmint.drawing.figures import png


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


def image(figure: Figure) -> Markup:
    """The figure as an ``img`` element whose alternative text is made of the figure's titles."""
    titles = [figure.get_suptitle(), *(axes.get_title(loc="left") for axes in figure.axes)]
    words = "; ".join(title for title in titles if title)
    source = base64.b64encode(png(figure)).decode("ascii")
    return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(words, source)


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``4.2 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(math.floor(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
