"""The prepare entry point as a user runs it: from scenes and vectors, and from map tiles and OpenStreetMap."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from e2e_settings import REPOSITORY, environment
from hosts import Answer, Asked, hosted, picture
from places import write_raster
from rasterio.features import rasterize
from rasterio.transform import from_bounds
from rasterio.warp import transform_geom
from stac_host import api, degrees, item_of, write_band

AREA = "85.5199,27.6320,85.5210,27.6330"
"""Two by two tiles of zoom 19, after the published numbers of the chips around."""


def run(script: str, room: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "src" / script), *arguments]
    return subprocess.run(command, cwd=room, env=environment(room), capture_output=True, text=True, check=False)


def earth(asked: Asked, before: int) -> Answer:
    """A tile server and an Overpass endpoint: pictures drawn from the tile's number, one house."""
    if asked.path == "/api/interpreter":
        ring = [(85.5200, 27.6321), (85.5204, 27.6321), (85.5204, 27.6326), (85.5200, 27.6326), (85.5200, 27.6321)]
        house = {
            "type": "way",
            "id": 1,
            "tags": {"building": "yes"},
            "geometry": [{"lon": x, "lat": y} for x, y in ring],
        }
        return Answer(json.dumps({"elements": [house]}).encode(), kind="application/json")
    x, y = asked.path.split("/")[2:]
    return Answer(picture(np.random.default_rng([int(x), int(y)]).integers(0, 255, (3, 256, 256)).astype(np.uint8)))


