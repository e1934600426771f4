"""Keeps the console to what a person wants to read: libraries speak up from warnings on.

Example:
    >>> quieten_libraries()  # before mlflow and Lightning are used
    >>> say("store:    answers again")
"""

import logging
import os
import sys
import warnings
from typing import TextIO

from tqdm import tqdm  # type: ignore[import-untyped]

_LOUD = ("mlflow", "alembic", "pytorch_lightning", "lightning_fabric", "httpx", "torch.onnx", "torch.export")
_NEEDLESS = (
    ".*LeafSpec.*",
    ".*dataset source can be interpreted.*",
    ".*does not have many workers.*",
    "Dataset has no geotransform",  # photographs and arrays have none; said once here, as warnings know no threads
)


def quieten_libraries() -> None:
    """Silence progress chatter and deprecation notes of libraries; errors and our own lines stay."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    for category in (DeprecationWarning, FutureWarning, UserWarning):
        warnings.filterwarnings("ignore", category=category, module=r"(mlflow|torch|pytorch_lightning|lightning)")
    for message in _NEEDLESS:
        warnings.filterwarnings("ignore", message=message)


def say(line: str, file: TextIO | None = None) -> None:
    """Print a line at any time, also while a progress bar is shown: the bar goes on below it."""
    tqdm.write(line, file=file)
    (file or sys.stdout).flush()
