"""The checkpoint that ``--resume FILE`` names: checked, and taken into the folder of the run that carries it on.

Any name will do (``best_model.pt``, ``checkpoint.pth.tar``): what counts is what is inside.

Example:
    >>> start = Start.open(Path("old/last.ckpt"), recipe)
    >>> start.require(session.task)
    >>> start.adopt(folder.checkpoints, recipe.training)
    'old/last.ckpt, 8 epochs trained, the best of them epoch 6: val_iou 0.7012'
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import ZipFile, is_zipfile

import torch

from segmint.errors import ModelError
from segmint.files import write_beside
from segmint.recipe import Recipe, TrainingRecipe
from segmint.training.checkpoints import BEST, LAST, BestCheckpoint, Stop
from segmint.training.optimisation import optimisation_of
from segmint.training.progress import EpochLog, progress
from segmint.training.task import SegmentationTask

_EXPECTED = "a checkpoint of training, such as .segmint/runs/<run id>/checkpoints/last.ckpt"


@dataclass(frozen=True)
class Start:
    """A checkpoint to start from.

    Attributes:
        path: Its file.
        content: What Lightning saved.
        history: The record of every epoch that it has behind it.
    """

    path: Path
    content: dict[str, Any]
    history: list[dict[str, float]]

    @classmethod
    def open(cls, path: Path, recipe: Recipe) -> "Start":
        """Read a checkpoint that leaves something to train.

        Raises:
            ModelError: Another kind of file, or a training that has reached its last epoch.
        """
        content = _content(path)
        history = EpochLog.history_of(content)
        if history is None or "optimisation" not in content:
            raise _refusal(path, _kind(content))
        if len(history) >= recipe.training.epochs:
            raise ModelError(
                f"resume: {path} has trained {len(history)} epochs, and epochs is {recipe.training.epochs}",
                "more epochs than that",
                f"Add for example --epochs {2 * len(history)}, or export it: python src/export.py --target {path}",
            )
        return cls(path, content, history)

    def require(self, task: SegmentationTask) -> None:
        """Refuse a checkpoint of another network or of another optimiser.

        Raises:
            ModelError: Names the first difference.
        """
        remedy = "Give the recipe, classes and options of the training that made it, or start anew without --resume"
        own, found = task.state_dict(), self.content["state_dict"]
        for name in dict.fromkeys((*own, *found)):
            shapes = [tuple(state[name].shape) if name in state else "nothing" for state in (own, found)]
            if shapes[0] != shapes[1]:
                raise ModelError(f"resume: {self.path} has {shapes[1]} as {name}", f"{shapes[0]}", remedy)
        here, made_by = optimisation_of(task.recipe.training), self.content["optimisation"]
        for key in ("optimizer", "scheduler"):
            if made_by[key] != here[key]:
                found = f"resume: {self.path} was trained with training.{key} {made_by[key]}"
                raise ModelError(found, str(here[key]), remedy)
        if (made_by["lr_temporal"] is None) != (here["lr_temporal"] is None):
            raise ModelError(
                f"resume: {self.path} has training.lr_temporal {made_by['lr_temporal']}", "the same", remedy
            )

    def adopt(self, checkpoints: Path, training: TrainingRecipe) -> str:
        """Make the checkpoint the last one of a new run, and the best epoch so far that run's best.

        The best epoch is the recipe's, by its monitor. Where the weights of that epoch are neither in the file nor in
        the best checkpoint beside it, the file itself is the best so far.

        Args:
            checkpoints: Folder of the new run's checkpoints.
            training: The recipe's part.

        Returns:
            What was taken over, in words.

        Raises:
            ModelError: An epoch of the history has no such monitor.
        """
        history = self._judged(training)
        best = int(history[-1]["early_stop_best_epoch"])
        source = self._weights_of(best)
        if source is None:
            history[-1] |= progress(None, len(history), history[-1][training.monitor], training)
        value, since = history[-1]["early_stop_best_value"], int(history[-1]["early_stop_counter"])
        keeper, stop = BestCheckpoint(checkpoints, training), Stop(training)
        keeper.best_model_score = stop.best_score = torch.tensor(value)
        stop.wait_count = since
        callbacks = {item.state_key: item.state_dict() for item in (keeper, stop)}
        content = self.content | self._optimised(training)
        content["callbacks"] = {EpochLog.__name__: {"history": history}, **callbacks}
        checkpoints.mkdir(parents=True, exist_ok=True)
        write_beside(checkpoints / BEST, lambda beside: shutil.copyfile(source or self.path, beside))
        write_beside(checkpoints / LAST, lambda beside: torch.save(content, beside))
        told = f"{self.path}, {len(history)} epochs trained"
        if source is None:
            return f"{told}; {BEST} of epoch {best} is not beside it, so that its own weights are the best so far"
        return f"{told}, the best of them epoch {best}: {training.monitor} {value:.4f}"

    def _judged(self, training: TrainingRecipe) -> list[dict[str, float]]:
        """The history, with the progress that it is by this recipe's monitor and ``min_delta``."""
        judged: list[dict[str, float]] = []
        for number, record in enumerate(self.history, start=1):
            if training.monitor not in record:
                raise ModelError(f"resume: {self.path} has no {training.monitor}", f"one of {', '.join(record)}")
            past = judged[-1] if judged else None
            judged.append(record | progress(past, number, record[training.monitor], training))
        return judged

    def _optimised(self, training: TrainingRecipe) -> dict[str, Any]:
        """State of the optimiser under this recipe's values; a schedule goes on from its epoch when it is loaded."""
        states = []
        for state in self.content["optimizer_states"]:
            groups = [dict(group) for group in state["param_groups"]]
            for group in groups:
                rate = training.lr_temporal if group.get("name") == "temporal" else training.lr
                group |= {key: rate for key in ("lr", "initial_lr") if key in group}
                group["weight_decay"] = training.weight_decay
            states.append(state | {"param_groups": groups})
        return {"optimizer_states": states}

    def _weights_of(self, epoch: int) -> Path | None:
        """The file that holds the weights of an epoch: this one, or the best checkpoint beside it."""
        if epoch == len(self.history):
            return self.path
        beside = self.path.with_name(BEST)
        if not beside.is_file():
            return None
        return beside if EpochLog.history_of(_content(beside)) == self.history[:epoch] else None


def _content(path: Path) -> dict[str, Any]:
    """What torch saved, opened without running any code.

    Raises:
        ModelError: Not a file that can be opened so.
    """
    if is_zipfile(path):
        with ZipFile(path) as archive:
            if any("/code/" in name for name in archive.namelist()):
                raise _refusal(path, "is a TorchScript model")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise _refusal(path, "was not saved by torch, or would run code when it is opened") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise _refusal(path, f"cannot be opened ({reason[:120]})") from error
    return content if isinstance(content, dict) else {}


def _kind(content: dict[str, Any]) -> str:
    """What a file is that is no checkpoint of training."""
    if content and all(isinstance(value, torch.Tensor) for value in content.values()):
        return "holds weights alone, without optimiser and epochs (--network.weights starts from those)"
    return "is a checkpoint of another program, or of an older segmint"


def _refusal(path: Path, found: str) -> ModelError:
    """What a file is instead of a checkpoint, and the newest checkpoint here."""
    newest = sorted(Path(".segmint/runs").glob(f"*/checkpoints/{LAST}"), key=lambda file: file.stat().st_mtime)[-1:]
    remedy = f"The newest here is {newest[0]}" if newest else "Name one, or leave --resume away"
    return ModelError(f"resume: {path} {found}", _EXPECTED, remedy)
