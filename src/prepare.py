"""Make chips and labels to train on; choose the way by the arguments (``--help`` lists them).

A built-in sample, which `train` also makes by itself where the folders of its recipe are empty:
    python src/prepare.py
    mlflow run . -e prepare -P sample=strips -P chips_dir=strips/images -P labels_dir=strips/masks
Scenes and vectors:
    python src/prepare.py --scenes scenes --vectors buildings.gpkg --train_dir data/train/buildings
Map tiles and OpenStreetMap:
    python src/prepare.py --tms URL --bbox 85.519,27.628,85.527,27.633 --zoom 19 --train_dir data/train/osm
Scenes from a STAC catalogue:
    python src/prepare.py --stac URL --collections sentinel-2-l2a --bbox ... --assets B04,B03,B02 --train_dir data/s2

Folders that hold anything else are left alone.
"""

import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from segmint.addresses import shown
from segmint.errors import one_line_errors
from segmint.sources.arguments import parse

if TYPE_CHECKING:
    from segmint.sources.dataset import Dataset


def prepare(arguments: Namespace) -> None:
    """Go the way that the arguments mean, and say what to do next."""
    from segmint.console import quieten_libraries

    quieten_libraries()
    ways = {"sample": draw_sample, "scenes": cut_scenes, "tiles": fetch_tiles, "stac": fetch_scenes}
    ways[arguments.way](arguments)


def draw_sample(arguments: Namespace) -> None:
    """Make a sample, or leave it as it is where it stands already."""
    from segmint.data.sample import find_sample, is_sample, make_sample

    name = arguments.sample
    sample = find_sample(name)
    chips = arguments.chips_dir or Path(sample.chips_dir)
    labels = arguments.labels_dir or (Path(sample.labels_dir) if sample.labels_dir else chips)
    also, beside = ("", "among them") if labels == chips else (f" and {labels}", f"in {labels}")
    if is_sample(chips) and labels.is_dir():
        print(f"sample: in {chips} already; remove it{also} to make another")
    else:
        count = make_sample(name, chips, labels, arguments.seed)
        print(f"sample: {count} {sample.unit} in {chips}, labels {beside}")
    recipe = "" if name == "camp" else f" --recipe {sample.recipe}"
    default = (chips, labels) == (Path(sample.chips_dir), Path(sample.labels_dir or sample.chips_dir))
    folders = "" if default else f" --chips_dir {chips} --labels_dir {labels}"
    print(f"next:   python src/train.py{recipe}{folders}{', or make train' if default and not recipe else ''}")


def cut_scenes(arguments: Namespace) -> None:
    """Cut scenes into chips and burn their labels."""
    from segmint.data.chips import IGNORE
    from segmint.sources.classes import ClassTable
    from segmint.sources.cutting import Rule
    from segmint.sources.dataset import make_dataset
    from segmint.sources.layers import open_layer
    from segmint.sources.scene import find_scenes

    elsewhere = IGNORE if arguments.unlabelled == "ignore" else 0
    rule = Rule(arguments.size, arguments.overlap, arguments.min_coverage, elsewhere)
    table = ClassTable.parse(arguments.attribute, arguments.classes)
    scenes = find_scenes(arguments.scenes)
    layer = open_layer(arguments.vectors, arguments.layer, table, scenes)
    facts = {"scenes": [str(scene.path) for scene in scenes], "vectors": str(arguments.vectors)}
    say(make_dataset(arguments.train_dir, scenes, layer, table, rule, facts, []))


