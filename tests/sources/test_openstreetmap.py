import json
from urllib.parse import parse_qs

import pytest
import shapely
from hosts import Answer, Asked, hosted
from shapely.geometry import shape

from segmint.errors import DataError, RecipeError
from segmint.sources.fetching import Fetcher
from segmint.sources.openstreetmap import Overpass, query

AREA = (85.0, 27.0, 85.1, 27.1)


def corners(*points: tuple[float, float]) -> list[dict[str, float]]:
    return [{"lon": 85 + x / 1000, "lat": 27 + y / 1000} for x, y in points]


def square(left: float, bottom: float, right: float, top: float) -> list[dict[str, float]]:
    return corners((left, bottom), (right, bottom), (right, top), (left, top), (left, bottom))


HOUSE = {"type": "way", "id": 7, "tags": {"building": "yes"}, "geometry": square(0, 0, 10, 10)}
PATH = {"type": "way", "id": 8, "tags": {"building": "roof"}, "geometry": corners((0, 0), (5, 5))}
COURTYARD = {
    "type": "relation",
    "id": 9,
    "tags": {"type": "multipolygon", "building": "yes"},
    "members": [  # the outer ring in two pieces, a court, and a pavilion in the court
        {"type": "way", "role": "outer", "geometry": corners((20, 0), (60, 0), (60, 40))},
        {"type": "way", "role": "outer", "geometry": corners((60, 40), (20, 40), (20, 0))},
        {"type": "way", "role": "inner", "geometry": square(30, 10, 50, 30)},
        {"type": "way", "role": "outer", "geometry": square(35, 15, 45, 25)},
        {"type": "node", "role": "entrance", "lat": 27.0, "lon": 85.0},
    ],
}


def answer(*elements: dict, **more: object) -> Answer:
    return Answer(json.dumps({"version": 0.6, "elements": elements, **more}).encode(), kind="application/json")


def collect(host, path, features: str = "building") -> int:
    fetcher = Fetcher(rate=1000, pause=0.01, attempts=3, timeout=5)
    return Overpass(host.address + "/api/interpreter", fetcher).collect(features, AREA, path)


def test_ways_and_multipolygons_become_features_with_their_tags(tmp_path):
    with hosted(lambda asked, before: answer(HOUSE, COURTYARD, PATH)) as host:
        assert collect(host, tmp_path / "f.geojson") == 3
    features = json.loads((tmp_path / "f.geojson").read_text())["features"]
    assert [item["properties"]["osm_id"] for item in features] == [7, 9, 8]
    assert features[0]["properties"]["building"] == "yes"
    house, yard, path = (shape(item["geometry"]) for item in features)
    assert house.area == pytest.approx(100e-6)
    assert yard.area == pytest.approx((40 * 40 - 20 * 20 + 10 * 10) * 1e-6)
    assert path.geom_type == "LineString"
    assert shapely.is_valid(yard)


def test_the_request_asks_for_the_area_in_the_order_of_overpass(tmp_path):
    seen: list[Asked] = []

    def note(asked: Asked, before: int) -> Answer:
        seen.append(asked)
        return answer(HOUSE)

    with hosted(note) as host:
        collect(host, tmp_path / "f.geojson", "building,landuse=forest")
    (text,) = parse_qs(seen[0].body.decode())["data"]
    assert seen[0].path == "/api/interpreter"
    assert "[out:json]" in text
    assert 'way["building"](27.0000000,85.0000000,27.1000000,85.1000000);' in text
    assert 'relation["type"="multipolygon"]["landuse"="forest"](27.0000000,85.0000000' in text
    assert text.endswith("out geom;")


@pytest.mark.parametrize("features", ['building"]', "=yes", "landuse=", "a,,b"])
def test_keys_that_cannot_be_asked_for_are_refused(features):
    with pytest.raises(RecipeError, match="features"):
        query(features, AREA)


def test_what_was_fetched_is_not_asked_for_again(tmp_path):
    with hosted(lambda asked, before: answer(HOUSE)) as host:
        collect(host, tmp_path / "f.geojson")
        collect(host, tmp_path / "f.geojson")
    assert len(host.asked) == 1


def test_a_busy_or_interrupted_server_is_asked_again(tmp_path):
    troubles = [Answer(status=429), Answer(b'{"elements": [{"ty', kind="application/json")]
    with hosted(lambda asked, before: troubles[before] if before < 2 else answer(HOUSE)) as host:
        assert collect(host, tmp_path / "f.geojson") == 1
    assert len(host.asked) == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Answer(b"<html><body>Welcome to nginx</body></html>", kind="text/html"), r"text/html \('Welcome to nginx'\)"),
        (answer(remark="runtime error: Query timed out"), "runtime error: Query timed out.*smaller area"),
        (answer(), "OpenStreetMap has no building in 85.0,27.0,85.1,27.1"),
        (Answer(status=404), "Check --overpass"),
        (Answer(status=504), "failed 3 times"),
    ],
)
def test_what_is_no_answer_is_named_and_leaves_no_file(tmp_path, given, words):
    with hosted(lambda asked, before: given) as host, pytest.raises(DataError, match=words):
        collect(host, tmp_path / "f.geojson")
    assert not list(tmp_path.iterdir())
