"""src/catalogue.py: the champions as a STAC collection, and what a consumer gets that has the collection alone."""

import json

import numpy as np
import onnxruntime
import pystac
import pytest
from places import SHARED
from registered import NAME, counts

from catalogue import Request, catalogue
from promote import promote
from segmint.errors import ExportError, RegistryError
from segmint.export.stac_schemas import validate


@pytest.fixture
def promoted(registry, say):
    """A champion, and a candidate after it that was not promoted."""
    version = registry.add(counts(0.8))
    say(promote, "--approve=true")
    registry.add(counts(0.9, seed=1))
    return registry, version


def test_the_collection_holds_the_champions_alone_and_is_valid(promoted, schema_store, tmp_path):
    _, version = promoted
    catalogue(Request(str(tmp_path / "a catalogue")))
    place = tmp_path / "a catalogue" / "collection.json"
    content = json.loads(place.read_text())
    assert (content["type"], content["stac_version"]) == ("Collection", "1.1.0")
    report = validate(content, schema_store)
    assert (report.errors, report.missing) == ((), {})
    assert any("collection-spec" in url for url in report.checked)
    (item,) = pystac.Collection.from_file(place).get_items()
    assert (item.properties["mlm:name"], item.properties["segmint:registered_version"]) == (NAME, version)
    assert item.collection_id == content["id"]
    stored = json.loads((tmp_path / "a catalogue" / NAME / "metadata" / "stac_item.json").read_text())
    report = validate(stored, schema_store)
    assert (report.errors, report.missing) == ((), {})
    hrefs = [link["href"] for link in (*content["links"], *stored["links"])]
    hrefs += [asset["href"] for asset in stored["assets"].values()]
    assert not [href for href in hrefs if str(tmp_path) in href]  # it can be published anywhere


def test_the_whole_folder_can_be_moved_and_a_consumer_of_the_collection_runs_the_model(promoted, tmp_path):
    catalogue(Request(str(tmp_path / "made")))
    (tmp_path / "made").rename(tmp_path / "published")
    (item,) = pystac.Collection.from_file(tmp_path / "published" / "collection.json").get_items()
    (source,), (answer,) = item.properties["mlm:input"], item.properties["mlm:output"]
    models = [asset for asset in item.assets.values() if "mlm:model" in asset.roles]
    (asset,) = [one for one in models if one.extra_fields["mlm:artifact_type"] == "torch.onnx.export"]
    _, *shape = source["input"]["shape"]
    chips = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.float32)
    probability = onnxruntime.InferenceSession(asset.get_absolute_href()).run(
        [answer["name"]], {source["name"]: chips}
    )[0]
    mask = probability[:, 0] >= np.float32(item.properties["mlm:hyperparameters"]["threshold"])
    registry, _ = promoted
    own = onnxruntime.InferenceSession(registry.staged / "models" / "best_model.onnx").run(None, {"image": chips})[0]
    np.testing.assert_array_equal(mask, own[:, 0] >= np.float32(registry.contract.output.threshold))


def test_made_again_it_takes_the_place_of_the_old_one_and_of_nothing_else(promoted, tmp_path):
    place = tmp_path / "catalogue"
    catalogue(Request(str(place)))
    (place / "left over").write_text("")
    catalogue(Request(str(place)))
    assert {path.name for path in place.iterdir()} == {"collection.json", NAME}
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("keep")
    with pytest.raises(ExportError, match="other is no catalogue"):
        catalogue(Request(str(other)))
    assert (other / "mine.txt").read_text() == "keep"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".catalogue")]


def test_without_a_champion_there_is_no_catalogue(registry, tmp_path):
    registry.add(counts(0.8))
    with pytest.raises(RegistryError, match="has a champion; expected one that was promoted"):
        catalogue(Request(str(tmp_path / "catalogue")))
    assert not (tmp_path / "catalogue").exists()


def test_a_schema_that_cannot_be_had_is_a_failure_with_its_name(promoted, tmp_path, monkeypatch):
    index = json.loads((SHARED / "stac-schemas" / "index.json").read_text())
    absent = next(url for url in index if "mlm/v1.5.2" in url)
    for name in {entry["file"] for url, entry in index.items() if url != absent}:
        (tmp_path / "schemas" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "schemas" / name).write_bytes((SHARED / "stac-schemas" / name).read_bytes())
    (tmp_path / "schemas" / "index.json").write_text(json.dumps({u: e for u, e in index.items() if u != absent}))
    monkeypatch.setenv("SEGMINT_STAC_SCHEMAS", str(tmp_path / "schemas"))
    with pytest.raises(ExportError, match=f"not checked against {absent}: not in the given folder; expected every"):
        catalogue(Request(str(tmp_path / "catalogue")))
    assert not (tmp_path / "catalogue").exists()
