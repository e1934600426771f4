"""A model, wherever it stands: its contract, its files, and what it is called in metadata.

An address is a registered model (``models:/name@alias``, ``models:/name/1``), a run (``runs:/id``), a folder such as
``meta/``, or one exported file. ONNX, TorchScript and ``.pt2`` carry their contract inside; a ``.pth`` needs the
``contract.json`` beside it; an Esri package holds a TorchScript file.

Example:
    >>> with find_model("meta") as files:
    ...     files.contract.name, sorted(files.forms)
    ('refugee-camp', ['onnx', 'torchscript'])
"""

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from segmint import layout
from segmint.contract import ModelContract
from segmint.errors import ContractError, ModelError
from segmint.inference.asked import Fitted

FORMS = {".onnx": "onnx", ".pt": "torchscript", ".pt2": "pt2", ".pth": "pth"}
"""File ending -> format."""

_CONTRACT = "contract.json"


@dataclass(frozen=True)
class ModelFiles:
    """A model on this machine.

    Attributes:
        address: As it was given.
        contract: What it is.
        forms: Format -> file; all of the same model.
        facts: What identifies it beyond the address: version, run, of a registered model.
    """

    address: str
    contract: ModelContract
    forms: dict[str, Path]
    facts: dict[str, str]

    def with_fit(self, fit: Fitted) -> Self:
        """The same model, asked as it was trained (``model``) or window by window (``tile``)."""
        return self if fit == "model" else replace(self, contract=self.contract.model_copy(update={"fit": fit}))

    def identity(self) -> str:
        """What all formats together are, whichever of them runs: they are proven equal."""
        return "-".join(self.digest(form) for form in sorted(self.forms))

    def digest(self, form: str) -> str:
        """SHA-256 of the file of a format."""
        with self.forms[form].open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def describe(self, form: str) -> dict[str, str]:
        """What identifies the model that runs as a format: name, address, version, digest, training data."""
        contract = self.contract
        return {
            "name": contract.name,
            "address": self.address,
            **self.facts,
            "file": self.forms[form].name,
            "sha256": self.digest(form),
            "created": contract.created,
            "dataset": contract.dataset.digest,
        }


def is_stored(address: str) -> bool:
    """Whether MLflow has it, not this machine's own folders."""
    return address.startswith(("models:", "runs:"))


@contextmanager
def find_model(address: str) -> Iterator[ModelFiles]:
    """Find the files of a model; what had to be downloaded or unpacked is removed at the end.

    Raises:
        ModelError: There is no model at the address, or it is another form than that of one raster as stored.
        ContractError: It has no contract, or one that cannot be used.
        TrackingError: The registry cannot be reached or does not have it.
    """
    with tempfile.TemporaryDirectory(prefix="segmint-model-") as scratch:
        facts: dict[str, str] = {}
        if is_stored(address):
            from segmint.registry.download import download

            place, facts = download(address, Path(scratch))
        else:
            place = Path(address)
        if place.suffix == ".dlpk" and place.is_file():
            place = _unpacked(place, Path(scratch))
        contract, forms = _folder(place) if place.is_dir() else _file(place)
        if len(contract.inputs) > 1:
            names = ", ".join(item.name for item in contract.inputs)
            raise ModelError(f"{address} takes {names}", "a model of one raster", "Use its packed form")
        if contract.input.divisor != 1:
            divided = f"{address} takes values divided by {contract.input.divisor:g}"
            raise ModelError(divided, "a model of stored values", "Use the one in the folder above")
        yield ModelFiles(address, contract, forms, facts)


def _folder(folder: Path) -> tuple[ModelContract, dict[str, Path]]:
    """The contract of a folder and every format in it, also one level down as the registry lays them out."""
    contracts = sorted([folder / _CONTRACT, *folder.glob(f"*/{_CONTRACT}")], key=lambda path: len(path.parts))
    others = {folder / name for name in layout.FORMS}
    found = next((path for path in contracts if path.is_file() and path.parent not in others), None)
    files = [path for path in sorted([*folder.glob("*"), *folder.glob("*/*")]) if path.parent not in others]
    forms: dict[str, Path] = {}
    for path in files:
        form = FORMS.get(path.suffix) if path.name not in layout.REDUCED_FILES else None
        if form and forms.setdefault(form, path) != path:
            names = f"{forms[form].relative_to(folder)} and {path.relative_to(folder)}"
            raise ModelError(f"{folder}/ has {names}", "one model", "Name one of them")
    if not forms:
        ending = ", ".join(FORMS)
        raise ModelError(f"{folder}/ has no model", f"a file that ends with {ending}", "Train one, or name its folder")
    if found is not None:
        return ModelContract.read(found), forms
    if len(forms) > 1:
        raise ContractError(f"{folder}/ has no {_CONTRACT}", remedy="Name one of its files")
    return _file(next(iter(forms.values())))


def _file(path: Path) -> tuple[ModelContract, dict[str, Path]]:
    if not path.is_file():
        known = ", ".join([*FORMS, ".dlpk"])
        raise ModelError(
            f"there is no model {path}",
            f"models:/name@alias, runs:/id, a folder or a file ({known})",
            "Check the spelling, or train one",
        )
    if path.suffix not in FORMS:
        raise ModelError(f"{path} is no model", f"a file that ends with {', '.join([*FORMS, '.dlpk'])}")
    form = FORMS[path.suffix]
    beside = path.parent / _CONTRACT
    text = carried(path)
    if text is None:
        if not beside.is_file():
            raise ContractError(f"{path} carries no contract", f"a {_CONTRACT} beside it", "Export the model again")
        return ModelContract.read(beside), {form: path}
    return ModelContract.parse(text, str(path)), {form: path}


def carried(path: Path) -> str | None:
    """Text of the contract that travels inside a model file; a ``.pth`` carries none.

    Raises:
        ModelError: The file cannot be opened.
    """
    match FORMS[path.suffix]:
        case "pth":
            return None
        case "onnx":
            return _in_onnx(path)
        case _:
            return _in_zip(path)


def _in_onnx(path: Path) -> str | None:
    """The contract among the metadata, whose values are JSON."""
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base of their own
        raise ModelError(f"{path} cannot be opened ({str(error).splitlines()[0]})", "an ONNX file") from error
    text: str | None = session.get_modelmeta().custom_metadata_map.get("contract")
    return text


def _in_zip(path: Path) -> str | None:
    """The contract among the extra files of what torch saves, which is a zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [name for name in archive.namelist() if name.endswith(f"extra/{_CONTRACT}")]
            return archive.read(inside[0]).decode() if inside else None
    except zipfile.BadZipFile as error:
        raise ModelError(f"{path} cannot be opened ({error})", "a file that torch saved") from error


def _unpacked(package: Path, scratch: Path) -> Path:
    """The TorchScript file of an Esri package."""
    from segmint.export.dlpk import unpack

    folder = scratch / "package"
    folder.mkdir()
    definition: dict[str, Any] = json.loads(unpack(package, folder).read_text(encoding="utf-8"))
    return folder / str(definition["ModelFile"])
