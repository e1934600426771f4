"""Load of processor, memory, disk, network and GPUs, sampled while a run goes on.

MLflow's own thread asks the server before every sample whether the run is still going and ends for good at the first
question that fails. This one has the same gauges, names and intervals, and writes to the run's journal.

Example:
    >>> gauges = Gauges(run_id, first_step=0, sink=log_steps)
    >>> gauges.start()
    >>> gauges.finish()
"""

import contextlib
import threading
from collections.abc import Callable

from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from segmint.errors import StorageError

Sink = Callable[[list[tuple[int, dict[str, float]]]], None]

PREFIX = "system/"


class Gauges:
    """MLflow's gauges, read without its server.

    Args:
        run_id: The run.
        first_step: Number of the first sample.
        sink: Receives steps with their figures.
    """

    def __init__(self, run_id: str, first_step: int, sink: Sink) -> None:
        self._gauges, self._step, self._sink = SystemMetricsMonitor(run_id), first_step, sink
        self._samples: list[tuple[int, dict[str, float]]] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="gauges", daemon=True)

    def start(self) -> None:
        """Sample in the background from now on."""
        self._thread.start()

    def finish(self) -> None:
        """Take the last sample of an interval that was cut short, and end.

        Raises:
            StorageError: What was sampled cannot be written.
        """
        self._ending.set()
        self._thread.join()
        self._hand_on()

    def _work(self) -> None:
        gauges = self._gauges
        prefix = PREFIX + (f"{gauges.node_id}/" if gauges.node_id else "")
        while not self._ending.is_set():
            for _ in range(gauges.samples_before_logging):
                gauges.collect_metrics()
                if self._ending.wait(gauges.sampling_interval):
                    break
            figures = gauges.aggregate_metrics()
            self._samples.append((self._step, {prefix + name: value for name, value in figures.items()}))
            self._step += 1
            for gauge in gauges.monitors:
                gauge.clear_metrics()
            with contextlib.suppress(StorageError):  # the next sample tries again, and the end, which tells
                self._hand_on()

    def _hand_on(self) -> None:
        if self._samples:
            self._sink(self._samples)
            self._samples = []