def fetch_tiles(arguments: Namespace) -> None:
    """Fetch map tiles, and the OpenStreetMap features on them as labels."""
    from segmint.sources.arguments import bounds
    from segmint.sources.classes import ClassTable
    from segmint.sources.cutting import Rule
    from segmint.sources.dataset import make_dataset
    from segmint.sources.fetching import Fetcher
    from segmint.sources.folder import downloads, made_before, require_free
    from segmint.sources.imagery import TileServer
    from segmint.sources.layers import open_layer
    from segmint.sources.mercator import covering, degrees
    from segmint.sources.openstreetmap import ATTRIBUTION, Overpass
    from segmint.sources.scene import find_scenes

    folder, fetcher = arguments.train_dir, Fetcher(arguments.rate)
    server, overpass = TileServer(arguments.tms, fetcher), Overpass(arguments.overpass, fetcher)
    table = ClassTable.parse(arguments.attribute, arguments.classes)
    tiles = covering(bounds(arguments.bbox), arguments.zoom)
    fetched = {"tms": shown(arguments.tms), "bbox": arguments.bbox, "zoom": arguments.zoom}
    fetched |= {"overpass": shown(arguments.overpass), "features": arguments.features}
    facts = fetched | {"attribute": table.attribute, "classes": table.classes}
    if command := made_before(folder, facts):
        print(f"chips:  in {folder}/chips already; remove {folder} to fetch them again\nnext:   {command}")
        return
    require_free(folder)
    print(f"tiles:  {len(tiles)} of zoom {arguments.zoom} from {shown(arguments.tms)}", flush=True)
    with downloads(folder, fetched) as place:
        features = place / "features.geojson"
        overpass.collect(arguments.features, degrees(tiles), features)
        images = server.collect(tiles, place)
        scenes = find_scenes([str(image) for image in images])
        layer = open_layer(features, None, table, scenes)
        whole = Rule(size=max(max(scene.height, scene.width) for scene in scenes))
        attribution = [arguments.attribution or server.attribution, ATTRIBUTION]
        say(make_dataset(folder, scenes, layer, table, whole, facts, attribution, [features]))


def fetch_scenes(arguments: Namespace) -> None:
    """Fetch the scenes of an area from a STAC API."""
    from segmint.sources.arguments import bounds
    from segmint.sources.catalogue import Search, collect, describe, search, shifted
    from segmint.sources.folder import downloads, made_before, require_free, staged, write_source

    folder, area = arguments.train_dir, bounds(arguments.bbox)
    assets, collections = arguments.assets.split(","), arguments.collections.split(",")
    facts = {"stac": shown(arguments.stac), "collections": collections, "bbox": arguments.bbox, "assets": assets}
    facts |= {"datetime": arguments.datetime, "max_cloud": arguments.max_cloud, "limit": arguments.limit}
    if command := made_before(folder, facts):
        print(f"scenes: in {folder}/scenes already; remove {folder} to fetch them again\nnext:   {command}")
        return
    require_free(folder)
    wanted = Search(tuple(collections), area, arguments.datetime, arguments.max_cloud, arguments.limit)
    items = search(arguments.stac, wanted)
    notes = [f"{item.id} stores values that are 1000 too high: see data.offset" for item in items if shifted(item)]
    attribution = [f"Scenes: {', '.join(collections)} from {shown(arguments.stac)}"]
    command = shlex.join(["python", "src/prepare.py", "--scenes", f"{folder}/scenes"])
    command += " --vectors FILE --train_dir FOLDER"
    with downloads(folder, facts) as place, staged(folder) as stage:
        (stage / "scenes").mkdir()
        for scene in collect(items, assets, area, place):
            scene.replace(stage / "scenes" / scene.name)
        write_source(stage, facts | {"items": [describe(item) for item in items]}, attribution, notes, command)
    for note in notes:
        print(f"note:   {note}")
    print(f"scenes: in {folder}/scenes, their origin in source.json")
    print(f"next:   {command}")


def say(dataset: "Dataset") -> None:
    """What was found, where it is, and what to do next."""
    for note in dataset.notes:
        print(f"note:   {note}")
    print(f"chips:  in {dataset.folder}/chips, labels in {dataset.folder}/labels, their origin in source.json")
    print(f"next:   {dataset.command}")


if __name__ == "__main__":
    with one_line_errors():
        prepare(parse(sys.argv[1:]))
