from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest
import rasterio
from hosts import Answer, hosted, picture
from hypothesis import given
from hypothesis import strategies as st
from rasterio.warp import transform_bounds

from segmint import __version__
from segmint.errors import DataError, RecipeError
from segmint.sources.fetching import Fetcher
from segmint.sources.imagery import TileServer
from segmint.sources.mercator import MapTile, covering, degrees

TILES = [MapTile(5, 9, 4), MapTile(6, 9, 4), MapTile(7, 9, 4)]
RED = np.random.default_rng(0).integers(0, 255, (3, 64, 64)).astype(np.uint8)
WHOLE = Answer(picture(RED))


def quick(**changes: float) -> Fetcher:
    return Fetcher(**({"rate": 1000, "pause": 0.01, "timeout": 5} | changes))


def server(host, **changes: float) -> TileServer:
    return TileServer(host.address + "/{z}/{x}/{y}.png", quick(**changes))


def read(path) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read()


def test_a_tile_lies_where_published_tiles_of_that_number_lie():
    """The sidecar of the OpenAerialMap chip OAM-386690-220241-19 says this, in degrees."""
    tile = MapTile(386690, 220241, 19)
    published = (85.51895141601562, 27.633657156647338, 85.51963806152344, 27.63426547568562)
    assert degrees([tile]) == pytest.approx(published, abs=1e-9)
    assert transform_bounds("EPSG:3857", "EPSG:4326", *tile.bounds) == pytest.approx(published, abs=1e-9)


def test_the_documented_area_is_96_tiles():
    area = (85.51991979758662, 27.628837632373674, 85.52736620395387, 27.633394557789373)
    assert len(covering(area, 19)) == 96


@given(west=st.floats(-179.9, 179), south=st.floats(-84, 83), width=st.floats(1e-4, 0.5), height=st.floats(1e-4, 0.5))
def test_tiles_cover_the_area_and_none_lies_beside_it(west, south, width, height):
    area = (west, south, min(west + width, 180.0), south + height)
    tiles = covering(area, 12)
    covered = degrees(tiles)
    assert covered[0] <= area[0] + 1e-9
    assert covered[1] <= area[1] + 1e-9
    assert covered[2] >= area[2] - 1e-9
    assert covered[3] >= area[3] - 1e-9
    for tile in tiles:
        left, bottom, right, top = degrees([tile])
        assert left < area[2] + 1e-9
        assert right > area[0] - 1e-9
        assert bottom < area[3] + 1e-9
        assert top > area[1] - 1e-9


@pytest.mark.parametrize(
    ("area", "zoom", "words"),
    [
        ((0, 0, 1, 1), 30, "zoom 30"),
        ((0, 80, 1, 89), 3, "latitude 89"),
        ((0, 0, 9, 9), 19, "tiles of zoom 19; expected 20,000 at most"),
    ],
)
def test_tiles_that_do_not_exist_are_refused(area, zoom, words):
    with pytest.raises(RecipeError, match=words):
        covering(area, zoom)


def test_tiles_become_georeferenced_files_with_the_pixels_of_the_server(tmp_path):
    with hosted(lambda asked, before: WHOLE) as host:
        paths = server(host).collect(TILES, tmp_path)
    assert host.paths() == ["/4/5/9.png", "/4/6/9.png", "/4/7/9.png"]
    assert [path.name for path in paths] == ["tile-5-9-4.tif", "tile-6-9-4.tif", "tile-7-9-4.tif"]
    with rasterio.open(paths[1]) as source:
        assert source.crs.to_epsg() == 3857
        assert tuple(source.bounds) == pytest.approx(TILES[1].bounds)
        np.testing.assert_array_equal(source.read(), RED)


def test_every_request_names_the_client_and_keeps_the_rate(tmp_path):
    with hosted(lambda asked, before: WHOLE) as host:
        server(host, rate=20).collect(TILES, tmp_path)
    assert {item.agent.split(" ")[0] for item in host.asked} == {f"segmint/{__version__}"}
    first, second, third = (item.at for item in host.asked)
    assert second - first > 0.03
    assert third - first > 0.08


@pytest.mark.parametrize(
    ("template", "address"),
    [
        ("https://h/{z}/{x}/{y}.png", "https://h/4/5/9.png"),
        ("https://h/{z}/{x}/{-y}.png", "https://h/4/5/6.png"),  # 2^4 - 1 - 9
        ("https://{s}.h/{z}/{x}/{y}?k={z}", "https://c.h/4/5/9?k=4"),  # (5 + 9) mod 3 = 2
    ],
)
def test_addresses_of_every_kind(template, address):
    assert TileServer(template, quick()).address(TILES[0]) == address


