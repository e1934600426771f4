"""Registers a proven model as a version with signature, example, tags and the alias ``candidate``.

Example:
    >>> version = register(model, contract, sample.chips, [item, contract_file], description, move_alias=True)
    >>> mlflow.pyfunc.load_model(f"models:/{contract.name}@candidate")
"""

import contextlib
import io
import warnings
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.errors import TrackingError
from segmint.models.deployed import DeployedModel

CANDIDATE = "candidate"


def register(
    model: DeployedModel,
    contract: ModelContract,
    chips: NDArray[np.generic],
    extra_files: list[Path],
    description: str,
    move_alias: bool,
) -> str:
    """Log the model to the active run, register it, and return the version.

    Args:
        model: The proven module.
        contract: Its contract.
        chips: Raw chips ``[N, C, H, W]``; two of them become the input example.
        extra_files: Files that travel with the logged model (STAC item, contract).
        description: Markdown for the version's page.
        move_alias: Whether ``candidate`` moves to the new version.

    Raises:
        TrackingError: The registry refused.
    """
    example = np.resize(chips[:2], (2, *chips.shape[1:])).astype(np.float32)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            logged = mlflow.pytorch.log_model(
                model,
                name="model",
                serialization_format="pt2",
                signature=signature(contract),
                input_example=example,
                extra_files=[str(path) for path in extra_files],
                pip_requirements=[f"{name}=={installed(name)}" for name in ("mlflow", "torch", "numpy")],
                registered_model_name=contract.name,
                await_registration_for=60,
            )
    except MlflowException as error:
        raise TrackingError(f"registering {contract.name}: {error}", remedy="Check the server and run again") from error
    version = str(logged.registered_model_version)
    client = MlflowClient()
    client.update_registered_model(contract.name, f"{contract.title}. {contract.description}")
    client.update_model_version(contract.name, version, description)
    for key, value in _tags(contract).items():
        client.set_model_version_tag(contract.name, version, key, value)
    if move_alias:
        client.set_registered_model_alias(contract.name, CANDIDATE, version)
    return version


def signature(contract: ModelContract) -> ModelSignature:
    """Tensors with a free batch, derived from the contract."""
    ground = (contract.height, contract.width)
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, len(contract.input.bands), *ground))]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, contract.output.channels, *ground))]),
    )


def _tags(contract: ModelContract) -> dict[str, str]:
    return {
        "recipe": contract.recipe,
        "dataset_digest": contract.dataset.digest,
        "git_commit": contract.git_commit or "unknown",
        "test_iou": f"{contract.metrics['test_iou']:.4f}",
        "builtin_sample": str(contract.dataset.builtin_sample).lower(),
    }
