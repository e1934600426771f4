"""Copies of the metrics for other tools: a CSV file, TensorBoard, Weights & Biases.

MLflow keeps the metrics; a mirror is for people who look at them elsewhere. The loggers are Lightning's own.

Example:
    >>> mirrors = Mirrors.open(MirrorRecipe(csv=True), Path("mirrors"), "lateral-flow", "a1b2")
    >>> mirrors.log(1, {"val_loss": 0.4})
    >>> mirrors.close()
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

from segmint.errors import RecipeError
from segmint.recipe import MirrorRecipe


class Mirrors:
    """The mirrors of one run.

    Args:
        loggers: What receives the metrics.
        folder: Where they leave files; a run that is carried on gets a ``csv/version_<n>`` of its own.
    """

    def __init__(self, loggers: list[Logger], folder: Path) -> None:
        self.loggers, self.folder = loggers, folder

    @classmethod
    def open(cls, recipe: MirrorRecipe, folder: Path, project: str, name: str) -> "Mirrors":
        """Open the mirrors that a recipe asks for.

        Args:
            recipe: Which mirrors.
            folder: Where they leave files.
            project: Project at Weights & Biases, unless the recipe names one.
            name: Name of the run there, unless the recipe names one.

        Raises:
            RecipeError: A mirror's package is not installed.
        """
        title = recipe.name or name
        wanted: list[tuple[bool, str, Any]] = [
            (recipe.csv, "csv", lambda: CSVLogger(folder, "csv", flush_logs_every_n_steps=1)),
            (recipe.tensorboard, "tensorboard", lambda: TensorBoardLogger(folder, "", "tensorboard")),
            (recipe.wandb, "wandb", lambda: _wandb(folder, recipe.project or project, title)),
        ]
        loggers: list[Logger] = []
        for asked, package, make in wanted:
            if asked:
                folder.mkdir(parents=True, exist_ok=True)
                try:
                    loggers.append(make())
                except ModuleNotFoundError as error:
                    raise RecipeError(
                        f"mirror.{package}: the package {package} is not installed",
                        remedy=f"uv pip install {package}, or leave the mirror out",
                    ) from error
        return cls(loggers, folder)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Pass metrics of an epoch on."""
        for logger in self.loggers:
            logger.log_metrics(dict(metrics), step)
            logger.save()

    def close(self) -> None:
        """Write what is left."""
        for logger in self.loggers:
            logger.finalize("success")

    def sentence(self) -> str:
        """Where the copies are, or nothing."""
        names = ", ".join(type(logger).__name__.removesuffix("Logger") for logger in self.loggers)
        return f"mirrors:  {names} in {self.folder}" if names else ""


def _wandb(folder: Path, project: str, name: str) -> WandbLogger:
    logger = WandbLogger(name=name, project=project, save_dir=folder, id=name if len(name) == 32 else None)
    logger.experiment  # noqa: B018 - starts the run, so that what is wrong shows now
    return logger
