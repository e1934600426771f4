"""Map tiles by address: fetched once, checked, and kept as georeferenced files.

Example:
    >>> server = TileServer("https://tiles.example.org/{z}/{x}/{y}.png", Fetcher())
    >>> server.collect(covering(area, 19), Path("downloads"))
    [PosixPath('downloads/tile-386691-220242-19.tif'), ...]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from segmint.addresses import shown
from segmint.errors import DataError, RecipeError
from segmint.sources.fetching import Damaged, Fetcher, excerpt
from segmint.sources.mercator import CRS_NAME, MapTile

_SUBDOMAINS = "abc"
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"II*\x00", b"MM\x00*", b"GIF8")
"""How PNG, JPEG, WebP, TIFF and GIF begin."""

_CAREFUL = {"GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO", "GDAL_ERROR_ON_LIBJPEG_WARNING": "YES"}
"""GDAL is silent about truncated files otherwise."""


@dataclass(frozen=True)
class TileServer:
    """A server of map tiles.

    Attributes:
        template: Address with ``{z}``, ``{x}``, and ``{y}`` or ``{-y}`` (rows from the south, TMS), maybe ``{s}``.
        fetcher: Fetches.
    """

    template: str
    fetcher: Fetcher

    def __post_init__(self) -> None:
        missing = [part for part in ("{z}", "{x}", "{y}") if part not in self.template.replace("{-y}", "{y}")]
        if missing or not self.template.startswith(("http://", "https://")):
            lacks = f" without {', '.join(missing)}" if missing else ""
            raise RecipeError(f"tms '{shown(self.template)}'{lacks}", "https://host/{z}/{x}/{y}, or {-y} for TMS rows")

    @property
    def attribution(self) -> str:
        """Whom to name, as far as the address tells."""
        host = urlsplit(self.template).hostname or ""
        if host.endswith("openaerialmap.org"):
            return "Imagery: OpenAerialMap contributors, CC BY 4.0, https://openaerialmap.org"
        return f"Imagery: tiles of {host}; name the provider as its terms ask (--attribution)"

    def address(self, tile: MapTile) -> str:
        """Where a tile is."""
        values = {
            "{z}": tile.zoom,
            "{x}": tile.x,
            "{y}": tile.y,
            "{-y}": 2**tile.zoom - 1 - tile.y,
            "{s}": _SUBDOMAINS[(tile.x + tile.y) % len(_SUBDOMAINS)],
        }
        address = self.template
        for name, value in values.items():
            address = address.replace(name, str(value))
        return address

    def collect(self, tiles: Sequence[MapTile], folder: Path) -> list[Path]:
        """Fetch the tiles that the folder does not hold yet, as GeoTIFF; what the server does not have is noted there.

        Returns:
            Files of the tiles that there are.

        Raises:
            DataError: No image, a server that keeps failing, or not one tile.
        """
        for number, tile in enumerate(tiles, 1):
            place, absent = folder / f"{tile.name}.tif", folder / f"{tile.name}.absent"
            if not place.exists() and not absent.exists():
                image = self.fetcher.get(self.address(tile), partial(self._decoded, tile))
                if image is None:
                    absent.touch()
                else:
                    _write(place, tile, *image)
            if number == len(tiles) or number % max(1, len(tiles) // 10) == 0:
                print(f"tiles:  {number} of {len(tiles)}", flush=True)
        found_there = [path for tile in tiles if (path := folder / f"{tile.name}.tif").exists()]
        if not found_there:
            found = f"{shown(self.address(tiles[0]))} and {len(tiles) - 1} more are not there (404)"
            raise DataError(found, "tiles of the area", "Check the address, --bbox and --zoom")
        return found_there

    def _decoded(self, tile: MapTile, kind: str, body: bytes) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Red, green, blue ``[3, H, W]`` of an image, and where it is not transparent."""
        if not body.startswith(_SIGNATURES):
            found = f"{shown(self.address(tile))} is {kind or 'something'} ('{excerpt(body)}')"
            raise DataError(found, "an image", "Check the address and its key in a browser")
        try:
            with rasterio.Env(**_CAREFUL), MemoryFile(body) as memory, memory.open() as source:
                if source.dtypes[0] != "uint8":
                    raise DataError(f"{shown(self.address(tile))} is {source.dtypes[0]}", "8 bits per band")
                values, valid = source.read(), source.dataset_mask() > 0
                if source.count <= 2:  # grey, or a palette
                    values = _painted(values[0], source)
        except RasterioError as error:
            raise Damaged(f"a damaged image ({error})") from error
        return values[:3], valid


def _painted(values: NDArray[np.uint8], source: rasterio.io.DatasetReader) -> NDArray[np.uint8]:
    """One band as three: through its palette if it has one."""
    try:
        palette = source.colormap(1)
    except ValueError:
        return np.repeat(values[None], 3, axis=0)
    table = np.array([palette.get(value, (0, 0, 0, 0))[:3] for value in range(256)], np.uint8)
    return np.moveaxis(table[values], -1, 0)


def _write(path: Path, tile: MapTile, values: NDArray[np.uint8], valid: NDArray[np.bool_]) -> None:
    height, width = values.shape[1:]
    beside = path.with_suffix(".part")
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"),
        rasterio.open(
            beside,
            "w",
            driver="GTiff",
            count=3,
            height=height,
            width=width,
            dtype="uint8",
            crs=CRS_NAME,
            transform=tile.transform(height, width),
            photometric="RGB",
            compress="deflate",
        ) as target,
    ):
        target.write(values)
        if not valid.all():
            target.write_mask(valid)
    beside.replace(path)
