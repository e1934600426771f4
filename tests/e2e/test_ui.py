"""A walk through the MLflow UI in a headless browser; pictures are kept where SEGMINT_SCREENSHOTS names a folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from servers import served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1500,1400",
)


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


@pytest.mark.parametrize("name", ["run", "metrics", "artifacts", "model"])
def test_a_person_finds_the_run_in_the_browser(ui, pages, tmp_path, name):
    page, words = pages[name]
    pictures = Path(os.environ.get("SEGMINT_SCREENSHOTS", tmp_path))
    pictures.mkdir(parents=True, exist_ok=True)
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    waiting = "--virtual-time-budget=60000"
    picture = f"--screenshot={pictures / f'{name}.png'}"
    base = [str(CHROMIUM), *QUIET, profile, waiting]
    seen = subprocess.run([*base, "--dump-dom", ui + page], capture_output=True, text=True, timeout=180, check=True)
    subprocess.run([*base, picture, ui + page], capture_output=True, timeout=180, check=True)
    assert (pictures / f"{name}.png").stat().st_size > 20_000
    for word in words:
        assert word in seen.stdout, f"{word} is not on the {name} page"
