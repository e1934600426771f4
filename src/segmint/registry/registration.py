"""Registers a proven model as a version with signature, example, tags and the alias ``candidate``.

What is interrupted is taken up again: a run has one version, whatever happened between. A version below a baseline
never takes ``candidate`` from one that is above its own.

Example:
    >>> registered = register(run_id, staging, "Test IoU 0.81", move_alias=True)
    >>> registered.sentence()
    'refugee-camp version 3 @candidate in the registry'
"""

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from segmint.contract import ModelContract
from segmint.evaluation.baselines import Standing
from segmint.export.source import Source, open_source
from segmint.registry.store import ABSENT

CANDIDATE = "candidate"
BELOW_BASELINE = "below_baseline"
"""Tag of a version that is below a baseline; its value names them with the figures."""

_NAME = "model"


@dataclass(frozen=True)
class Registered:
    """A version, and who is ``candidate`` now.

    Attributes:
        name: The registered model.
        version: Version number.
        candidate: Version that has the alias ``candidate``, or None.
        standing: The version's score beside its baselines.
        asked: Whether the alias was to move to this version.
    """

    name: str
    version: str
    candidate: str | None
    standing: Standing
    asked: bool

    def sentence(self) -> str:
        """Whether ``candidate`` moved, or why not, in one line."""
        model = f"{self.name} version {self.version}"
        below = f"{self.standing.sentence()} (tag {BELOW_BASELINE})" if self.standing.below else ""
        if self.candidate == self.version:
            return f"{model} @{CANDIDATE} in the registry{f', for want of a better one: {below}' if below else ''}"
        if not self.asked:
            below = "a model of the built-in sample does not take it in a shared registry"
        stays = f"stays at version {self.candidate}" if self.candidate else "is not set"
        return f"{model} in the registry; @{CANDIDATE} {stays}{f': {below}' if below else ', moved meanwhile'}"


def register(run_id: str, staging: Path, description: str, move_alias: bool) -> Registered:
    """Log the staged model to its run, register it, and say what became of ``candidate``.

    Args:
        run_id: The run that made it.
        staging: Its files, as the run staged them; two chips of the proof become the input example.
        description: Markdown for the version's page.
        move_alias: Whether ``candidate`` moves to the version, unless that is below a baseline and the present one not.

    Raises:
        MlflowException: The registry is away or refuses.
        ModelError: The staged weights do not fit the contract.
    """
    client = MlflowClient()
    with open_source(str(staging)) as source:
        contract = source.contract
        version = registered_version(contract.name, run_id)
        if version is None:
            model_id = _logged(client, run_id) or _log(client, run_id, source)
            with _quiet():
                made = mlflow.register_model(f"models:/{model_id}", contract.name, await_registration_for=60)
            version = str(made.version)
    client.update_registered_model(contract.name, f"{contract.title}. {contract.description}")
    client.update_model_version(contract.name, version, description)
    standing = Standing.of(contract.metrics)
    for key, value in _tags(contract, standing).items():
        client.set_model_version_tag(contract.name, version, key, value)
    present = _candidate(client, contract.name)
    if move_alias and (not standing.below or present is None or BELOW_BASELINE in present.tags):
        client.set_registered_model_alias(contract.name, CANDIDATE, version)
        present = _candidate(client, contract.name)
    return Registered(contract.name, version, str(present.version) if present else None, standing, move_alias)


def registered_version(name: str, run_id: str) -> str | None:
    """The version of a run, or None."""
    found = MlflowClient().search_model_versions(f"name = '{name}' and run_id = '{run_id}'")
    return str(found[0].version) if found else None


def signature(contract: ModelContract) -> ModelSignature:
    """Tensors with a free batch, derived from the contract."""
    ground = (contract.height, contract.width)
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, len(contract.input.bands), *ground))]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, contract.output.channels, *ground))]),
    )


def _candidate(client: MlflowClient, name: str) -> ModelVersion | None:
    try:
        return client.get_model_version_by_alias(name, CANDIDATE)
    except MlflowException as error:
        if error.error_code in ABSENT:
            return None
        raise


def _logged(client: MlflowClient, run_id: str) -> str | None:
    """The model that an earlier attempt logged to the end; what others left half-way is deleted."""
    experiment = client.get_run(run_id).info.experiment_id
    found = client.search_logged_models([experiment], filter_string=f"source_run_id = '{run_id}'")
    whole = [model.model_id for model in found if model.status == LoggedModelStatus.READY]
    for model in found:
        if model.status != LoggedModelStatus.READY:
            client.delete_logged_model(model.model_id)
    return whole[0] if whole else None


def _log(client: MlflowClient, run_id: str, source: Source) -> str:
    run, chips, staged = client.get_run(run_id), source.sample.chips, source.files
    tags = {key: value for key, value in run.data.tags.items() if key.startswith(("mlflow.source.", "mlflow.user"))}
    made = client.create_logged_model(run.info.experiment_id, _NAME, run_id, tags, run.data.params)
    with _quiet():
        Model.log(
            artifact_path=None,
            name=_NAME,
            flavor=mlflow.pytorch,
            model_id=made.model_id,
            run_id=run_id,
            pytorch_model=source.model,
            serialization_format="pt2",
            signature=signature(source.contract),
            input_example=np.resize(chips[:2], (2, *chips.shape[1:])).astype(np.float32),
            extra_files=[str(staged["stac_item.json"]), str(staged["contract.json"])],
            pip_requirements=[f"{name}=={installed(name)}" for name in ("mlflow", "torch", "numpy")],
        )
    return made.model_id


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _tags(contract: ModelContract, standing: Standing) -> dict[str, str]:
    below = {BELOW_BASELINE: standing.sentence()} if standing.below else {}
    return below | {
        "recipe": contract.recipe,
        "dataset_digest": contract.dataset.digest,
        "git_commit": contract.git_commit or "unknown",
        "test_iou": f"{contract.metrics['test_iou']:.4f}",
        "builtin_sample": str(contract.dataset.builtin_sample).lower(),
    }
