"""Scenes from a STAC API: items of an area and time, cut to the area by windowed reads.

Example:
    >>> items = search("https://earth-search.aws.element84.com/v1", Search(("sentinel-2-l2a",), area, "2024-06"))
    >>> clip(items[0], ("red", "green", "blue"), area, Path("scene.tif"))
"""

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pystac
import rasterio
import requests
from affine import Affine
from pystac import Item
from pystac_client import Client
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds
from rasterio.windows import transform as window_transform

from segmint.addresses import shown
from segmint.data.chips import Bounds
from segmint.errors import DataError
from segmint.sources.fetching import USER_AGENT

_BLOCK = 512
_HTTP = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MAX_RETRY": "5",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_USERAGENT": USER_AGENT,
}
"""GDAL waits longer after each failure, and asks for no file but the one it is given."""

_REFUSALS = (APIError, ClientTypeError, pystac.STACError)

_SHIFTED_SINCE = "04.00"
"""First processing baseline of Sentinel-2 whose stored values are 1000 too high."""


@dataclass(frozen=True)
class Search:
    """What is looked for.

    Attributes:
        collections: Identifiers of collections.
        area: West, south, east, north in degrees.
        datetime: A moment or an interval as STAC writes it; None for any.
        max_cloud: Largest cloud cover of an item in percent; None for any.
        limit: Most items.
    """

    collections: tuple[str, ...]
    area: Bounds
    datetime: str | None = None
    max_cloud: float | None = None
    limit: int = 20


def search(address: str, wanted: Search) -> list[Item]:
    """Items of a STAC API, in its order; one that does not state its cloud cover passes.

    Raises:
        DataError: No STAC API with item search, or nothing found.
    """
    try:
        client = Client.open(address, headers={"User-Agent": USER_AGENT}, timeout=60)
        found = client.search(
            method="GET", collections=list(wanted.collections), bbox=wanted.area, datetime=wanted.datetime
        )
        items, cloudy = [], 0
        for item in found.items():
            if wanted.max_cloud is not None and (item.properties.get("eo:cloud_cover") or 0) > wanted.max_cloud:
                cloudy += 1
                continue
            items.append(item)
            if len(items) == wanted.limit:
                break
    except (*_REFUSALS, requests.RequestException, NotImplementedError, ValueError, KeyError) as error:
        found_there = f"{shown(address)} does not answer as a STAC API ({shown(str(error))[:160]})"
        raise DataError(
            found_there, "a STAC API with item search", "Check --stac, --collections, --datetime"
        ) from error
    if not items:
        more = f" below {wanted.max_cloud:g} % cloud, {cloudy} above" if wanted.max_cloud is not None else ""
        where = ",".join(f"{value:g}" for value in wanted.area)
        raise DataError(
            f"{shown(address)} has no item of {', '.join(wanted.collections)} in {where}{more}",
            "items of the area and time",
            "Widen --bbox, --datetime or --max_cloud",
        )
    return items


def collect(items: Sequence[Item], assets: Sequence[str], area: Bounds, folder: Path) -> list[Path]:
    """Fetch the scenes that the folder does not hold yet.

    Returns:
        Their files, named by the items' identifiers, with their collections where two items have one.

    Raises:
        DataError: As :func:`clip`.
    """
    twice = {identifier for identifier, count in Counter(item.id for item in items).items() if count > 1}
    names = [f"{item.collection_id}_{item.id}" if item.id in twice else item.id for item in items]
    paths = [folder / (re.sub(r"[^\w.-]", "_", name) + ".tif") for name in names]
    for number, (item, path) in enumerate(zip(items, paths, strict=True), 1):
        if not path.exists():
            clip(item, assets, area, path)
        print(f"scenes: {number} of {len(items)}, {item.id}", flush=True)
    return paths


