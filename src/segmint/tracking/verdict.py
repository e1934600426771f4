"""Gives a stopped run its true status after `mlflow run` has left.

MLflow 3.17's `mlflow run` marks a run FAILED on Ctrl-C even when the run itself has said KILLED: its check for a final
status compares a name with numbers. So a process of its own waits until that parent is gone and sets the status again.

Example:
    >>> restore_after_parent(run_id, "KILLED")
"""

import contextlib
import subprocess
import sys

import psutil

_PATIENCE_SECONDS = 120


def restore_after_parent(run_id: str, status: str) -> None:
    """Start the waiting process; does nothing where no `mlflow run` is above this process."""
    above = [process for process in psutil.Process().parents() if _is_mlflow_run(process)]
    if above:
        subprocess.Popen(
            [sys.executable, __file__, str(above[-1].pid), run_id, status],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _is_mlflow_run(process: psutil.Process) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return any("mlflow" in word for word in words[:3]) and "run" in words


def _wait_and_set(parent: int, run_id: str, status: str) -> None:
    from mlflow import MlflowClient

    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(parent).wait(_PATIENCE_SECONDS)
    MlflowClient().set_terminated(run_id, status)


if __name__ == "__main__":
    _wait_and_set(int(sys.argv[1]), sys.argv[2], sys.argv[3])
