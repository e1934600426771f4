"""Where the files of a run lie: staged as in the run's artifacts, then published flat, all at once.

Example:
    >>> staging = Staging.empty(Path(".segmint/runs/3f2a/staging"))
    >>> staging["best_model.onnx"]
    PosixPath('.segmint/runs/3f2a/staging/models/best_model.onnx')
    >>> publish(staging, Path("meta"))
"""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from segmint.errors import ExportError
from segmint.export import dlpk
from segmint.export.stac import flat
from segmint.layout import ARTIFACT_FOLDERS, FILES, FORMS

_KEPT = (".gitkeep", ".gitignore")
_PACKAGE = ".dlpk"  # of any name: stac2esri writes it there; the next model's run drops it with the other files


@dataclass(frozen=True)
class Staging:
    """A folder of one run that mirrors its artifacts.

    Attributes:
        root: The folder.
    """

    root: Path

    @classmethod
    def empty(cls, root: Path) -> "Staging":
        """Make the folder, without what an earlier attempt left in it."""
        shutil.rmtree(root, ignore_errors=True)
        return cls(root).made()

    def made(self) -> "Staging":
        """The same, with every folder there."""
        for folder in {*ARTIFACT_FOLDERS.values(), "datasets", "source", "checkpoints"}:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        return self

    def take(self, output: Path) -> None:
        """Copy in what a published folder holds."""
        for name in ARTIFACT_FOLDERS:
            if (output / name).is_file():
                shutil.copy2(output / name, self[name])
        for name in FORMS:
            if (output / name).is_dir():
                self.form(name).made().take(output / name)

    def __getitem__(self, name: str) -> Path:
        """Path of a file by its published name."""
        return self.root / ARTIFACT_FOLDERS[name] / name

    def form(self, name: str) -> "Staging":
        """Where another form of the model is staged; its folder exists only where there is one."""
        return Staging(self.root / name)

    @property
    def forms(self) -> dict[str, "Staging"]:
        """The other forms that are staged."""
        return {name: self.form(name) for name in FORMS if self.form(name).root.is_dir()}

    @property
    def present(self) -> tuple[str, ...]:
        """Published names of the files that are staged."""
        return tuple(name for name in ARTIFACT_FOLDERS if self[name].is_file())

    def add_sources(self, project: Path, checkpoints: Path) -> None:
        """Add what a run holds beside the exports: checkpoint, requirements, training code, parts of the Esri package.

        ``model.emd`` names its model and its script as files beside itself.
        """
        shutil.copy2(checkpoints / "best.ckpt", self.root / "checkpoints" / "best.ckpt")
        for source in ("requirements.txt", "src/train.py"):
            shutil.copy2(project / source, self.root / "source")
        (self.root / "esri" / dlpk.FUNCTION_FILE).write_text(dlpk.function_source(), encoding="utf-8")
        shutil.copy2(self["best_model.pt"], self.root / "esri")


def require_publishable(output: Path) -> None:
    """Refuse an output folder that holds anything else, since publishing replaces the folder.

    Raises:
        ExportError: Names the foreign files.
    """
    if output.exists() and not output.is_dir():
        raise ExportError(f"output_dir: {output} is a file", "a folder", "Choose another -P output_dir")
    known = {*ARTIFACT_FOLDERS, *_KEPT, *FORMS}
    names = {path.name for path in output.glob("*") if path.suffix != _PACKAGE} if output.is_dir() else set()
    foreign = sorted(names - known)
    if foreign:
        raise ExportError(
            f"output_dir: {output} holds {', '.join(foreign[:3])}",
            "an empty folder or one that a run filled",
            "Choose another -P output_dir, its content would be replaced",
        )


def publish(staging: Staging, output: Path, names: Iterable[str] = FILES) -> None:
    """Copy beside the output folder, then swap folders under a lock, so that two runs never mix."""
    output = output.resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    run_folder = staging.root.parent
    beside = output.with_name(f".{output.name}.{run_folder.name}.part")
    replaced = output.with_name(f".{output.name}.{run_folder.name}.old")
    with FileLock(run_folder.parent / f"publish-{output.name}.lock"):
        for leftover in (beside, replaced):
            shutil.rmtree(leftover, ignore_errors=True)
        _copy(staging, names, beside)
        for name, form in staging.forms.items():
            _copy(form, form.present, beside / name)
        for name in _KEPT:
            if (output / name).is_file():
                shutil.copy2(output / name, beside / name)
        if output.exists():
            output.rename(replaced)
        beside.rename(output)
        shutil.rmtree(replaced, ignore_errors=True)


def _copy(staging: Staging, names: Iterable[str], output: Path) -> None:
    """Copy flat; the links of the STAC item lead to the files beside it."""
    output.mkdir()
    for name in names:
        shutil.copy2(staging[name], output / name)
    item = output / "stac_item.json"
    item.write_text(
        json.dumps(flat(json.loads(item.read_text(encoding="utf-8")), output), indent=2) + "\n", encoding="utf-8"
    )
