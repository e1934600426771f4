"""The tracking store: which one it is, and whether it answers.

Example:
    >>> connect()
    'sqlite:///mlflow.db'
    >>> require_store()
    'sqlite:///mlflow.db'
"""

import logging
import os
from urllib.parse import urlsplit, urlunsplit

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request, verify_rest_response

from segmint.errors import TrackingError
from segmint.tracking.faults import FAULTS, reason

DEFAULT_STORE = "sqlite:///mlflow.db"

_REQUESTS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
"""MLflow's own 7 retries and 120 seconds make minutes of one call; runs have a journal and try again by themselves."""

_FIRST_ANSWER = 5
"""Seconds that a server has for its first answer."""

_ACCESS = {
    401: "Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    403: "Ask its administrator for the permission, or for this host name to be allowed",
}


def connect() -> str:
    """Choose the tracking store and return its address without credentials.

    ``MLFLOW_TRACKING_URI`` where it is set, else sqlite in the working folder, named explicitly: MLflow's own default
    is percent-encoded, which is another folder when the path has a space in it.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        os.environ["MLFLOW_TRACKING_URI"] = DEFAULT_STORE
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it logs the traceback that we put in words
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    parts = urlsplit(os.environ["MLFLOW_TRACKING_URI"])
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", "")) if parts.netloc else os.environ["MLFLOW_TRACKING_URI"]


def require_store() -> str:
    """Connect for a run, and ask one question that wants credentials where the store has them.

    Returns:
        The store's address without credentials.

    Raises:
        TrackingError: No answer within seconds, wrong credentials, or not a tracking store.
    """
    store = connect()
    for name, value in _REQUESTS.items():
        os.environ.setdefault(name, value)
    try:
        if is_server():
            question = "/api/2.0/mlflow/experiments/search"
            creds = get_default_host_creds(mlflow.get_tracking_uri())
            answer = http_request(
                creds, question, "GET", max_retries=0, timeout=_FIRST_ANSWER, params={"max_results": 1}
            )
            verify_rest_response(answer, question)
        else:
            MlflowClient().search_experiments(max_results=1)
    except FAULTS as error:
        raise unusable(error) from error
    return store


def unusable(error: Exception) -> TrackingError:
    """What to tell about a store that a run cannot start in."""
    status = error.get_http_status_code() if isinstance(error, MlflowException) else 0
    remedy = _ACCESS.get(status, "Check MLFLOW_TRACKING_URI, and that the server runs")
    return TrackingError(f"tracking store {connect()}: {reason(error)}", remedy=remedy)


def is_server() -> bool:
    """Whether the store is an MLflow server."""
    return urlsplit(mlflow.get_tracking_uri()).scheme in ("http", "https")


def is_remote() -> bool:
    """Whether the store is a server, not a file of this machine."""
    return is_server() or urlsplit(mlflow.get_tracking_uri()).scheme in ("postgresql", "mysql", "mssql")


def run_exists(run_id: str) -> bool:
    """Whether the store still has a run that is not deleted."""
    try:
        return bool(MlflowClient().get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException:
        return False
