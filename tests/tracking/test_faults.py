"""What each failure means, asked of the failures themselves."""

import http.server
import socket
import sqlite3
import threading
from contextlib import contextmanager

import mlflow
import pytest
from mlflow import MlflowClient

from segmint.tracking.faults import FAULTS, is_passing, reason


@contextmanager
def answering(status):
    """A server on loopback whose every answer has one status."""

    class Always(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Always) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def failure(address):
    with pytest.raises(FAULTS) as caught:
        MlflowClient(address).get_run("0" * 32)
    return caught.value


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_says_later_passes(status):
    with answering(status) as address:
        error = failure(address)
    assert is_passing(error)
    assert reason(error) == f"it answers with status {status}"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_does_not_pass(status):
    with answering(status) as address:
        error = failure(address)
    assert not is_passing(error)
    assert reason(error) == f"it answers with status {status}"


def test_no_server_passes():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error = failure(f"http://127.0.0.1:{free.getsockname()[1]}")
    assert is_passing(error)
    assert reason(error) == "Connection refused"


def test_a_server_that_never_answers_passes():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        error = failure(f"http://127.0.0.1:{deaf.getsockname()[1]}")
    assert is_passing(error)
    assert reason(error) == "no answer in time"


def test_a_database_that_cannot_be_written_passes_and_is_named(tmp_path):
    """Its size is limited to what it has; as on a full disk."""
    client = MlflowClient(f"sqlite:///{tmp_path}/store.db")
    run = client.create_run("0")
    with sqlite3.connect(tmp_path / "store.db") as other:
        other.execute(
            "create trigger full before insert on metrics begin select raise(abort, 'database or disk is full'); end"
        )
    with pytest.raises(mlflow.MlflowException) as caught:
        client.log_metric(run.info.run_id, "val_loss", 0.5)
    assert is_passing(caught.value)
    assert reason(caught.value) == "database or disk is full"


def test_a_run_that_is_not_there_and_a_file_that_is_not_there_do_not_pass(tmp_path):
    client = MlflowClient(f"sqlite:///{tmp_path}/store.db")
    with pytest.raises(mlflow.MlflowException) as caught:
        client.get_run("0" * 32)
    assert not is_passing(caught.value)
    with pytest.raises(FileNotFoundError) as absent:
        (tmp_path / "a.txt").read_text()
    assert not is_passing(absent.value)
    assert reason(absent.value) == f"No such file or directory: {tmp_path / 'a.txt'}"
