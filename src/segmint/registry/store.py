"""What a store refuses or cannot answer, as an error for the person.

Example:
    >>> with answering("refugee-camp version 3"):
    ...     client.get_model_version("refugee-camp", "3")
"""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException

from segmint.errors import TrackingError

ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""Codes by which MLflow says that something is not there."""


@contextmanager
def answering(what: str, remedy: str = "Check MLFLOW_TRACKING_URI") -> Iterator[None]:
    """Turn what MLflow raises into a :class:`TrackingError` that names ``what`` was asked for."""
    try:
        yield
    except (MlflowException, OSError) as error:
        raise TrackingError(f"{what}: {error}", remedy=remedy) from error
