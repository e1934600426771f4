"""The other form of a spread model: a fire's history as tensors of their own, of any length up to the longest.

The packed raster is what is registered, served and put into the Esri package, for consumers of one raster. This form is
for those that hold a fire as a series. Its proof uses the packed form's chips and answers: every format gives the same
probabilities from whole histories with their padding, and from each history alone without it.

Example:
    >>> series.write(model, contract, sample, staging.form(series.FORM))
    >>> proofs = series.prove_all(staging.form(series.FORM))
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.export import onnx, program, torchscript, weights
from segmint.export.parity import ParitySample, prove
from segmint.export.publication import Staging
from segmint.export.runtime import Exportable, Format
from segmint.export.tolerance import Proof
from segmint.interface import Band, Input, Normalisation
from segmint.layout import SERIES
from segmint.models.deployed import DeployedModel, DeployedSeries
from segmint.models.history import PackedEmberFormer

FORM = SERIES
FORMATS: dict[str, Format] = {"pth": weights, "torchscript": torchscript, "onnx": onnx, "pt2": program}

_WIND = tuple(Band(name=name) for name in ("wind_speed", "wind_sin", "wind_cos"))


@dataclass(frozen=True)
class SeriesSample:
    """Histories and what the trained network answers.

    Attributes:
        fire: ``[N, T, H, W]``, 1 burned.
        wind: ``[N, T, 3]``: speed, sine and cosine of the direction.
        static: ``[N, S, H, W]`` the landscape as stored.
        valid_t: ``[N, T]``, 1 for a real step.
        probabilities: ``[N, 1, H, W]`` of the reference.
    """

    fire: NDArray[np.float32]
    wind: NDArray[np.float32]
    static: NDArray[np.float32]
    valid_t: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    @property
    def inputs(self) -> tuple[NDArray[np.float32], ...]:
        """In the order of the contract."""
        return self.fire, self.wind, self.static, self.valid_t

    @classmethod
    def of(cls, packed: ParitySample, contract: ModelContract) -> "SeriesSample":
        """Take packed rasters apart; the wind is that of the pixels whose last frame is known."""
        raw = packed.chips.astype(np.float32)
        steps = _steps(contract)
        absent = _raw_value(contract.normalisation.mean[2 * steps - 1], contract.normalisation)
        fire, speed, direction = raw[:, :steps], raw[:, steps : 2 * steps], np.radians(raw[:, 2 * steps : 3 * steps])
        known = np.isin(fire, (0, 1))
        last = known[:, -1:].astype(np.float32)
        share = last / np.maximum(last.sum(axis=(2, 3), keepdims=True), 1)
        parts = (np.where(np.isfinite(speed), speed, absent), np.sin(direction), np.cos(direction))
        wind = np.stack([(np.nan_to_num(part) * share).sum(axis=(2, 3)) for part in parts], axis=2)
        valid = known.any(axis=(2, 3)).astype(np.float32)
        return cls(fire, np.asarray(wind, np.float32), raw[:, 3 * steps :], np.asarray(valid), packed.probabilities)

    def alone(self) -> Iterator["SeriesSample"]:
        """Each history by itself, without its padding."""
        for row in range(len(self.fire)):
            start = int(np.argmax(self.valid_t[row] > 0))
            one = slice(row, row + 1)
            yield SeriesSample(
                self.fire[one, start:],
                self.wind[one, start:],
                self.static[one],
                self.valid_t[one, start:],
                self.probabilities[one],
            )

    def write(self, path: Path) -> str:
        """Write ``parity_sample.npz``, one array per input and the answers, and return its SHA-256."""
        np.savez_compressed(path, **{name: getattr(self, name) for name in self.__dataclass_fields__})
        return hashlib.sha256(path.read_bytes()).hexdigest()

    @classmethod
    def read(cls, path: Path) -> "SeriesSample":
        """Read ``parity_sample.npz``."""
        with np.load(path) as stored:
            return cls(**{name: stored[name] for name in stored.files})


def has_series(model: DeployedModel) -> bool:
    """Whether the network reads a history."""
    return isinstance(model.network, PackedEmberFormer)


def write(
    model: DeployedModel,
    contract: ModelContract,
    sample: ParitySample,
    staging: Staging,
    names: Iterable[str] = tuple(FORMATS),
) -> None:
    """Write contract, sample and formats of the series form."""
    assert isinstance(model.network, PackedEmberFormer)
    digest = SeriesSample.of(sample, contract).write(staging["parity_sample.npz"])
    described = describe(contract).model_copy(update={"parity_sample": digest})
    described.write(staging["contract.json"])
    form = Exportable(DeployedSeries(model.network.series, described).eval(), described)
    for name in names:
        FORMATS[name].write(form, staging[FORMATS[name].FILE])


def prove_all(staging: Staging) -> list[Proof]:
    """Reopen every format that is staged and compare it with the sample."""
    contract = ModelContract.read(staging["contract.json"])
    sample = SeriesSample.read(staging["parity_sample.npz"])
    staged = {name: kind for name, kind in FORMATS.items() if staging[kind.FILE].is_file()}
    return [prove_form(name, kind, staging[kind.FILE], sample, contract) for name, kind in staged.items()]


def prove_form(name: str, kind: Format, path: Path, sample: SeriesSample, contract: ModelContract) -> Proof:
    """Reopen a format; the larger difference of whole and of shortened histories counts."""
    parts = [prove(f"{FORM}_{name}", kind, path, part, contract) for part in _parts(sample)]
    return replace(
        parts[0],
        file=f"{FORM}/{kind.FILE}",
        max_abs=max(proof.max_abs or 0.0 for proof in parts),
        agreement=min(proof.agreement for proof in parts),
    )


def describe(contract: ModelContract) -> ModelContract:
    """The contract of the series form: the inputs ``fire``, ``wind``, ``static`` and ``valid_t``."""
    packed, norm, steps = contract.input, contract.normalisation, _steps(contract)
    newest, history = 2 * steps - 1, 3 * steps
    low, high = packed.bands[newest].value_range or packed.value_range
    # sine and cosine are what the network sees: the figures undo scale and offset
    as_it_is, unit = norm.offset, 1 / norm.scale
    wind = norm.model_copy(
        update={
            "derived": (),
            "mean": (norm.mean[newest], as_it_is, as_it_is),
            "std": (norm.std[newest], unit, unit),
        }
    )
    static = norm.model_copy(update={"mean": norm.mean[history:], "std": norm.std[history:]})
    inputs = (
        Input(
            name="fire",
            dimensions=("batch", "time", "height", "width"),
            steps=steps,
            source_dtype=packed.source_dtype,
            value_range=(0, 1),
            description="Frames so far, oldest first: 1 burned, anything else not",
        ),
        Input(
            name="wind",
            dimensions=("batch", "time", "bands"),
            bands=_WIND,
            steps=steps,
            source_dtype=packed.source_dtype,
            value_range=(min(low, -1.0), max(high, 1.0)),
            normalisation=wind,
            description="Of each frame's step: speed as stored, sine and cosine of the direction it blows from",
        ),
        Input(
            name="static",
            bands=packed.bands[history:],
            source_dtype=packed.source_dtype,
            value_range=packed.value_range,
            nodata=packed.nodata,
            normalisation=static,
            description="The landscape as stored; not-a-number where there is no value",
        ),
        Input(
            name="valid_t",
            dimensions=("batch", "time"),
            steps=steps,
            source_dtype=packed.source_dtype,
            value_range=(1, 1),
            description="1 for a real step, 0 for padding, which stands in front",
        ),
    )
    return contract.model_copy(update={"inputs": inputs, "parity_sample": None})


def _parts(sample: SeriesSample) -> Iterator[SeriesSample]:
    yield sample
    yield from sample.alone()


def _steps(contract: ModelContract) -> int:
    return sum(band.name.startswith("fire_t-") for band in contract.input.bands)


def _raw_value(scaled: float, normalisation: Normalisation) -> float:
    """The stored value that scales to ``scaled``."""
    return (scaled - normalisation.offset) * normalisation.scale
