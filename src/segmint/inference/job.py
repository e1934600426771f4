"""One scene from its address to the files that are left of it.

Example:
    >>> job = Job(request, files, backend)
    >>> done = job.run("scene.tif", Path("output"), "scene")
    >>> [path.name for path in done.files]
    ['scene_classes.tif', 'scene.json']
"""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import rasterio

from segmint import __version__
from segmint.errors import ModelError
from segmint.files import replace_file
from segmint.inference.backend import Backend
from segmint.inference.maps import MapInWork
from segmint.inference.models import ModelFiles
from segmint.inference.pipeline import run
from segmint.inference.progress import Progress
from segmint.inference.request import Request
from segmint.inference.scene import Scene
from segmint.inference.symmetry import symmetric
from segmint.inference.work import identity, workplace

_DECIDING = (
    "stride",
    "bands",
    "resample",
    "threshold",
    "tta",
    "probabilities",
    "polygons",
    "simplify_m",
    "min_area_m2",
)
"""Parameters that change what is written."""


@dataclass(frozen=True)
class Done:
    """A predicted scene.

    Attributes:
        files: What was written; the last is the metadata.
        facts: The content of the metadata.
        fresh: False where the files stood already, of the same scene, model and parameters.
    """

    files: tuple[Path, ...]
    facts: dict[str, Any]
    fresh: bool


class Job:
    """Predicts scenes with one model and one set of parameters.

    Args:
        request: What was asked for.
        files: The model.
        backend: The model, ready to answer.

    Raises:
        ModelError: A stride larger than the model's windows.
    """

    def __init__(self, request: Request, files: ModelFiles, backend: Backend) -> None:
        self.request, self.files, self.backend = request, files, backend
        contract = files.contract
        self.stride = request.stride or contract.stride
        if self.stride > min(contract.height, contract.width):
            raise ModelError(
                f"stride {self.stride} leaves gaps", f"at most the tile, {min(contract.height, contract.width)}"
            )
        self.predict = symmetric(backend.predict) if request.tta else backend.predict
        self.model = {
            "name": contract.name,
            "address": files.address,
            **files.facts,
            "file": files.forms[backend.form].name,
            "sha256": files.digest(backend.form),
            "created": contract.created,
            "dataset": contract.dataset.digest,
        }

    def run(self, address: str, output: Path, stem: str) -> Done:
        """Predict a scene into ``output``, or leave what stands there of the same scene, model and parameters.

        Raises:
            SceneError: The scene does not suit the model, or cannot be read.
        """
        request, contract = self.request, self.files.contract
        started = time.perf_counter()
        with Scene.open(address, contract, request.band_list, request.resample) as scene:
            deciding = {key: value for key, value in request.parameters().items() if key in _DECIDING}
            deciding["stride"] = self.stride
            grid = {"crs": str(scene.crs), "transform": tuple(scene.transform)[:6], "size": (scene.height, scene.width)}
            digest = identity(address, grid, {"sha256": self.model["sha256"]}, deciding)
            facts_path = output / f"{stem}.json"
            if (done := _standing(facts_path, digest)) is not None:
                return done
            facts_path.unlink(missing_ok=True)
            with workplace(output, stem, digest, request.resume) as folder:
                work = MapInWork.begin(
                    folder,
                    contract,
                    (scene.crs, scene.transform, scene.width),
                    request.probabilities,
                    request.threshold,
                )
                resumed = work.rows
                print(f"scene:   {address}, {scene.width} x {scene.height} px, bands {_listed(scene)}", flush=True)
                if resumed:
                    print(f"resume:  {resumed} of {scene.height} rows stand already", flush=True)
                with Progress(stem, scene.height, scene.width, resumed) as progress:
                    run(scene, self.predict, contract, self.stride, request.batch_size, work, progress)
                written = work.publish(output, stem, self._tags(digest))
                facts = {
                    "scene": {"address": address, **grid, "bands": scene.bands.indexes, "chosen": scene.bands.reason},
                    "model": self.model,
                    "parameters": {**request.parameters(), "stride": self.stride, "threshold": work.threshold},
                    "backend": {"runtime": self.backend.runtime, "device": self.backend.device},
                    "software": {"segmint": __version__, "rasterio": rasterio.__version__, "numpy": installed("numpy")},
                    "files": [path.name for path in written],
                    "seconds": round(time.perf_counter() - started, 2),
                    "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "identity": digest,
                }
                replace_file(facts_path, json.dumps(facts, indent=2, default=str) + "\n")
        return Done((*written, facts_path), facts, fresh=True)

    def _tags(self, digest: str) -> dict[str, str]:
        known = {
            key: str(value) for key, value in self.model.items() if key in ("name", "address", "version", "sha256")
        }
        return {**{f"model_{key}": value for key, value in known.items()}, "prediction": digest}


def _listed(scene: Scene) -> str:
    return f"{', '.join(str(index) for index in scene.bands.indexes)} ({scene.bands.reason})"


def _standing(facts_path: Path, digest: str) -> Done | None:
    """What an earlier prediction of the same identity left, if all of it stands."""
    if not facts_path.is_file():
        return None
    facts = json.loads(facts_path.read_text(encoding="utf-8"))
    files = tuple(facts_path.with_name(name) for name in facts.get("files", ()))
    whole = facts.get("identity") == digest and all(path.is_file() for path in files)
    return Done((*files, facts_path), facts, fresh=False) if whole else None
