"""One scene from its address to the files that are left of it.

Example:
    >>> job = Job(request, files)
    >>> done = job.run("scene.tif", Path("output"), "scene")
    >>> [path.name for path in done.files]
    ['scene_classes.tif', 'scene_overlay.png', 'scene_prediction.json']
"""

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import rasterio

from segmint import __version__
from segmint.contract import ModelContract
from segmint.errors import SceneError
from segmint.files import replace_file
from segmint.inference.backend import Backend, choose, require_form
from segmint.inference.maps import Foreground, MapInWork
from segmint.inference.models import ModelFiles
from segmint.inference.pipeline import run
from segmint.inference.polygons import Outlines, trace, write
from segmint.inference.progress import Progress
from segmint.inference.quicklook import QuickLook
from segmint.inference.request import Request
from segmint.inference.scene import Scene
from segmint.inference.symmetry import symmetric
from segmint.inference.whole import scale_of
from segmint.inference.windows import require_stride
from segmint.inference.work import identity, workplace

_DECIDING = (
    "fit",
    "stride",
    "bands",
    "resample",
    "nodata",
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

    Raises:
        ModelError: A stride larger than the model's windows, or a runtime that opens no file of the model.
    """

    def __init__(self, request: Request, files: ModelFiles) -> None:
        self.request, self.files = request, files
        self.stride = request.stride or files.contract.stride
        require_stride(self.stride, files.contract)
        require_form(files, request.backend)

    @cached_property
    def backend(self) -> Backend:
        """The model, ready to answer: runtimes are timed once a scene has passed every check."""
        chosen = choose(self.files, self.request.backend)
        print(f"backend: {chosen.sentence()}", flush=True)
        return chosen

    @cached_property
    def model(self) -> dict[str, str]:
        """What identifies the model that answers."""
        return self.files.describe(self.backend.form)

    def run(self, address: str, output: Path, stem: str) -> Done:
        """Predict a scene into ``output``, or leave what stands there of the same scene, model and parameters.

        Raises:
            SceneError: The scene does not suit the model, or cannot be read.
        """
        request, contract = self.request, self.files.contract
        with Scene.open(address, contract, **request.reading) as scene:
            if request.polygons != "none" and scene.ground is None:
                raise SceneError(f"{scene.name} has no georeference", "one, for polygons", "Leave -P polygons away")
            deciding = {key: value for key, value in request.parameters().items() if key in _DECIDING}
            digest = identity(address, scene.grid(), self.files.identity(), deciding | {"stride": self.stride})
            metadata = output / f"{stem}_prediction.json"
            earlier = _earlier(metadata)
            if earlier is not None and earlier.facts["identity"] == digest and all(p.is_file() for p in earlier.files):
                return earlier
            print(f"scene:   {scene.sentence()}", flush=True)
            if contract.fit != "tile":
                print(f"fit:     {scale_of(contract, scene.height, scene.width)}", flush=True)
            for hint in scene.hints:
                print(f"note:    {hint}", flush=True)
            predict = symmetric(self.backend.predict) if request.tta else self.backend.predict
            started = time.perf_counter()
            with workplace(output, stem, digest, request.resume) as folder:
                grid = scene.crs, scene.transform, scene.width
                work = MapInWork.begin(folder, contract, grid, request.probabilities, request.threshold)
                if work.rows:
                    print(f"resume:  {work.rows} of {scene.height} rows stand already", flush=True)
                look = QuickLook(scene, contract.input)
                with Progress(stem, scene.height, scene.width, work.rows) as progress:
                    run(look, predict, contract, self.stride, request.batch_size, work, progress)
                found = work.found()
                print(f"found:   {_sentence(found, contract)}", flush=True)
                made, polygons = self._made(folder, work, look, scene, digest)
                metadata.unlink(missing_ok=True)
                files = tuple(_moved(path, output / f"{stem}_{path.name}") for path in made)
            facts = {
                "scene": {"address": scene.name, **scene.grid(), "bands": scene.bands.indexes},
                "model": self.model,
                "foreground": {"classes": contract.class_names[1:], **asdict(found)},
                **({} if polygons is None else {"polygons": polygons.summary()}),
                "parameters": {**request.parameters(), "stride": self.stride, "threshold": work.threshold},
                "backend": {"runtime": self.backend.runtime, "device": self.backend.device, "why": self.backend.reason},
                "software": {
                    "segmint": __version__,
                    "rasterio": rasterio.__version__,
                    "gdal": rasterio.__gdal_version__,
                },
                "files": [path.name for path in files],
                "seconds": round(time.perf_counter() - started, 2),
                "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "identity": digest,
            }
            replace_file(metadata, json.dumps(facts, indent=2) + "\n")
            for stale in set(earlier.files if earlier else ()) - {*files, metadata}:
                stale.unlink(missing_ok=True)  # polygons of another map than the one that now stands beside them
        return Done((*files, metadata), facts, fresh=True)

    def _made(
        self, folder: Path, work: MapInWork, look: QuickLook, scene: Scene, digest: str
    ) -> tuple[list[Path], Outlines | None]:
        """Everything that a finished map becomes, still in the folder of work, and the polygons that were asked for."""
        request, contract = self.request, self.files.contract
        made, outlines = work.optimised(self._tags(digest)), None
        if request.polygons != "none" and scene.ground is not None:
            made.append(folder / f"polygons.{request.polygons}")
            with rasterio.open(made[0]) as classes:
                certainty, names = work.certainty_of, contract.class_names
                outlines = trace(classes, scene.ground, certainty, names, request.simplify_m, request.min_area_m2)
            write(outlines, made[-1])
        made.append(folder / "overlay.png")
        look.write(work.classes, contract.output.classes, made[-1])
        return made, outlines

    def _tags(self, digest: str) -> dict[str, str]:
        known = {
            key: str(value) for key, value in self.model.items() if key in ("name", "address", "version", "sha256")
        }
        return {**{f"model_{key}": value for key, value in known.items()}, "prediction": digest}


def _sentence(found: Foreground, contract: ModelContract) -> str:
    """What was found, for the person."""
    names = ", ".join(contract.class_names[1:])
    return f"{'' if found.detected else 'no '}{names}, confidence {found.confidence:.3f}"


def _moved(path: Path, target: Path) -> Path:
    """Rename, with what GDAL keeps beside it: GeoTIFF has no place for class names."""
    beside = Path(f"{path}.aux.xml")
    if beside.is_file():
        beside.replace(f"{target}.aux.xml")
    return path.replace(target)


def _earlier(metadata: Path) -> Done | None:
    """What an earlier prediction of the scene left.

    Raises:
        SceneError: The file is not what a prediction writes.
    """
    if not metadata.is_file():
        return None
    try:
        facts = json.loads(metadata.read_text(encoding="utf-8"))
        files = tuple(metadata.with_name(Path(name).name) for name in facts["files"])
        return Done((*files, metadata), {"identity": None, **facts}, fresh=False)
    except (ValueError, KeyError, TypeError) as error:
        found = f"{metadata} was not written by a prediction"
        raise SceneError(found, "a folder for maps", "Choose another -P output_dir") from error
