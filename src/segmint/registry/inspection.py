"""A registered version as MLflow's own users meet it: its signature, and what it answers.

Example:
    >>> LoadedVersion.of(folder).signature_errors(contract)
    []
"""

import warnings
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.pyfunc import PyFuncModel
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.errors import TrackingError
from segmint.registry.registration import signature


@dataclass(frozen=True)
class LoadedVersion:
    """A version that MLflow has loaded.

    Attributes:
        model: What ``mlflow.pyfunc.load_model`` gives.
    """

    model: PyFuncModel

    @classmethod
    def of(cls, folder: Path) -> "LoadedVersion":
        """Load the downloaded folder of a version.

        Raises:
            TrackingError: MLflow cannot load it.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return cls(mlflow.pyfunc.load_model(str(folder)))
        except (MlflowException, OSError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise TrackingError(f"MLflow cannot load it ({reason})", "a model", "Register it again") from error

    def signature_errors(self, contract: ModelContract) -> list[str]:
        """Where the signature says something else than the contract."""
        found: ModelSignature | None = self.model.metadata.signature
        wanted = signature(contract)
        if found is None:
            return ["it has no signature"]
        pairs = (("inputs", found.inputs, wanted.inputs), ("outputs", found.outputs, wanted.outputs))
        return [f"{name} are {one}, not {other}" for name, one, other in pairs if one != other]

    def answer(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities ``[N, K, H, W]`` of raw chips ``[N, C, H, W]``."""
        return np.asarray(self.model.predict(raw), np.float32)

    def refuses(self, raw: NDArray[np.float32]) -> bool:
        """Whether MLflow refuses an input that the signature does not allow."""
        try:
            self.model.predict(raw)
        except MlflowException:
            return True
        return False
