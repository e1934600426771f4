"""A small STAC API on loopback, with items made by code."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pystac
import rasterio
from hosts import Answer, Asked, Host, hosted, part_of
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds

WEST, NORTH = 435_720.0, 4_179_460.0
CORE = "https://api.stacspec.org/v1.0.0/core"
ITEM_SEARCH = "https://api.stacspec.org/v1.0.0/item-search"


def write_band(path: Path, values: np.ndarray, pixel: float, **profile: object) -> Path:
    """``[H, W]`` in EPSG:32618."""
    height, width = values.shape
    place = {"crs": "EPSG:32618", "transform": from_origin(WEST, NORTH, pixel, pixel)}
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=height, width=width, dtype=values.dtype, **place, **profile
    ) as target:
        target.write(values, 1)
    return path


def degrees(first_row: int, last_row: int, first_col: int, last_col: int, pixel: float = 20.0) -> tuple[float, ...]:
    """The middle of an area of pixels, its outer half pixels left out, in degrees."""
    bounds = (
        WEST + pixel * (first_col + 0.5),
        NORTH - pixel * (last_row + 0.5),
        WEST + pixel * (last_col + 0.5),
        NORTH - pixel * (first_row + 0.5),
    )
    return transform_bounds("EPSG:32618", "EPSG:4326", *bounds)


def item_of(name: str, assets: dict[str, str], **properties: object) -> pystac.Item:
    west, south, east, north = degrees(0, 99, 0, 99)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    item = pystac.Item(
        id=name,
        geometry={"type": "Polygon", "coordinates": [ring]},
        bbox=[west, south, east, north],
        datetime=datetime(2024, 6, 1, tzinfo=UTC),
        properties=properties,
        collection="s2",
    )
    for key, address in assets.items():
        item.add_asset(key, pystac.Asset(address))
    return item


@contextmanager
def api(items: list[pystac.Item], files: Path | None = None) -> Iterator[Host]:
    """A STAC API: a landing page, item search by box, time and collection in pages of one, and files."""

    def answer(asked: Asked, before: int) -> Answer:
        address = urlsplit(asked.path)
        root = host.address
        if files is not None and address.path.startswith("/files/"):
            return part_of((files / address.path.removeprefix("/files/")).read_bytes(), asked)
        if address.path == "/search":
            asked_for = parse_qs(address.query)
            page = int(asked_for.get("page", ["0"])[0])
            chosen = [item for item in items if item.collection_id in asked_for["collections"][0].split(",")]
            more = f"{root}/search?{address.query.split('&page=')[0]}&page={page + 1}"
            links = [{"rel": "next", "href": more}] if page + 1 < len(chosen) else []
            found = [item.to_dict(include_self_link=False) for item in chosen[page : page + 1]]
            content: dict = {"type": "FeatureCollection", "features": found, "links": links}
        else:
            content = {"type": "Catalog", "id": "t", "description": "t", "stac_version": "1.0.0"}
            content["conformsTo"] = [CORE, ITEM_SEARCH]
            content["links"] = [
                {"rel": "self", "href": root + "/"},
                {"rel": "root", "href": root + "/"},
                {"rel": "search", "href": root + "/search", "type": "application/geo+json", "method": "GET"},
            ]
        return Answer(json.dumps(content).encode(), kind="application/json")

    with hosted(answer) as host:
        yield host
