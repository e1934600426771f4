from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import rasterio
from hosts import Answer, hosted
from stac_host import NORTH, WEST, api, degrees, item_of, write_band

from segmint.errors import DataError
from segmint.sources.catalogue import Search, clip, search, shifted


@pytest.fixture
def bands(tmp_path) -> dict[str, np.ndarray]:
    """Two bands of 20 m and one of 40 m in files."""
    draw = np.random.default_rng(0)
    made = {name: draw.integers(1, 9000, (100, 100)).astype(np.uint16) for name in ("B11", "B12")}
    made["B01"] = np.repeat(np.arange(50, dtype=np.uint16)[None] * 100 + 50, 50, axis=0)
    for name, values in made.items():
        write_band(tmp_path / f"{name}.tif", values, 40.0 if name == "B01" else 20.0, nodata=0)
    return made


def test_search_asks_for_area_time_and_collection_and_reads_every_page():
    items = [item_of(name, {}, **{"eo:cloud_cover": cloud}) for name, cloud in (("a", 5), ("b", 60), ("c", 10))]
    wanted = Search(("s2",), (-76.0, 37.0, -75.0, 38.0), "2024-06-01/2024-06-30", max_cloud=20)
    with api(items) as host:
        found = search(host.address, wanted)
    assert [item.id for item in found] == ["a", "c"]
    asked = parse_qs(urlsplit(next(path for path in host.paths() if path.startswith("/search"))).query)
    assert asked["bbox"] == ["-76.0,37.0,-75.0,38.0"]
    assert asked["datetime"] == ["2024-06-01T00:00:00Z/2024-06-30T23:59:59Z"]
    assert {item.agent.split("/")[0] for item in host.asked} == {"segmint"}


def test_search_stops_at_the_limit():
    with api([item_of(str(number), {}) for number in range(5)]) as host:
        assert len(search(host.address, Search(("s2",), (-76, 37, -75, 38), limit=2))) == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Answer(b"<html>hello</html>", kind="text/html"), "does not answer as a STAC API"),
        (Answer(b'{"type": "Feature"}', kind="application/json"), "does not answer as a STAC API"),
        (Answer(status=404), "does not answer as a STAC API"),
    ],
)
def test_what_is_no_api_is_named(given, words):
    with hosted(lambda asked, before: given) as host, pytest.raises(DataError, match=words):
        search(host.address, Search(("s2",), (-76, 37, -75, 38)))


def test_nothing_found_says_what_was_left_out():
    cloudy = [item_of("a", {}, **{"eo:cloud_cover": 90})]
    with api(cloudy) as host, pytest.raises(DataError, match=r"no item of s2 in.*below 20 % cloud, 1 above"):
        search(host.address, Search(("s2",), (-76, 37, -75, 38), max_cloud=20))


def test_the_area_is_cut_to_whole_pixels_with_the_values_of_the_asset(tmp_path, bands):
    item = item_of("a", {name: str(tmp_path / f"{name}.tif") for name in bands})
    clip(item, ["B12", "B11"], degrees(10, 29, 40, 69), tmp_path / "cut.tif")
    with rasterio.open(tmp_path / "cut.tif") as source:
        assert source.descriptions == ("B12", "B11")
        assert (source.dtypes[0], source.nodata, source.crs.to_epsg()) == ("uint16", 0, 32618)
        row, col = round((NORTH - source.bounds.top) / 20), round((source.bounds.left - WEST) / 20)
        # a box in degrees is a little larger than the one it comes from
        assert (10 - row) in (0, 1)
        assert (40 - col) in (0, 1)
        window = np.s_[row : row + source.height, col : col + source.width]
        np.testing.assert_array_equal(source.read(1), bands["B12"][window])
        np.testing.assert_array_equal(source.read(2), bands["B11"][window])


def test_coarser_bands_come_onto_the_finest_grid(tmp_path, bands):
    item = item_of("a", {name: str(tmp_path / f"{name}.tif") for name in bands})
    clip(item, ["B01", "B11"], degrees(20, 79, 20, 79), tmp_path / "cut.tif")
    with rasterio.open(tmp_path / "cut.tif") as source:
        assert source.res == (20.0, 20.0)
        columns = (source.bounds.left - WEST) / 20 + np.arange(source.width) + 0.5
        expected = columns / 2 * 100  # the ramp is 50 at the first centre (0.5 of 40 m) and rises by 100 per 40 m
        found = source.read(1).astype(float)
        assert np.abs(found[3:-3, 3:-3] - expected[3:-3]).max() <= 1


def test_assets_come_over_http_in_parts(tmp_path, bands):
    large = np.random.default_rng(0).integers(1, 9000, (2048, 2048)).astype(np.uint16)
    write_band(tmp_path / "large.tif", large, 20.0, tiled=True, blockxsize=256, blockysize=256)
    with api([], tmp_path) as host:
        item = item_of("a", {"B11": f"{host.address}/files/large.tif"})
        clip(item, ["B11"], degrees(300, 400, 300, 400), tmp_path / "cut.tif")
    with rasterio.open(tmp_path / "cut.tif") as source:
        row, col = round((NORTH - source.bounds.top) / 20), round((source.bounds.left - WEST) / 20)
        window = np.s_[row : row + source.height, col : col + source.width]
        np.testing.assert_array_equal(source.read(1), large[window])
    ranges = [item.range.removeprefix("bytes=").split("-") for item in host.asked if item.range]
    assert sum(int(last) - int(first) + 1 for first, last in ranges) < large.nbytes / 4


@pytest.mark.parametrize(
    ("assets", "area", "words"),
    [
        (["B99"], (10, 20, 10, 20), "no asset B99; expected some of B11, B12, B01, lost, bytes"),
        (["B11", "lost"], (10, 20, 10, 20), "item a cannot be read"),
        (["B11", "bytes"], (10, 20, 10, 20), "data type of bytes is uint8, of B11 uint16"),
        (["B11"], (900, 950, 10, 20), "no pixel in the area"),
    ],
)
def test_what_cannot_be_cut_is_named_and_leaves_no_file(tmp_path, bands, assets, area, words):
    write_band(tmp_path / "bytes.tif", np.ones((100, 100), np.uint8), 20.0, nodata=0)
    files = {name: str(tmp_path / f"{name}.tif") for name in [*bands, "lost", "bytes"]}
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match=words):
        clip(item_of("a", files), assets, degrees(*area), tmp_path / "out" / "cut.tif")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("properties", "answer"),
    [
        ({"s2:processing_baseline": "05.09"}, True),
        ({"s2:processing_baseline": "02.04"}, False),
        ({"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": True}, False),
        ({}, False),
    ],
)
def test_sentinel_values_since_baseline_four_are_known_to_be_shifted(properties, answer):
    assert shifted(item_of("a", {}, **properties)) is answer
