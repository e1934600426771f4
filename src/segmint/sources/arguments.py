"""The command line of ``prepare``: which of the ways to chips is meant, and nothing that belongs to another.

Example:
    >>> parse(["--scenes", "scenes", "--vectors", "buildings.gpkg", "--train_dir", "data/train/b"]).way
    'scenes'
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from segmint.errors import RecipeError

WAYS = {
    "sample": ("sample", "seed", "chips_dir", "labels_dir"),
    "scenes": (
        "scenes",
        "vectors",
        "layer",
        "attribute",
        "classes",
        "unlabelled",
        "size",
        "overlap",
        "min_coverage",
        "train_dir",
    ),
    "tiles": (
        "tms",
        "bbox",
        "zoom",
        "overpass",
        "features",
        "attribute",
        "classes",
        "attribution",
        "rate",
        "train_dir",
    ),
    "stac": ("stac", "collections", "bbox", "datetime", "assets", "max_cloud", "limit", "train_dir"),
}
"""What belongs to each way; the first is chosen where nothing else is."""

ZOOM = 19
BBOX = "85.51991979758662,27.628837632373674,85.52736620395387,27.633394557789373"
TMS = "https://tiles.openaerialmap.org/62d85d11d8499800053796c1/0/62d85d11d8499800053796c2/{z}/{x}/{y}"
TRAIN_DIR = "data/train/sample"
OVERPASS = "https://overpass-api.de/api/interpreter"
"""The documented defaults of ``preprocess``: a drone image of Banepa, Nepal."""

_SIGNS = {"scenes": "scenes", "vectors": "scenes", "stac": "stac", "tms": "tiles", "zoom": "tiles", "bbox": "tiles"}
"""Which argument means which way, the most telling first."""


def parse(given: Sequence[str]) -> argparse.Namespace:
    """Read a command line; its ``way`` is ``sample``, ``scenes``, ``tiles`` or ``stac``.

    Hyphens and underscores in names are the same. ``--help`` prints the arguments and exits.

    Raises:
        RecipeError: An unknown argument, a value of the wrong type, one that is missing, or arguments of two ways.
    """
    parser = _parser()
    try:
        arguments, others = parser.parse_known_args(_joined(given))
    except argparse.ArgumentError as error:
        raise RecipeError(str(error), remedy="--help lists the arguments") from error
    if others:
        raise RecipeError(f"there is no argument {others[0]}", "one that --help lists")
    named = vars(arguments)
    way = next((_SIGNS[sign] for sign in _SIGNS if sign in named), "sample")
    for name in named:
        if name not in WAYS[way]:
            chosen = next((sign for sign in _SIGNS if sign in named), "sample")
            raise RecipeError(f"--{name} beside --{chosen}", f"of {way} only {', '.join(WAYS[way])}", "Leave one out")
    for needed in {
        "scenes": ("scenes", "vectors", "train_dir"),
        "stac": ("collections", "bbox", "assets", "train_dir"),
    }.get(way, ()):
        if needed not in named:
            raise RecipeError(f"--{needed} is missing", f"--{needed} with --{WAYS[way][0]}")
    return argparse.Namespace(**(_defaults(way) | named), way=way)


def bounds(text: str) -> tuple[float, float, float, float]:
    """West, south, east, north in degrees from ``w,s,e,n``.

    Raises:
        RecipeError: Not four numbers, out of range, or nothing between them.
    """
    expected = "west,south,east,north in degrees, as 85.519,27.628,85.527,27.633"
    try:
        west, south, east, north = (float(part) for part in text.replace(",", " ").split())
    except ValueError as error:
        raise RecipeError(f"bbox '{text}'", expected) from error
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise RecipeError(f"bbox '{text}'", f"{expected}, west less than east and south less than north")
    return west, south, east, north


def _defaults(way: str) -> dict[str, object]:
    match way:
        case "scenes":
            ruled = {"unlabelled": "background", "size": 512, "overlap": 0, "min_coverage": 0.0}
            return {"layer": None, "attribute": None, "classes": None, **ruled}
        case "tiles":
            area = {"tms": TMS, "bbox": BBOX, "zoom": ZOOM, "train_dir": Path(TRAIN_DIR)}
            labels = {"overpass": OVERPASS, "features": "building", "attribute": None, "classes": None}
            return {"attribution": None, "rate": 4.0, **labels, **area}
        case "stac":
            return {"datetime": None, "max_cloud": None, "limit": 20}
    return {"sample": "camp", "seed": 62, "chips_dir": None, "labels_dir": None}


def _joined(given: Sequence[str]) -> list[str]:
    """Names with underscores, and a value that begins with a minus sign tied to its name."""
    joined: list[str] = []
    for part in given:
        name, equals, value = part.partition("=")
        if name.startswith("--"):
            joined.append(f"--{name[2:].replace('-', '_')}{equals}{value}")
        elif joined and joined[-1] == "--bbox":
            joined[-1] = f"--bbox={part}"
        else:
            joined.append(part)
    return joined


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Make chips and labels to train on: a built-in sample (without arguments), from scenes and "
        "vectors, from map tiles and OpenStreetMap, or fetch scenes from a STAC catalogue.",
        allow_abbrev=False,
        exit_on_error=False,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--train_dir", type=Path, help="new or empty folder for what is made")
    parser.add_argument("--bbox", help="west,south,east,north in degrees (tiles, STAC)")

    sample = parser.add_argument_group("a built-in sample")
    sample.add_argument("--sample", help="camp, burn, strips or spread (camp)")
    sample.add_argument("--chips_dir", type=Path, help="new or empty; by default that of the sample's recipe")
    sample.add_argument("--labels_dir", type=Path, help="new or empty; by default that of the recipe, or chips_dir")
    sample.add_argument("--seed", type=int, help="another seed draws another sample (62)")

    scenes = parser.add_argument_group("scenes and vectors")
    scenes.add_argument("--scenes", nargs="+", help="rasters, folders or patterns")
    scenes.add_argument("--vectors", type=Path, help="GeoJSON, GeoPackage, Shapefile, or COCO polygons (.json)")
    scenes.add_argument("--layer", help="layer of a file that has several")
    scenes.add_argument("--attribute", help="attribute that tells the class; COCO categories have theirs: name")
    scenes.add_argument("--classes", help="label value of each attribute value, as forest=1,water=2")
    scenes.add_argument("--unlabelled", choices=("background", "ignore"), help="what no feature covers (background)")
    scenes.add_argument("--size", type=int, help="largest edge of a chip in pixels (512)")
    scenes.add_argument("--overlap", type=int, help="pixels that neighbouring chips share (0)")
    scenes.add_argument("--min_coverage", type=float, help="leave out chips with a smaller share of valid pixels (0)")

    tiles = parser.add_argument_group("map tiles and OpenStreetMap")
    tiles.add_argument("--tms", help="address of the tiles with {z}, {x}, {y} or {-y}, and {s} (OpenAerialMap, Banepa)")
    tiles.add_argument("--zoom", type=int, help=f"zoom level of the tiles ({ZOOM})")
    tiles.add_argument("--overpass", help=f"Overpass endpoint ({OVERPASS})")
    tiles.add_argument("--features", help="OpenStreetMap keys, as building or landuse=forest,natural=wood (building)")
    tiles.add_argument("--attribution", help="whom to name for the imagery; goes into source.json")
    tiles.add_argument("--rate", type=float, help="most requests per second (4)")

    stac = parser.add_argument_group("a STAC catalogue")
    stac.add_argument("--stac", help="address of a STAC API")
    stac.add_argument("--collections", help="collections to search, as sentinel-2-l2a")
    stac.add_argument("--datetime", help="a day or an interval, as 2024-06-01/2024-06-30")
    stac.add_argument("--assets", help="assets that become bands, in this order, as B04,B03,B02")
    stac.add_argument("--max_cloud", type=float, help="largest cloud cover of an item in percent")
    stac.add_argument("--limit", type=int, help="most items (20)")
    return parser