def clip(item: Item, assets: Sequence[str], area: Bounds, path: Path) -> None:
    """Write an area of some assets as one GeoTIFF with their names as band names, on the grid of the finest.

    Coarser assets are resampled bilinearly. It is written block by block, beside ``path`` first.

    Args:
        item: The item.
        assets: Keys of its assets, in the order of the bands.
        area: West, south, east, north in degrees.
        path: Where to.

    Raises:
        DataError: An asset is missing or cannot be read, assets of several data types or nodata values, or no pixel of
            the area.
    """
    beside = path.with_name(path.name + ".part")
    try:
        with rasterio.Env(**_HTTP), ExitStack() as stack:
            sources = [stack.enter_context(rasterio.open(_address(item, key))) for key in assets]
            _require_alike(item, assets, sources)
            finest = min(sources, key=lambda source: abs(source.transform.determinant))
            window = _window(item, finest, area)
            grid = {"crs": finest.crs, "transform": window_transform(window, finest.transform)}
            grid |= {"height": int(window.height), "width": int(window.width)}
            aligned = [stack.enter_context(_aligned(source, grid)) for source in sources]
            profile = grid | {"count": len(aligned), "dtype": finest.dtypes[0], "nodata": finest.nodata}
            layout = {"tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK, "compress": "deflate"}
            with rasterio.open(beside, "w", driver="GTiff", **profile, **layout) as target:
                for number, (key, source) in enumerate(zip(assets, aligned, strict=True), 1):
                    target.set_band_description(number, key)
                    for _, block in target.block_windows(number):
                        target.write(source.read(1, window=block), number, window=block)
    except RasterioError as error:
        beside.unlink(missing_ok=True)
        found = f"item {item.id} cannot be read ({shown(str(error))})"
        raise DataError(found, "rasters that this machine may read", "Check access; come back later") from error
    beside.replace(path)


def describe(item: Item) -> dict[str, object]:
    """What is kept of an item: identifier, collection, time, cloud cover, licence, processing."""
    kept = ("datetime", "eo:cloud_cover", "platform", "license", "s2:processing_baseline")
    return {"id": item.id, "collection": item.collection_id} | {
        key: item.properties[key] for key in kept if item.properties.get(key) is not None
    }


def shifted(item: Item) -> bool:
    """Whether the stored values of a Sentinel-2 item are 1000 too high (baseline 04.00, January 2022, and later)."""
    baseline = str(item.properties.get("s2:processing_baseline", ""))
    return baseline >= _SHIFTED_SINCE and not item.properties.get("earthsearch:boa_offset_applied", False)


def _address(item: Item, key: str) -> str:
    if key not in item.assets:
        known = ", ".join(item.assets) or "none"
        raise DataError(f"item {item.id} has no asset {key}", f"some of {known}", "Set --assets")
    return item.assets[key].get_absolute_href() or item.assets[key].href


def _require_alike(item: Item, assets: Sequence[str], sources: Sequence[DatasetReader]) -> None:
    for key, source in zip(assets, sources, strict=True):
        if source.crs is None:
            raise DataError(f"asset {key} of item {item.id} has no CRS", "a georeferenced raster", "Set --assets")
        for what, mine, first in (
            ("data type", source.dtypes[0], sources[0].dtypes[0]),
            ("nodata", source.nodata, sources[0].nodata),
        ):
            if mine != first and not (mine != mine and first != first):
                found = f"item {item.id}: {what} of {key} is {mine}, of {assets[0]} {first}"
                raise DataError(found, f"one {what}", "Choose --assets that agree")


def _window(item: Item, source: DatasetReader, area: Bounds) -> Window:
    """Whole pixels of a raster that the area touches."""
    inner = transform_bounds("EPSG:4326", source.crs, *area)
    exact = from_bounds(*inner, transform=source.transform)
    top, left = max(0, _floor(exact.row_off)), max(0, _floor(exact.col_off))
    bottom = min(source.height, -_floor(-(exact.row_off + exact.height)))
    right = min(source.width, -_floor(-(exact.col_off + exact.width)))
    if bottom <= top or right <= left:
        raise DataError(f"item {item.id} has no pixel in the area", "an item that reaches into it", "Check --bbox")
    return Window(left, top, right - left, bottom - top)


def _floor(value: float) -> int:
    """The whole number below, but for what floating point adds."""
    return int((value + 1e-6) // 1)


def _aligned(source: DatasetReader, grid: dict[str, object]) -> WarpedVRT:
    """A raster on a grid; on its own grid it stays as it is."""
    transform = grid["transform"]
    assert isinstance(transform, Affine)
    same = source.crs == grid["crs"] and abs(source.transform.a - transform.a) < 1e-9 * abs(transform.a)
    resampling = Resampling.nearest if same else Resampling.bilinear
    return WarpedVRT(source, **grid, resampling=resampling)
