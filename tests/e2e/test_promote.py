"""src/promote.py and src/rollback.py on what a real training registered."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import mlflow
import numpy as np
import pytest
from e2e_settings import REPOSITORY, environment
from mlflow import MlflowClient
from places import SHARED

from segmint.contract import ModelContract
from segmint.evaluation.held_out import HeldOutCounts, headline_iou

NAME = "refugee-camp"
ACCEPTED = "--accept_below_baseline=bright squares are found by their brightness alone"


@pytest.fixture(scope="module")
def store(finished):
    """The store of a training whose version was registered three times more."""
    if not (SHARED / "stac-schemas").is_dir():
        pytest.skip("the published schemas of ../shared/stac-schemas are not here")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished)
        mlflow.set_tracking_uri("sqlite:///mlflow.db")
        client = MlflowClient()
        trained = client.get_model_version_by_alias(NAME, "candidate")
        for _ in range(3):
            client.create_model_version(NAME, trained.source, trained.run_id)
        yield client


def script(name, room, *arguments):
    given = environment(room) | {"SEGMINT_STAC_SCHEMAS": str(SHARED / "stac-schemas")}
    command = [sys.executable, str(REPOSITORY / "src" / f"{name}.py"), *arguments]
    return subprocess.run(command, cwd=room, env=given, capture_output=True, text=True, check=False)


def aliases(client):
    return {key: str(value) for key, value in client.get_registered_model(NAME).aliases.items()}


def test_training_keeps_the_counts_that_its_test_iou_is_made_of(finished):
    contract = ModelContract.read(finished / "meta" / "contract.json")
    (table,) = finished.glob("mlruns/*/*/artifacts/evaluation/test_chips.csv")
    counts = HeldOutCounts.read(table, contract, "")
    assert headline_iou(counts.confusion.sum(axis=0)) == pytest.approx(contract.metrics["test_iou"], abs=1e-6)
    assert len(counts.chips) == contract.dataset.chips["test"]


def test_of_the_training_s_own_chips_only_those_of_the_test_split_are_compared_on(store, finished, bright_squares):
    chips, labels = bright_squares
    done = script("promote", finished, "--version=1", f"--chips_dir={chips}", f"--labels_dir={labels}")
    assert "held out:  4 of 24 chips in" in done.stdout, done.stderr
    assert "20 that were trained or tuned on left out" in done.stdout
    contract = json.loads((finished / "meta" / "contract.json").read_text())
    table = next(line for line in done.stdout.splitlines() if line.startswith("IoU  "))
    assert float(table.split()[2]) == pytest.approx(contract["metrics"]["test_iou"], abs=2e-3)


@pytest.mark.states(291)
def test_a_trained_model_is_promoted_and_loads_as_champion_in_one_line(store, finished):
    refused = script("promote", finished, "--version=1", "--approve=true")
    assert refused.returncode == 1
    assert "not above the pixel classifier (1.0000); --accept_below_baseline REASON overrides" in refused.stdout
    would = script("promote", finished, "--version=1", ACCEPTED)
    assert would.returncode == 0, would.stderr
    assert f"'{ACCEPTED}'" in would.stdout  # in the command that it proposes
    assert "champion" not in aliases(store)
    done = script("promote", finished, "--version=1", "--approve=true", "--reason=the first", ACCEPTED)
    assert done.returncode == 0, done.stderr
    assert aliases(store)["champion"] == "1"
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    sample = np.load(finished / "meta" / "parity_sample.npz")
    answer = model.predict(sample["chips"][:2].astype(np.float32))
    np.testing.assert_allclose(answer, sample["probabilities"][:2], atol=1e-4)


def test_after_promotions_at_once_previous_is_the_champion_that_was_replaced(store, finished):
    given = ("--approve=true", ACCEPTED)
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda v: script("promote", finished, f"--version={v}", *given), ("2", "3", "4")))
    assert all(run.returncode in (0, 1) and "Traceback" not in run.stderr for run in runs), runs
    found = aliases(store)
    winners = {version for version, run in zip(("2", "3", "4"), runs, strict=True) if run.returncode == 0}
    assert found["champion"] in winners
    assert store.get_model_version(NAME, found["champion"]).tags["promoted_over"] == found["previous"]
    for run in runs:
        if run.returncode:
            named = re.match(r"error: version (\d) became champion meanwhile", run.stderr)
            assert named, run.stderr
            assert named.group(1) in winners
    back = script("rollback", finished, "--reason=a test")
    assert back.returncode == 0, back.stderr
    assert aliases(store)["champion"] == found["previous"]
