"""The files of one finished model, whichever way they lie.

A folder holds them flat, as ``meta/`` does, or as the artifacts of a run. A single file is held against the contract
that it carries, or that lies beside it, and the sample beside it.

Example:
    >>> bundle = Bundle.of(Path("meta/best_model.onnx"))
    >>> sorted(bundle.files)
    ['best_model.onnx', 'contract.json', 'parity_sample.npz']
"""

from dataclasses import dataclass
from pathlib import Path

from segmint.contract import ModelContract
from segmint.errors import ModelError
from segmint.export.formats import FORMATS
from segmint.inference.models import FORMS as ENDINGS
from segmint.inference.models import carried
from segmint.layout import ARTIFACT_FOLDERS, FORMS

CONTRACT, SAMPLE, ITEM = "contract.json", "parity_sample.npz", "stac_item.json"
PACKAGE, DEFINITION, CARD, PROOFS = "best_model.dlpk", "model.emd", "model_card.md", "parity.json"

_BY_ENDING = {ending: FORMATS[form].FILE for ending, form in ENDINGS.items()} | {".dlpk": PACKAGE, ".emd": DEFINITION}


@dataclass(frozen=True)
class Bundle:
    """A finished model on this machine.

    Attributes:
        place: Folder or file that was named.
        files: Published name -> file; a single file of another name stands under the published one.
    """

    place: Path
    files: dict[str, Path]

    @classmethod
    def of(cls, place: Path) -> "Bundle":
        """Look what is there.

        Raises:
            ModelError: Nothing of a model is there.
        """
        files = _in_folder(place) if place.is_dir() else _file(place)
        if not files:
            raise ModelError(
                f"there is no model at {place}",
                "a folder such as meta, one of its files, runs:/id or models:/name@alias",
                "Check the spelling, or train one",
            )
        return cls(place, files)

    @property
    def forms(self) -> "dict[str, Bundle]":
        """Other forms of the model that lie below."""
        return {name: Bundle.of(self.place / name) for name in FORMS if (self.place / name).is_dir()}

    def contract(self) -> ModelContract:
        """The contract beside the files, or inside one of them.

        Raises:
            ContractError: There is none, or it cannot be used.
        """
        if CONTRACT in self.files:
            return ModelContract.read(self.files[CONTRACT])
        for path in self.files.values():
            text = carried(path) if path.suffix in ENDINGS else None
            if text is not None:
                return ModelContract.parse(text, str(path))
        return ModelContract.read(self.place / CONTRACT if self.place.is_dir() else beside(self.place, CONTRACT))


def _in_folder(folder: Path) -> dict[str, Path]:
    places = {name: (folder / name, folder / ARTIFACT_FOLDERS[name] / name) for name in ARTIFACT_FOLDERS}
    return {name: path for name, paths in places.items() for path in paths[::-1] if path.is_file()}


def _file(path: Path) -> dict[str, Path]:
    name = path.name if path.name in ARTIFACT_FOLDERS else _BY_ENDING.get(path.suffix)
    if name is None or not path.is_file():
        return {}
    near = {side: other for side in (CONTRACT, SAMPLE) if (other := beside(path, side)).is_file()}
    return near | {name: path}


def beside(path: Path, name: str) -> Path:
    """Where a metadata file lies for a file: in its folder, or in the metadata of the same run."""
    flat, run = path.with_name(name), path.parent.parent / "metadata" / name
    return run if run.is_file() and not flat.is_file() else flat