@pytest.mark.parametrize("template", ["https://h/{z}/{x}.png", "h/{z}/{x}/{y}"])
def test_an_address_that_is_no_template_is_refused(template):
    with pytest.raises(RecipeError, match="tms"):
        TileServer(template, quick())


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(status=500),
        Answer(status=503, headers={"Retry-After": "nonsense"}),
        Answer(WHOLE.body, cut=100),
        Answer(WHOLE.body[:-200]),
        Answer(picture(RED, "JPEG")[:-300], kind="image/jpeg"),
        Answer(WHOLE.body, seconds=1.0),
    ],
    ids=["500", "503", "connection lost", "truncated PNG", "truncated JPEG", "slow"],
)
def test_after_trouble_the_whole_image_arrives(tmp_path, trouble):
    with hosted(lambda asked, before: trouble if before < 2 and "/5/" in asked.path else WHOLE) as host:
        paths = server(host, timeout=0.4 if trouble.seconds else 30.0).collect(TILES, tmp_path)
    assert host.paths().count("/4/5/9.png") == 3
    for path in paths:
        np.testing.assert_array_equal(read(path), RED)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_server_that_asks_to_wait_is_waited_for(tmp_path, form):
    until = datetime.now(UTC) + timedelta(seconds=2)
    header = "1" if form == "seconds" else format_datetime(until, usegmt=True)
    busy = Answer(status=429, headers={"Retry-After": header})
    with hosted(lambda asked, before: WHOLE if before else busy) as host:
        server(host).collect(TILES[:1], tmp_path)
    first, second = (item.at for item in host.asked)
    assert second - first >= 0.9


def test_a_server_that_asks_for_an_hour_is_left_alone(tmp_path):
    with (
        hosted(lambda asked, before: Answer(status=429, headers={"Retry-After": "3600"})) as host,
        pytest.raises(DataError, match=r"asks to wait 3600 s; expected at most 120 s.*later"),
    ):
        server(host).collect(TILES, tmp_path)
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    ("trouble", "words", "requests"),
    [
        (Answer(status=500), "failed 3 times, the last time with: status 500", 3),
        (Answer(WHOLE.body[:-200]), "a damaged image", 3),
        (Answer(b"<html><title>Sign in</title></html>", kind="text/html"), r"is text/html \('Sign in'\)", 1),
        (Answer(b"", status=403), "answers 403; expected access", 1),
        (Answer(b"", status=400), "answers 400", 1),
    ],
)
def test_what_cannot_be_fetched_is_named_and_leaves_no_half_file(tmp_path, trouble, words, requests):
    with hosted(lambda asked, before: trouble) as host, pytest.raises(DataError, match=words):
        server(host, attempts=3).collect(TILES, tmp_path)
    assert len(host.asked) == requests
    assert not list(tmp_path.iterdir())


def test_what_was_fetched_or_is_not_there_is_not_asked_for_again(tmp_path):
    def first(asked, before):
        return {"5": WHOLE, "6": Answer(status=404), "7": Answer(status=500)}[asked.path.split("/")[2]]

    with hosted(first) as host, pytest.raises(DataError, match="kept"):
        server(host, attempts=2).collect(TILES, tmp_path)
    with hosted(lambda asked, before: WHOLE) as host:
        paths = server(host).collect(TILES, tmp_path)
    assert host.paths() == ["/4/7/9.png"]
    assert [path.name for path in paths] == ["tile-5-9-4.tif", "tile-7-9-4.tif"]


def test_an_area_without_a_single_tile_is_refused(tmp_path):
    with hosted(lambda asked, before: Answer(status=404)) as host, pytest.raises(DataError, match="--bbox and --zoom"):
        server(host).collect(TILES, tmp_path)


def test_transparent_pixels_have_no_value(tmp_path):
    values = np.concatenate([RED, np.full((1, 64, 64), 255, np.uint8)])
    values[3, :10] = 0
    with hosted(lambda asked, before: Answer(picture(values))) as host:
        (path,) = server(host).collect(TILES[:1], tmp_path)
    with rasterio.open(path) as source:
        assert source.count == 3
        np.testing.assert_array_equal(source.dataset_mask() > 0, values[3] > 0)


def test_a_palette_becomes_its_colours(tmp_path):
    from rasterio.io import MemoryFile

    with MemoryFile() as memory:
        with memory.open(driver="PNG", count=1, height=2, width=2, dtype="uint8") as target:
            target.write(np.array([[[0, 1], [1, 0]]], np.uint8))
            target.write_colormap(1, {0: (10, 20, 30, 255), 1: (200, 100, 50, 255)})
        body = memory.read()
    with hosted(lambda asked, before: Answer(body)) as host:
        (path,) = server(host).collect(TILES[:1], tmp_path)
    np.testing.assert_array_equal(read(path)[:, 0], [[10, 200], [20, 100], [30, 50]])
