"""A trained model that can be exported again: its module with its weights, its contract, the sample of its proof.

The weights come from a state dict, a ``torch.export`` program, a training checkpoint, a run or a registered version;
ONNX, TorchScript and Esri packages are where they go.

Example:
    >>> with open_source("runs:/3f2a") as source:
    ...     source.contract.name, source.origin
    ('refugee-camp', 'best_model.pth')
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from segmint.contract import ModelContract
from segmint.errors import ModelError
from segmint.export import parity, weights
from segmint.export.parity import ParitySample
from segmint.layout import ARTIFACT_FOLDERS
from segmint.models.deployed import DeployedModel

_REMEDY = "Name a folder with best_model.pth, a .pth, .pt2 or .ckpt file, runs:/id or models:/name@alias"


@dataclass(frozen=True)
class Source:
    """A trained model.

    Attributes:
        model: With its weights, in evaluation mode.
        contract: What it is.
        files: Published name -> what else lies with it: contract, sample, card, report, pictures.
        origin: Name of the file that the weights come from.
    """

    model: DeployedModel
    contract: ModelContract
    files: dict[str, Path]
    origin: str

    @property
    def sample(self) -> ParitySample:
        """Raw chips and the trained network's answers."""
        return ParitySample.read(self.files["parity_sample.npz"])


@contextmanager
def open_source(address: str) -> Iterator[Source]:
    """Find and rebuild a model; what had to be downloaded is removed at the end.

    Args:
        address: A folder, a ``.pth``, ``.pt2`` or ``.ckpt`` file, ``runs:/id`` or ``models:/name@alias``.

    Raises:
        ModelError: There are no weights at the address, or they do not fit the contract.
        ContractError: It has no contract, or one that cannot be used.
        ParityError: The sample of its proof is not there or not the contract's.
        TrackingError: The store cannot be reached or does not have it.
    """
    with tempfile.TemporaryDirectory(prefix="segmint-model-") as scratch:
        file, folder = _located(address, Path(scratch))
        files = _others(folder)
        contract = ModelContract.read(files.get("contract.json", folder / "contract.json"))
        if len(contract.inputs) > 1:
            raise ModelError(f"{address} is a series form", "its packed form", "Name the folder above: it makes both")
        if contract.input.divisor != 1:
            raise ModelError(f"{address} is a unit form", "the model itself", "Name the folder above: it makes both")
        parity.require_sample(files.get("parity_sample.npz", folder / "parity_sample.npz"), contract)
        yield Source(_rebuilt(contract, file), contract, files, file.name)


def _located(address: str, scratch: Path) -> tuple[Path, Path]:
    """The file with the weights, and the folder with everything else."""
    if address.startswith(("models:", "runs:")):
        from segmint.registry.download import download, download_run

        if address.startswith("runs:"):
            return _state_dict(download_run(address.removeprefix("runs:").strip("/"), scratch)), scratch
        version, facts = download(address, scratch / "version")
        return version / "data" / "model.pt2", download_run(facts["run_id"], scratch / "run")
    place = Path(address)
    if place.is_dir():
        return _state_dict(place), place
    if not place.is_file() or place.suffix not in (".pth", ".pt2", ".ckpt"):
        raise ModelError(f"{address} has no weights to export from", "weights", _REMEDY)
    if (place.parent / "contract.json").is_file():
        return place, place.parent
    run = place.parent.parent
    if (run / "metadata" / "contract.json").is_file():
        return place, run
    if place.suffix == ".ckpt":  # .segmint/runs/<run id>/checkpoints/best.ckpt
        from segmint.registry.download import download_run

        return place, download_run(run.name, scratch)
    return place, place.parent


def _state_dict(folder: Path) -> Path:
    for path in (folder / weights.FILE, folder / ARTIFACT_FOLDERS[weights.FILE] / weights.FILE):
        if path.is_file():
            return path
    raise ModelError(f"{folder}/ has no {weights.FILE}", "weights to export from", _REMEDY)


def _others(folder: Path) -> dict[str, Path]:
    """Published files that are not formats, flat or as the artifacts of a run."""
    kept = {name: group for name, group in ARTIFACT_FOLDERS.items() if group not in ("models", "esri")}
    places = {name: (folder / group / name, folder / name) for name, group in kept.items()}
    return {name: path for name, pair in places.items() for path in pair if path.is_file()}


def _rebuilt(contract: ModelContract, file: Path) -> DeployedModel:
    model = DeployedModel.from_contract(contract)
    try:
        match file.suffix:
            case ".ckpt":
                state = torch.load(file, map_location="cpu", weights_only=True)["state_dict"]
                prefix = "network."
                network = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
                model.network.load_state_dict(network)
            case ".pt2":
                model.load_state_dict(torch.export.load(str(file)).state_dict)
            case _:
                model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except Exception as error:  # torch, pickle and zip each raise their own at a damaged file
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{file.name}: {reason}", "weights that fit the contract", _REMEDY) from error
    return model.eval()
