"""A registered version is held against the run that made it, through MLflow's own loader."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
import torch
import yaml

from segmint.contract import ModelContract
from segmint.export.source import open_source
from segmint.registry.registration import register
from segmint.validation.examination import examine
from segmint.validation.version import checks


@dataclass
class Registered:
    address: str
    folder: Path
    run_id: str


@pytest.fixture(scope="module")
def registered(finished_run, tmp_path_factory):
    """The finished run in a store of its own, and its registered version downloaded."""
    root = tmp_path_factory.mktemp("a store")
    before = mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'mlflow.db'}")
        patch.chdir(root)
        mlflow.set_tracking_uri(f"sqlite:///{root / 'mlflow.db'}")
        contract = ModelContract.read(finished_run["contract.json"])
        with mlflow.start_run(experiment_id="0") as run:  # of this store, whatever store was used before
            mlflow.log_artifacts(str(finished_run.root))
            version = register(run.info.run_id, finished_run.root, "", move_alias=True).version
        address = f"models:/{contract.name}/{version}"
        folder = mlflow.artifacts.download_artifacts(artifact_uri=address, dst_path=str(root / "downloaded"))
        yield Registered(f"models:/{contract.name}@candidate", Path(folder), run.info.run_id)
    mlflow.set_tracking_uri(before)


def test_a_version_passes_with_everything_of_its_run(registered, schema_store):
    outcomes = list(examine(registered.address, schema_store))
    assert [outcome.line() for outcome in outcomes if not outcome.passed] == []
    assert [outcome.name for outcome in outcomes][:3] == ["version contract", "version signature", "version answers"]
    assert len(outcomes) == 24


def test_a_registered_version_can_be_exported_again(registered):
    with open_source(registered.address) as source, torch.no_grad():
        assert source.origin == "model.pt2"
        answer = source.model(torch.from_numpy(source.sample.chips).float()).numpy()
        assert abs(answer - source.sample.probabilities).max() < 1e-5


def test_a_run_and_the_checkpoint_of_its_folder_can_be_exported_again(registered, finished_run, tmp_path):
    checkpoint = tmp_path / "runs" / registered.run_id / "checkpoints" / "best.ckpt"
    checkpoint.parent.mkdir(parents=True)
    torch.save({"state_dict": torch.load(finished_run["best_model.pth"], weights_only=True)}, checkpoint)
    for address in (str(checkpoint), f"runs:/{registered.run_id}"):
        with open_source(address) as source, torch.no_grad():
            answer = source.model(torch.from_numpy(source.sample.chips).float()).numpy()
            assert abs(answer - source.sample.probabilities).max() < 1e-5


def signature_of_other_bands(folder):
    content = yaml.safe_load((folder / "MLmodel").read_text())
    content["signature"]["inputs"] = content["signature"]["inputs"].replace("[-1, 3,", "[-1, 4,")
    (folder / "MLmodel").write_text(yaml.safe_dump(content))


def other_weights(folder):
    contract = ModelContract.read(folder / "extra_files" / "contract.json")
    from segmint.export import program
    from segmint.export.runtime import Exportable
    from segmint.models.deployed import DeployedModel

    torch.manual_seed(1)
    program.write(Exportable(DeployedModel.from_contract(contract).eval(), contract), folder / "data" / "model.pt2")


def other_contract(folder):
    path = folder / "extra_files" / "contract.json"
    contract = ModelContract.read(path)
    contract.model_copy(update={"title": "Another"}).write(path)


@pytest.mark.parametrize(
    ("plant", "found_by"),
    [
        (signature_of_other_bands, "version signature"),
        (other_weights, "version answers"),
        (other_contract, "version contract"),
    ],
)
def test_a_tampered_version_is_found(registered, finished_run, tmp_path, plant, found_by):
    from segmint.validation.bundle import Bundle

    folder = tmp_path / "version"
    shutil.copytree(registered.folder, folder)
    plant(folder)
    first = next(outcome for outcome in checks(folder, Bundle.of(finished_run.root)) if not outcome.passed)
    assert first.name == found_by, first.line()
