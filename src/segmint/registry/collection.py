"""``collection.json``: the champions of the registry as a STAC collection, for catalogues and stac-browser.

The folder is self-contained: below it lies every champion's run with its item, whose links lead to the files beside it.

Example:
    >>> collection = gather(Path("catalogue.part"))
    >>> [item.properties["mlm:name"] for item in collection.get_items()]
    ['refugee-camp']
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pystac
from mlflow import MlflowClient
from pystac.layout import CustomLayoutStrategy
from pystac.utils import str_to_datetime

from segmint.errors import RegistryError
from segmint.registry.download import download_run
from segmint.registry.store import answering
from segmint.registry.succession import CHAMPION
from segmint.tracking.store import connect

FILE = "collection.json"

_SUMMARISED = ("mlm:name", "mlm:architecture", "mlm:framework")
_EARTH = [-180.0, -90.0, 180.0, 90.0]


def champions() -> dict[str, str]:
    """Version number of the champion of every registered model that has one, by name.

    Raises:
        RegistryError: No model has a champion.
        TrackingError: The store cannot be reached.
    """
    store = connect()
    with answering(f"registry in {store}"):
        models = MlflowClient().search_registered_models(order_by=["name ASC"])
        found = {model.name: str(model.aliases[CHAMPION]) for model in models if CHAMPION in model.aliases}
    if not found:
        raise RegistryError(f"no model in {store} has a champion", "one that was promoted", "Promote one")
    return found


def gather(folder: Path) -> pystac.Collection:
    """Fetch the champions' runs and write the collection above them.

    Args:
        folder: Where to; it does not exist yet.

    Raises:
        RegistryError: No model has a champion, or one has no STAC item.
        TrackingError: The store cannot be reached.
    """
    items: dict[Path, pystac.Item] = {}
    for name, version in champions().items():
        place = folder / name / "metadata" / "stac_item.json"
        place.parent.mkdir(parents=True)
        with answering(f"{name} version {version}"):
            run_id = MlflowClient().get_model_version(name, version).run_id
        download_run(str(run_id), folder / name)
        if not place.is_file():
            raise RegistryError(f"{name} version {version} has no STAC item", "one of its run", "Train it again")
        content = json.loads(place.read_text(encoding="utf-8"))
        item = pystac.Item.from_dict(content, href=str(place), migrate=False)  # to extensions of other versions
        item.properties["segmint:registered_version"] = version
        items[place] = item
    collection = _described(list(items.values()))
    collection.set_self_href(str(folder / FILE))
    for place, item in items.items():
        collection.add_item(item, strategy=CustomLayoutStrategy(item_func=partial(_at, place)))
    collection.save(pystac.CatalogType.SELF_CONTAINED)
    return collection


def _at(place: Path, item: pystac.Item, parent: str) -> str:
    """An item stays where it is."""
    return str(place)


def _described(items: Sequence[pystac.Item]) -> pystac.Collection:
    """The collection of these items, without them; ground is the whole earth where an item does not say its own."""
    boxes = [list(item.bbox) if item.bbox else _EARTH for item in items]
    times = [time for item in items for time in _times(item)]
    licenses = {item.properties["license"] for item in items}
    names = [item.properties["mlm:name"] for item in items]
    west, south, east, north = zip(*boxes, strict=True)
    whole = [min(west), min(south), max(east), max(north)]
    return pystac.Collection(
        id="segmint-champions",
        title="Segmentation models",
        description=f"The champions of the model registry: {', '.join(names)}",
        license=licenses.pop() if len(licenses) == 1 else "other",
        keywords=sorted({word for item in items for word in item.properties.get("keywords", [])}) or None,
        providers=_providers(items) or None,
        extent=pystac.Extent(
            pystac.SpatialExtent([whole, *boxes] if len(boxes) > 1 else boxes),
            pystac.TemporalExtent([[min(times), max(times)]]),
        ),
        summaries=pystac.Summaries({key: sorted({item.properties[key] for item in items}) for key in _SUMMARISED}),
    )


def _times(item: pystac.Item) -> list[datetime]:
    stated = [item.datetime, *(item.properties.get(key) for key in ("start_datetime", "end_datetime"))]
    times = [str_to_datetime(time) if isinstance(time, str) else time for time in stated if time is not None]
    return [time if time.tzinfo else time.replace(tzinfo=UTC) for time in times]


def _providers(items: Sequence[pystac.Item]) -> list[pystac.Provider]:
    stated: dict[str, dict[str, Any]] = {
        provider["name"]: provider for item in items for provider in item.properties.get("providers", [])
    }
    return [pystac.Provider.from_dict(provider) for provider in stated.values()]
