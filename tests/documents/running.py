"""A command that has ended, and the run it left in MLflow."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run


@dataclass(frozen=True)
class Ran:
    """A command that has ended.

    Attributes:
        room: Where it ran.
        status: Its exit status.
        output: What it printed.
        errors: What it printed to stderr.
    """

    room: Path
    status: int
    output: str
    errors: str

    @cached_property
    def client(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{self.room}/mlflow.db")

    @cached_property
    def run(self) -> Run:
        """The newest run in the room."""
        experiments = [item.experiment_id for item in self.client.search_experiments()]
        return self.client.search_runs(experiments, order_by=["attributes.start_time DESC"])[0]

    def steps(self, metric: str) -> list[int]:
        """The steps that a metric was logged at, in order."""
        return [item.step for item in self.client.get_metric_history(self.run.info.run_id, metric)]

    def artifacts(self, folder: str) -> set[str]:
        """Names of the run's artifacts in a folder."""
        found = self.client.list_artifacts(self.run.info.run_id, folder)
        return {item.path.rpartition("/")[2] for item in found}

    @property
    def checkpoints(self) -> Path:
        """Folder of the newest run's checkpoints."""
        return self.room / ".segmint" / "runs" / self.run.info.run_id / "checkpoints"
