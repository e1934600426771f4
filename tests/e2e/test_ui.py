"""A walk through the MLflow UI in a headless browser."""

import sys

import mlflow
import pytest
from browser import CHROMIUM, look, window
from mlflow import MlflowClient
from servers import served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def ui(finished):
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", "sqlite:///mlflow.db", "--workers", "1"]
    with served(command, finished, "/health") as address:
        yield address


@pytest.fixture
def pages(finished, monkeypatch):
    """Address of each page behind the server's own, and words that a person expects there."""
    monkeypatch.chdir(finished)
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    client = MlflowClient()
    (run,) = client.search_runs([item.experiment_id for item in client.search_experiments()])
    page = f"/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    return {
        "run": (page, ["test_iou", "dataset.digest", "Refugee camp"]),
        "metrics": (f"{page}/model-metrics", ["Model metrics", "Search metric charts"]),
        "artifacts": (f"{page}/artifacts", ["models", "esri", "evaluation"]),
        "model": ("/#/models/refugee-camp", ["candidate", "Version 1"]),
    }


@pytest.mark.states(290)
@pytest.mark.parametrize("name", ["run", "metrics", "artifacts", "model"])
@pytest.mark.states(273, 290)
def test_a_person_finds_the_run_in_the_browser(ui, pages, tmp_path, name):
    address, words = pages[name]
    with window() as page:
        look(page, ui + address, words, tmp_path / f"{name}.png")
