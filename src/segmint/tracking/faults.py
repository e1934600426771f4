"""What a store's failure means: it is away for a while, or it will never take this.

Example:
    >>> is_passing(MlflowException("...", error_code=TEMPORARILY_UNAVAILABLE))
    True
    >>> reason(requests.ConnectionError("... [Errno 111] Connection refused"))
    'Connection refused'
"""

import errno
import re

import requests
from mlflow.exceptions import MlflowException

FAULTS = (MlflowException, OSError)
"""What MLflow's client raises when a store fails; the errors of ``requests`` are OSErrors."""

_PASSING = (408, 429)
"""Answers below 500 that say: later. https://www.rfc-editor.org/rfc/rfc9110#name-status-codes"""

_DATABASE = "sqlalche.me"
"""Ends every message of the database driver; MLflow calls some of a restart's (connection already closed) a bad
request."""

_HEARTS = (
    (r"\[Errno -?\d+\] ([^'\")\]]+)", "{}"),
    (r"too many (\d+) error responses|failed with error code (\d{3})|^(\d{3}) \w+ Error", "it answers with status {}"),
    (r"\.\w*Error\) (.+?)(?: \[SQL|$)", "{}"),
    (r"timed out", "no answer in time"),
    (r"(?:Error|Disconnected)\((?:\d+, )?['\"]([^'\"]+)", "{}"),
)
"""What matters in the messages of requests, of MLflow's client and of the database drivers, and how it is said."""

_LONGEST = 200


def is_passing(error: Exception) -> bool:
    """Whether the same call may succeed later: no connection, no answer in time, a server or database that restarts.

    Anything else is a refusal: wrong credentials, no permission, no such run, a full disk of this machine.
    """
    if isinstance(error, MlflowException):
        status = error.get_http_status_code()
        return status >= 500 or status in _PASSING or (status == 400 and _DATABASE in str(error))
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code >= 500 or error.response.status_code in _PASSING
    if isinstance(error, requests.RequestException | ConnectionError | TimeoutError):
        return True
    return isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)


def reason(error: Exception) -> str:
    """The heart of a failure in one short line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    text = re.sub(r"^[A-Z_]+: ", "", " ".join(str(error).split()))  # MLflow's code says less than its words
    for pattern, words in _HEARTS:
        if found := re.search(pattern, text):
            return words.format(*(part for part in found.groups() if part))
    return text[:_LONGEST]