def test_tiles_and_openstreetmap_become_chips_that_training_reads(tmp_path):
    with hosted(earth) as host:
        given = [f"--tms={host.address}/{{z}}/{{x}}/{{y}}", f"--overpass={host.address}/api/interpreter"]
        given += ["--bbox", AREA, "--zoom", "19", "--rate", "1000", "--train_dir", "data/train/my osm"]
        done = run("prepare.py", tmp_path, *given)
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
        asked = len(host.asked)
        again = run("prepare.py", tmp_path, *given)
        assert again.returncode == 0, again.stderr
        assert len(host.asked) == asked
    made = tmp_path / "data/train/my osm"
    assert sorted(path.name for path in made.iterdir()) == ["chips", "features.geojson", "labels", "source.json"]
    assert [path.name for path in made.parent.iterdir()] == ["my osm"]  # no download folder stays

    names = sorted(path.name for path in (made / "chips").iterdir())
    assert names == sorted(path.name for path in (made / "labels").iterdir())
    house = json.loads((made / "features.geojson").read_text())["features"][0]["geometry"]
    on_map = transform_geom("EPSG:4326", "EPSG:3857", house)
    for name in names:
        with rasterio.open(made / "labels" / name) as label:
            grid = from_bounds(*label.bounds, 256, 256)
            np.testing.assert_array_equal(label.read(1), rasterize([on_map], (256, 256), transform=grid))

    source = json.loads((made / "source.json").read_text())
    assert any("OpenStreetMap contributors, ODbL" in line for line in source["attribution"])
    assert host.address in source["tms"]
    command = done.stdout.splitlines()[-1].removeprefix("next:   ")
    assert again.stdout.splitlines()[-1].removeprefix("next:   ") == command
    check = "import sys; from segmint.command_line import parse; from segmint.data.pairs import find_chips; "
    check += "print(len(find_chips(parse(sys.argv[1:]).data)))"
    read = subprocess.run(
        [sys.executable, "-c", check, *shlex.split(command)[2:]],
        cwd=tmp_path,
        env=environment(tmp_path) | {"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert read.stdout.strip() == str(len(names)), read.stderr


def test_a_failing_server_ends_in_one_line_and_the_next_run_carries_on(tmp_path):
    broken = [True]

    def halting(asked: Asked, before: int) -> Answer:
        return Answer(status=403) if broken and asked.path.endswith("220243") else earth(asked, before)

    with hosted(halting) as host:
        given = [f"--tms={host.address}/{{z}}/{{x}}/{{y}}", f"--overpass={host.address}/api/interpreter"]
        given += ["--bbox", "85.5197,27.6320,85.5201,27.6333", "--rate", "1000", "--train_dir", "osm"]
        failed = run("preprocess.py", tmp_path, *given)
        assert failed.returncode == 1
        assert failed.stderr.startswith("error: ")
        assert len(failed.stderr.splitlines()) == 1
        assert not (tmp_path / "osm").exists()
        fetched = [path for path in host.paths() if not path.endswith("220243")]
        broken.clear()
        done = run("preprocess.py", tmp_path, *given)
        assert done.returncode == 0, done.stderr
    assert fetched
    assert all(host.paths().count(path) == 1 for path in fetched)
    assert list((tmp_path / "osm" / "chips").iterdir())


@pytest.mark.states(230)
def test_the_documented_entry_point_runs_as_a_project(tmp_path):
    with hosted(earth) as host:
        command = [sys.executable, "-m", "mlflow", "run", str(REPOSITORY), "-e", "preprocess", "--env-manager", "local"]
        parameters = {"bbox": AREA, "tms": host.address + "/{z}/{x}/{y}", "train_dir": str(tmp_path / "made here")}
        parameters |= {"overpass": host.address + "/api/interpreter", "rate": "1000"}
        command += [part for name, value in parameters.items() for part in ("-P", f"{name}={value}")]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "made here" / "source.json").is_file()


def test_scenes_and_vectors_become_chips_with_the_next_command(tmp_path):
    write_raster(tmp_path / "scenes" / "a.tif", np.ones((3, 100, 100), np.uint8), (500_000, 4_000_000))
    ring = [
        [500_000, 3_999_990],
        [500_020, 3_999_990],
        [500_020, 4_000_000],
        [500_000, 4_000_000],
        [500_000, 3_999_990],
    ]
    layer = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32636"}},
        "features": [{"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}],
    }
    (tmp_path / "v.geojson").write_text(json.dumps(layer))
    done = run(
        "prepare.py", tmp_path, "--scenes", "scenes", "--vectors", "v.geojson", "--train-dir", "made", "--size", "50"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (
        "next:   python src/train.py --chips_dir made/chips --labels_dir made/labels"
    )
    with rasterio.open(tmp_path / "made" / "labels" / "a_r0_c0.tif") as label:
        stored = label.read(1)
    assert (stored[:20, :40] == 1).all()
    assert stored.sum() == 20 * 40


def test_the_script_fetches_scenes_once_and_says_what_follows(tmp_path):
    write_band(tmp_path / "B11.tif", np.ones((100, 100), np.uint16), 20.0, nodata=0)
    items = [item_of(name, {"B11": str(tmp_path / "B11.tif")}, **{"s2:processing_baseline": "05.09"}) for name in "ab"]
    bbox = ",".join(f"{value:.6f}" for value in degrees(10, 29, 40, 69))
    with api(items) as host:
        given = ["--stac", host.address, "--collections", "s2", "--bbox", bbox, "--assets", "B11"]
        done = run("prepare.py", tmp_path, *given, "--train_dir", "s2")
        assert done.returncode == 0, done.stderr
        asked = len(host.asked)
        assert run("prepare.py", tmp_path, *given, "--train_dir", "s2").returncode == 0
        assert len(host.asked) == asked
    assert sorted(path.name for path in (tmp_path / "s2" / "scenes").iterdir()) == ["a.tif", "b.tif"]
    source = json.loads((tmp_path / "s2" / "source.json").read_text())
    assert [item["id"] for item in source["items"]] == ["a", "b"]
    assert "1000 too high" in done.stdout
    following = shlex.split(done.stdout.splitlines()[-1].removeprefix("next:   "))
    assert following[:4] == ["python", "src/prepare.py", "--scenes", "s2/scenes"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sample=camp", "--scenes", "a.tif"], "--sample beside --scenes"),
        (["--scenes", "a.tif", "--vectors", "b.gpkg", "--zoom=3"], "--zoom beside --scenes"),
        (["--scenes", "a.tif", "--train_dir", "d"], "--vectors is missing"),
        (["--stac", "http://h", "--bbox", "1,2,3,4"], "--collections is missing"),
        (["--bbox", "3,2,1,4"], "west less than east"),
        (["--bbox", "-3,2,1"], "bbox '-3,2,1'"),
        (["--zoom", "many"], "--zoom"),
        (["--sise", "4"], "there is no argument --sise"),
        (
            ["--scenes", "a.tif", "--vectors", "b", "--train_dir", "d", "--classes", "a=1"],
            "--classes without --attribute",
        ),
    ],
)
def test_contradictions_are_refused_in_one_line_and_nothing_is_made(tmp_path, arguments, words):
    done = run("prepare.py", tmp_path, *arguments)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert not list(tmp_path.iterdir())
