"""Copies of a run for people who watch it elsewhere: CSV files, TensorBoard, Weights & Biases.

MLflow keeps the record; a mirror never stops a run. The first error of a mirror is printed and switches it off.

Example:
    >>> records = Mirrors.open(MirrorRecipe(csv=True), Path("mirrors"), "lateral-flow", "a1b2", run)
    >>> records.log_epoch(1, {"val_loss": 0.4})  # to the run, and to each mirror
    >>> records.close()
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segmint.console import say
from segmint.errors import RecipeError
from segmint.recipe import MirrorRecipe
from segmint.records import Recorder, Steps
from segmint.tracking.copies import CsvCopy, TensorBoardCopy, WandbCopy


class Mirror(Recorder, Protocol):
    """A copy of a run."""

    @property
    def name(self) -> str:
        """What people call the tool."""

    @property
    def place(self) -> str:
        """Where the copy is seen, for a person."""

    def close(self) -> None:
        """Write what is left."""


class Mirrors:
    """A run and its mirrors as one recorder.

    Args:
        run: Receives every record first; its errors are those of the run.
        mirrors: Receive the same.
    """

    def __init__(self, run: Recorder, mirrors: Sequence[Mirror]) -> None:
        self.run, self.mirrors = run, list(mirrors)

    @classmethod
    def open(cls, recipe: MirrorRecipe, folder: Path, project: str, run_id: str, run: Recorder) -> "Mirrors":
        """Open the mirrors that a recipe asks for.

        Args:
            recipe: Which mirrors.
            folder: Where they leave files.
            project: Project at Weights & Biases, unless the recipe names one.
            run_id: Id of the run, which a resumed run has again; also its name there, unless the recipe names one.
            run: What is mirrored.

        Raises:
            RecipeError: A mirror's package is not installed.
        """
        names = (recipe.project or project, recipe.name or run_id, run_id)
        wanted: list[tuple[bool, str, str, Callable[[], Mirror]]] = [
            (recipe.csv, "csv", CsvCopy.name, lambda: CsvCopy(folder)),
            (recipe.tensorboard, "tensorboard", TensorBoardCopy.name, lambda: TensorBoardCopy(folder)),
            (recipe.wandb, "wandb", WandbCopy.name, lambda: WandbCopy(folder, *names)),
        ]
        opened = cls(run, ())
        for asked, package, name, make in wanted:
            if asked:
                folder.mkdir(parents=True, exist_ok=True)
                try:
                    opened.mirrors.append(make())
                except ModuleNotFoundError as error:
                    raise RecipeError(
                        f"mirror.{package}: the package {package} is not installed",
                        remedy=f"uv pip install {package}, or leave the mirror out",
                    ) from error
                except Exception as error:
                    _switch_off(name, error)
        return opened

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Log the parameters."""
        self.run.log_params(values)
        self._copy(lambda mirror: mirror.log_params(values))

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of an epoch (from 1)."""
        self.run.log_epoch(epoch, metrics)
        self._copy(lambda mirror: mirror.log_epoch(epoch, metrics))

    def log_steps(self, steps: Steps) -> None:
        """Log the metrics of steps."""
        self.run.log_steps(steps)
        self._copy(lambda mirror: mirror.log_steps(steps))

    def log_picture(self, epoch: int, drawn: NDArray[np.uint8]) -> None:
        """Log the picture ``[H, W, 3]`` of an epoch (from 1)."""
        self.run.log_picture(epoch, drawn)
        self._copy(lambda mirror: mirror.log_picture(epoch, drawn))

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log final scores."""
        self.run.log_metrics(metrics)
        self._copy(lambda mirror: mirror.log_metrics(metrics))

    def show(self) -> None:
        """Print where each mirror is seen."""
        self._copy(lambda mirror: say(f"mirror:   {mirror.name} {mirror.place}"))

    def close(self) -> None:
        """Complete the mirrors, and print where each is seen."""
        self._copy(lambda mirror: mirror.close())
        self.show()

    def _copy(self, act: Callable[[Mirror], None]) -> None:
        for mirror in tuple(self.mirrors):
            try:
                act(mirror)
            except Exception as error:
                self.mirrors.remove(mirror)
                _switch_off(mirror.name, error)


def _switch_off(name: str, error: Exception) -> None:
    reason = (str(error) or type(error).__name__).strip().splitlines()[0]
    say(f"mirror:   {name} is switched off, the run goes on without it: {reason}")
