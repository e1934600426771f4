"""The MLflow run of a training: where it lives, what it holds, and how it ends.

Once it has started, everything it tells goes through its journal: the store is never asked, and never waited for
before the end. What a callback logs by ``mlflow.log_metric`` and its like goes straight to the store, into this run.

Example:
    >>> run = TrackedRun.start("refugee-camp", RUNS, identity, resumed=None)
    >>> with run.closing():
    ...     run.log_epoch(1, {"val_loss": 0.4})
"""

from __future__ import annotations

import shlex
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mlflow import MlflowClient
from mlflow.data.dataset import Dataset
from mlflow.entities import Run
from mlflow.tracking.multimedia import compress_image_size, convert_to_pil_image
from mlflow.utils.mlflow_tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_GIT_COMMIT,
    MLFLOW_LOGGED_IMAGES,
    MLFLOW_PARENT_RUN_ID,
)
from numpy.typing import NDArray

from segmint.errors import ParityError, TrackingError
from segmint.files import room_in
from segmint.interruption import Interrupted
from segmint.tracking import active
from segmint.tracking.courier import Courier, patience
from segmint.tracking.delivery import Delivery
from segmint.tracking.faults import FAULTS
from segmint.tracking.folder import Identity, RunFolder
from segmint.tracking.gauges import PREFIX, Gauges
from segmint.tracking.journal import Journal, Kind, batched
from segmint.tracking.store import connect, unusable
from segmint.tracking.verdict import restore_after_parent

if TYPE_CHECKING:
    from segmint.registry.registration import Registered

_LONGEST_PARAMETER = 6000
_MOST_METRICS, _MOST_PARAMETERS = 1000, 100
"""What MLflow takes in one call."""

_AFTER_REFUSAL = (
    "the same command starts a new one. On a CPU that ends with the same weights: "
    "give another -P training.seed or -P training.epochs"
)

SYNC = "python src/sync.py"
"""The command that delivers what is pending."""


