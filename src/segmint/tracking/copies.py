"""One copy of a run per tool: CSV files, TensorBoard, Weights & Biases.

Metrics of an epoch stand over its number, those of a step over the step's; both count from 1.

Example:
    >>> copy = TensorBoardCopy(Path("mirrors"))
    >>> copy.log_steps([(1, {"train_loss_step": 0.9})])
    >>> copy.log_epoch(1, {"val_loss": 0.4})
"""

import csv
import threading
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.loggers import CSVLogger

from segmint.files import replace_file
from segmint.records import Steps
from segmint.tracking.courier import patience

_PREVIEW = "val/preview"

_COMPARED = ("val_loss", "val_iou", "val_f1", "test_iou", "test_f1")
"""Metrics beside the parameters on TensorBoard's page of runs."""

_FIRST_ANSWER = 30
"""Seconds that the server of Weights & Biases has for its first answer."""


class CsvCopy:
    """``metrics.csv`` with a row per epoch, ``steps/metrics.csv``, ``final.csv`` and ``hparams.yaml``; no pictures.

    Args:
        folder: Gets ``csv/version_<n>``; a run that is resumed begins another.
    """

    name = "CSV"

    def __init__(self, folder: Path) -> None:
        self._epochs = CSVLogger(folder, "csv", flush_logs_every_n_steps=1)
        self._folder = Path(self._epochs.log_dir)
        self._steps = CSVLogger(self._folder, "", "steps")
        self._final: dict[str, float] = {}

    @property
    def place(self) -> str:
        """The folder."""
        return f"in {self._folder}"

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Written together with the first epoch."""
        self._epochs.log_hyperparams(dict(values))

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add a row."""
        self._epochs.log_metrics({"epoch": epoch, **metrics}, epoch)

    def log_steps(self, steps: Steps) -> None:
        """Add rows."""
        for step, metrics in steps:
            self._steps.log_metrics(dict(metrics), step)
        self._steps.save()

    def log_picture(self, epoch: int, drawn: NDArray[np.uint8]) -> None:
        """A table shows no pictures."""

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Write every final score known so far, a row each."""
        self._final |= metrics
        text = StringIO()
        csv.writer(text, lineterminator="\n").writerows([("metric", "value"), *self._final.items()])
        self._folder.mkdir(parents=True, exist_ok=True)
        replace_file(self._folder / "final.csv", text.getvalue())

    def close(self) -> None:
        """Everything is written."""


class TensorBoardCopy:
    """Event files; a run that is resumed adds one to the same folder.

    Args:
        folder: Gets ``tensorboard``.

    Raises:
        ModuleNotFoundError: TensorBoard is not installed.
    """

    name = "TensorBoard"

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(folder / "tensorboard")

    @property
    def place(self) -> str:
        """The command that shows it."""
        return f"by tensorboard --logdir {self._writer.log_dir}"

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Fill the page of runs (HParams)."""
        from torch.utils.tensorboard.summary import hparams

        plain = {name: value if isinstance(value, bool | int | float) else str(value) for name, value in values.items()}
        for summary in hparams(plain, dict.fromkeys(_COMPARED, 0.0)):  # type: ignore[no-untyped-call]
            self._writer.file_writer.add_summary(summary)
        self._writer.flush()

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        self.log_steps([(epoch, dict(metrics))])

    def log_steps(self, steps: Steps) -> None:
        """Add points to each curve."""
        for step, metrics in steps:
            for name, value in metrics.items():
                self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def log_picture(self, epoch: int, drawn: NDArray[np.uint8]) -> None:
        """Add the picture of an epoch."""
        self._writer.add_image(_PREVIEW, drawn, epoch, dataformats="HWC")
        self._writer.flush()

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Add single points, at 0."""
        self.log_epoch(0, metrics)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


class WandbCopy:
    """A run at Weights & Biases, or offline where WANDB_MODE says so; a run that is resumed has its id again.

    Epochs and steps are no steps of Weights & Biases, which may only grow: they are axes of their own, ``epoch`` and
    ``step``, to which each metric is bound when it first occurs.

    Args:
        folder: Gets ``wandb``.
        project: Project.
        title: Name of the run.
        run_id: Its id.

    Raises:
        ModuleNotFoundError: The package is not installed.
        wandb.Error: Nobody is logged in, or the server does not answer.
    """

    name = "W&B"

    def __init__(self, folder: Path, project: str, title: str, run_id: str) -> None:
        import wandb

        settings = wandb.Settings(quiet=True, init_timeout=_FIRST_ANSWER)
        self._wandb, self._bound = wandb, set[str]()
        self._run: Any = wandb.init(
            project=project, name=title, id=run_id, dir=folder, resume="allow", settings=settings
        )

    @property
    def place(self) -> str:
        """Its address; offline the command that sends it."""
        run = self._run
        return f"run {run.name}, offline: {self._sync}" if run.offline else f"run {run.name} at {run.url}"

    @property
    def _sync(self) -> str:
        return f"wandb sync {Path(self._run.dir).parent}"

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Fill the run's configuration."""
        self._run.config.update(dict(values), allow_val_change=True)

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add a point to each curve over the epochs."""
        self._log("epoch", epoch, metrics)

    def log_steps(self, steps: Steps) -> None:
        """Add points to each curve over the steps."""
        for step, metrics in steps:
            self._log("step", step, metrics)

    def log_picture(self, epoch: int, drawn: NDArray[np.uint8]) -> None:
        """Add the picture of an epoch."""
        self._log("epoch", epoch, {_PREVIEW: self._wandb.Image(drawn)})

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Put final scores into the summary."""
        self._run.summary.update(dict(metrics))

    def close(self) -> None:
        """Send what is left.

        Raises:
            TimeoutError: The server takes longer than anyone waits at the end of a run.
        """
        errors: list[Exception] = []

        def finish() -> None:
            try:
                self._run.finish()
            except Exception as error:
                errors.append(error)

        sending = threading.Thread(target=finish, daemon=True)
        sending.start()
        sending.join(patience())
        if sending.is_alive():
            raise TimeoutError(f"it has not taken everything within {patience():g} s, `{self._sync}` sends the rest")
        if errors:
            raise errors[0]

    def _log(self, axis: str, number: int, values: Mapping[str, Any]) -> None:
        for name in values.keys() - self._bound:
            self._run.define_metric(name, step_metric=axis)
            self._bound.add(name)
        self._run.log({**values, axis: number})
