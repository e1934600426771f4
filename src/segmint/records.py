"""What a training logs while it runs, and who receives it.

Example:
    >>> recorder.log_epoch(1, {"val_loss": 0.4})
    >>> recorder.log_steps([(1, {"train_loss_step": 0.9}), (2, {"train_loss_step": 0.8})])
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Steps = list[tuple[int, dict[str, float]]]
"""Number of a step, from 1 over all epochs, and its metrics."""


class Recorder(Protocol):
    """Receives the records of a training: the MLflow run, and each of its mirrors."""

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Parameters of the run, before training starts."""

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Metrics of an epoch (from 1)."""

    def log_steps(self, steps: Steps) -> None:
        """Metrics of steps, many to a call."""

    def log_picture(self, epoch: int, drawn: NDArray[np.uint8]) -> None:
        """A picture ``[H, W, 3]`` of what the network predicts after an epoch (from 1)."""

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Final scores."""