class TrackedRun:
    """One MLflow run that is under way.

    Attributes:
        folder: What survives this process; held by it.
        asked_for: The run that ``mlflow run`` made, where it is another one (resumed).
    """

    def __init__(self, folder: RunFolder, run: Run, experiment: str, asked_for: str | None) -> None:
        self.folder, self.asked_for = folder, asked_for
        self._experiment, self._known, self._tags = experiment, set(run.data.params), run.data.tags
        self._journal = Journal.open(folder.path)
        self._delivery = Delivery(folder.path)
        self._courier = Courier(self._journal, self._delivery)
        self._before = self._journal.metrics()
        steps = [step + 1 for key, _, step in self._before if key.startswith(PREFIX)]
        self._gauges = Gauges(self.run_id, max(steps, default=0), self.log_steps)

    @classmethod
    def start(cls, experiment: str, root: Path, identity: Identity, resumed: RunFolder | None = None) -> TrackedRun:
        """Join the run that ``mlflow run`` made, or make one, or carry on ``resumed``.

        Args:
            experiment: Where a new run goes, unless the environment says otherwise; also its name.
            root: Folder of the run folders.
            identity: What the run is.
            resumed: The folder of a run to carry on; what its journal still holds is delivered first.

        Raises:
            TrackingError: The store cannot be reached or refuses.
        """
        asked_for, client = active.asked_for(), MlflowClient()
        try:
            if resumed is not None:
                _deliver_rest(resumed)
                run = active.join(client, resumed.run_id)
            elif asked_for:
                run = active.join(client, asked_for)
            else:
                run = active.make(client, experiment)
            name = client.get_experiment(run.info.experiment_id).name
            run_id = run.info.run_id
            if asked_for and asked_for != run_id:
                client.set_tag(asked_for, MLFLOW_PARENT_RUN_ID, run_id)
                client.set_tag(asked_for, "resumed_into", run_id)
        except FAULTS as error:
            raise unusable(error) from error
        active.enter(run_id)
        folder = resumed or RunFolder.create(root, run_id, identity)
        started = cls(folder, run, name, asked_for if asked_for != run_id else None)
        started._courier.start()
        started._gauges.start()
        return started

    @property
    def run_id(self) -> str:
        """The run that everything is logged to."""
        return self.folder.run_id

    @property
    def git_commit(self) -> str | None:
        """Commit of the code, as MLflow found it."""
        return self._tags.get(MLFLOW_GIT_COMMIT)

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Log parameters that the run does not have yet; ``mlflow run`` logged its own, spelled as the user did."""
        new = {key: str(value)[:_LONGEST_PARAMETER] for key, value in values.items() if key not in self._known}
        self._known |= set(new)
        self._journal.write(("params", dict(batch)) for batch in batched(new.items(), _MOST_PARAMETERS))

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of an epoch (from 1)."""
        self.log_steps([(epoch, dict(metrics))])

    def log_steps(self, steps: list[tuple[int, dict[str, float]]]) -> None:
        """Log metrics of steps (from 1), many to a call.

        A run that is carried on repeats the epoch it was cut off in: what comes out the same is not logged again.
        """
        told = [(key, float(value), step) for step, metrics in steps for key, value in metrics.items()]
        told = [metric for metric in told if not metric[-1] or metric not in self._before]
        self._journal.write(("metrics", batch) for batch in batched(told, _MOST_METRICS))

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log final figures."""
        self.log_epoch(0, metrics)

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        self._journal.write([("tags", dict(tags))])

    def log_input(self, dataset: Dataset, context: str) -> None:
        """Log a dataset that the run uses, and what for."""
        self._journal.write([("input", {"dataset": dataset.to_dict(), "tags": {MLFLOW_DATASET_CONTEXT: context}})])

    def log_picture(self, epoch: int, drawn: NDArray[np.uint8]) -> None:
        """Log the picture ``[H, W, 3]`` of an epoch (from 1); MLflow shows them under ``preview`` with a slider.

        A full and a small file, named as ``MlflowClient.log_image`` names them: it would draw a new name at every
        attempt, and so show a picture twice whose answer was lost.
        """
        self.folder.pictures.mkdir(exist_ok=True)
        name = f"preview+step+{epoch}+timestamp+{time.time_ns() // 1_000_000}+{uuid.uuid4()}"
        full, small = self.folder.pictures / f"{name}.png", self.folder.pictures / f"{name}+compressed.webp"
        image = convert_to_pil_image(drawn)
        image.save(full)
        compress_image_size(image).save(small)
        self._journal.write(
            [self._file(full, "images"), self._file(small, "images"), ("tags", {MLFLOW_LOGGED_IMAGES: "True"})]
        )

    def log_files(self, paths: Iterable[Path], folder: str = "") -> None:
        """Upload files as artifacts in ``folder``, and wait for it."""
        self._journal.write([self._file(path, folder) for path in paths])
        self._courier.settle(patience())

    def log_folder(self, root: Path) -> None:
        """Upload the content of a folder as the run's artifacts, and wait for it."""
        files = sorted(path for path in root.rglob("*") if path.is_file())
        self._journal.write([self._file(path, path.parent.relative_to(root).as_posix()) for path in files])
        self._courier.settle(patience())

    def register(self, description: str, move_alias: bool) -> None:
        """Register the staged model as a version, and wait for it; :attr:`registered` says what became of it.

        Args:
            description: Markdown for the version's page.
            move_alias: Whether ``candidate`` moves to it, unless it is below a baseline and the present one is not.
        """
        staging = self.folder.staging.name
        told = {"staging": staging, "description": description, "move_alias": move_alias}
        self._journal.write([("model", told)])
        self._courier.settle(patience())

    @property
    def registered(self) -> Registered:
        """The registered version; only of a run that has ended well."""
        assert self._delivery.registered is not None
        return self._delivery.registered

    def facts(self) -> dict[str, str]:
        """What identifies the run, for the report."""
        return {
            "run_id": self.run_id,
            "experiment": self._experiment,
            "tracking_uri": connect(),
            "git_commit": self.git_commit or "unknown",
            "command": shlex.join(["python", "src/train.py", *sys.argv[1:]]),
        }

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Close the run by how the body ends: FINISHED, KILLED when it was interrupted, else FAILED.

        Raises:
            TrackingError: The body is done, but the store is away for longer than anyone wants to wait.
        """
        try:
            yield
        except Interrupted as interruption:
            told = self._end("KILLED", patience=0)
            restore_after_parent(self.asked_for or self.run_id, "KILLED")
            known = "is marked KILLED" if told else f"is KILLED; {SYNC} tells the store"
            print(f"stopped by {interruption}: run {self.run_id} {known}, the same command carries it on")
            raise SystemExit(130) from None
        except BaseException as error:
            if isinstance(error, ParityError):
                self.folder.refuse()
                print(f"refused:  run {self.run_id}, by its proof; {_AFTER_REFUSAL}", flush=True)
            if not self._end("FAILED", patience=0):
                print(f"pending:  {self._journal.pending()} of run {self.run_id}; {SYNC} delivers them", flush=True)
            raise
        else:
            self._finish()
        finally:
            self.folder.release()

    def _finish(self) -> None:
        with room_in(self.folder.path):
            self.folder.finish()
            told = self._end("FINISHED", patience())
        if not told:
            raise TrackingError(
                f"run {self.run_id} is complete, but {connect()} is still without {self._journal.pending()} "
                f"({self._courier.fault})",
                remedy=f"{SYNC} delivers them from {self.folder.path}",
            )
        self.folder.clear()

    def _file(self, path: Path, folder: str) -> tuple[Kind, dict[str, str]]:
        """An artifact; files of the run's folder may move with it."""
        place, own = path.resolve(), self.folder.path.resolve()
        place = place.relative_to(own) if place.is_relative_to(own) else place
        return "file", {"path": str(place), "folder": "" if folder == "." else folder}

    def _end(self, status: str, patience: float) -> bool:
        """Close the run and the one that was asked for; False while the store does not know everything."""
        self._gauges.finish()
        active.leave(self.run_id, status)
        runs = [run for run in (self.run_id, self.asked_for) if run]
        self._journal.write([("status", {"status": status, "runs": runs})])
        return self._courier.settle(patience)


def _deliver_rest(folder: RunFolder) -> None:
    """Deliver what an earlier process could not, before anything is added."""
    journal = Journal.open(folder.path)
    courier = Courier(journal, Delivery(folder.path))
    if not courier.settle(patience()):
        raise TrackingError(
            f"run {folder.run_id}: {connect()} is still without {journal.pending()} ({courier.fault})",
            remedy="Run again when the store answers, or start anew with -P resume=never",
        )
