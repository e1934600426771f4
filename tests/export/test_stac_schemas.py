import hashlib
import json
import socket
import threading
import time

import pytest
from places import SHARED

from segmint.export import stac
from segmint.export.assets import model_files
from segmint.export.stac_schemas import SchemaStore, validate

DATETIME = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/datetime.json"


@pytest.fixture(scope="module")
def published():
    """URL -> file of the published schemas."""
    folder = SHARED / "stac-schemas"
    if not folder.is_dir():
        pytest.skip("the published schemas of ../shared/stac-schemas are not here")
    index = json.loads((folder / "index.json").read_text())
    return {url: folder / entry["file"] for url, entry in index.items()}


@pytest.fixture
def content(make_contract, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "best_model.pt").write_text("a model")
    return stac.item(make_contract(), model_files(tmp_path))


@pytest.fixture
def server():
    """A function that makes a web server, answering each request with given pieces of bytes, a second apart."""
    sockets, asked = [], []

    def start(*pieces: bytes):
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)

        def answer():
            while True:
                try:
                    peer, _ = listening.accept()
                    with peer:
                        asked.append(peer.recv(4096))
                        for number, piece in enumerate(pieces):
                            time.sleep(min(number, 1))
                            peer.sendall(piece)
                except OSError:
                    if listening.fileno() < 0:
                        return

        threading.Thread(target=answer, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}", asked

    yield start
    for listening in sockets:
        listening.close()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def test_a_schema_that_another_refers_to_is_missed_as_well(content, published):
    index = {url: file for url, file in published.items() if url != DATETIME}
    report = validate(content, SchemaStore(index, cache=None))
    core = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"
    assert list(report.missing) == [core]
    assert "datetime.json" in report.missing[core]
    assert core not in report.checked


def test_a_folder_without_an_index_leaves_everything_unchecked_and_says_why(content, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGMINT_STAC_SCHEMAS", str(tmp_path / "nowhere"))
    report = validate(content, SchemaStore.default())
    assert report.checked == ()
    assert len(report.missing) == 6
    assert "nowhere" in report.sentence()
    assert "not checked" in report.sentence()


def test_a_file_that_the_index_names_but_is_gone_is_missing(content, published, tmp_path):
    report = validate(content, SchemaStore({**published, stac.MLM: tmp_path / "gone.json"}, cache=None))
    assert list(report.missing) == [stac.MLM]
    assert len(report.checked) == 5


def test_a_fetched_schema_is_kept_for_the_next_run(server, tmp_path):
    host, asked = server(ok(b'{"title": "a schema"}'))
    for _ in range(2):
        assert SchemaStore({}, tmp_path).get(f"{host}/schema.json") == {"title": "a schema"}
    assert len(asked) == 1


def test_a_damaged_copy_in_the_cache_is_fetched_again(server, tmp_path):
    host, _ = server(ok(b'{"title": "whole"}'))
    url = f"{host}/schema.json"
    (tmp_path / f"{hashlib.sha256(url.encode()).hexdigest()}.json").write_text('{"title": "ha')
    assert SchemaStore({}, tmp_path).get(url) == {"title": "whole"}


def test_a_cache_that_cannot_be_written_does_not_stop_the_check(server, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    host, _ = server(ok(b'{"title": "a schema"}'))
    assert SchemaStore({}, tmp_path / "file" / "schemas").get(f"{host}/schema.json") == {"title": "a schema"}
    assert "not kept" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        ok(b"<p>"),
    ],
    ids=["no http", "not found", "cut short", "a web page"],
)
def test_a_bad_answer_is_a_reason_and_is_not_asked_for_twice(server, tmp_path, answer):
    host, asked = server(answer)
    store = SchemaStore({}, tmp_path)
    for name in ("a", "b", "c"):
        with pytest.raises(LookupError, match="cannot be fetched"):
            store.get(f"{host}/{name}.json")
    assert len(asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_trickles_holds_a_run_up_for_five_seconds_at_most(server, tmp_path):
    host, _ = server(b"HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\n", *[b" "] * 9)
    store = SchemaStore({}, tmp_path)
    started = time.monotonic()
    for name in ("a", "b"):
        with pytest.raises(LookupError, match="no answer"):
            store.get(f"{host}/{name}.json")
    assert time.monotonic() - started < 7
