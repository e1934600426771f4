"""What became of each of many scenes: ``manifest.json`` in the output folder, safe to come back to.

Several predictions may share a folder: each writes the states of its own scenes and leaves the others'.

Example:
    >>> manifest = Manifest.begin(output, {"north": "scenes/north.tif"})
    >>> manifest.predict("north", lambda: job.run("scenes/north.tif", output, "north"))
    >>> manifest.states["north"]["state"]
    'done'
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from segmint.addresses import shown
from segmint.errors import SceneError
from segmint.files import replace_file
from segmint.inference.job import Done
from segmint.inference.work import lock_of

FILE = "manifest.json"


class Manifest:
    """States of scenes: ``waiting``, ``running``, ``done``, ``failed``.

    Args:
        path: The file; written at every change.
        states: Name of each scene's results -> its address, state, files and error.
    """

    def __init__(self, path: Path, states: dict[str, dict[str, Any]]) -> None:
        self.path, self.states = path, states
        self._write()

    @classmethod
    def begin(cls, output: Path, scenes: Mapping[str, str]) -> "Manifest":
        """A manifest in which every scene waits; a prediction that finds its scene done says so at once."""
        return cls(
            output / FILE, {stem: {"scene": shown(address), "state": "waiting"} for stem, address in scenes.items()}
        )

    def predict(self, stem: str, job: Callable[[], Done]) -> None:
        """Run the job of a scene; among several, one that cannot be predicted does not stop the others.

        Raises:
            SceneError: It is the only scene, and it cannot be predicted.
        """
        self._change(stem, state="running")
        try:
            done = job()
        except SceneError as error:
            self._change(stem, state="failed", error=str(error))
            if len(self.states) == 1:
                raise
            print(f"failed:  {error}", flush=True)
            return
        seconds = f"in {done.facts['seconds']} s" if done.fresh else "stood already"
        print(f"done:    {', '.join(path.name for path in done.files)} {seconds}", flush=True)
        self._change(stem, state="done", files=[path.name for path in done.files])

    def files(self) -> dict[str, list[Path]]:
        """The files of every scene that is done."""
        done = {stem: state for stem, state in self.states.items() if state["state"] == "done"}
        return {stem: [self.path.with_name(name) for name in state["files"]] for stem, state in done.items()}

    def require_all(self) -> None:
        """Refuse to call it a success while a scene failed.

        Raises:
            SceneError: Names the scenes that failed.
        """
        failed = [state["scene"] for state in self.states.values() if state["state"] == "failed"]
        if failed:
            raise SceneError(
                f"{len(failed)} of {len(self.states)} scenes failed ({', '.join(failed[:3])})",
                remedy=f"{self.path} has the reasons; the same command again predicts only these",
            )

    def _change(self, stem: str, **state: Any) -> None:
        self.states[stem] = {"scene": self.states[stem]["scene"], **state}
        self._write()

    def _write(self) -> None:
        with lock_of(self.path.parent, FILE):
            replace_file(self.path, json.dumps(self._others() | self.states, indent=2) + "\n")

    def _others(self) -> dict[str, dict[str, Any]]:
        """States of the scenes of other predictions.

        Raises:
            SceneError: The file is not what a prediction writes.
        """
        if not self.path.is_file():
            return {}
        try:
            states = json.loads(self.path.read_text(encoding="utf-8"))
            return {stem: dict(state) for stem, state in states.items()}
        except (ValueError, AttributeError, TypeError) as error:
            found = f"{self.path} was not written by a prediction"
            raise SceneError(found, "a folder for maps", "Choose another -P output_dir") from error
