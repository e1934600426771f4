"""``unit/best_model.onnx``: for tools that divide pixels by 255, read no standardisation and take the largest channel.

GeoDeep is one of them. The form has a contract and a STAC item of its own, since its interface differs: stored values
over 255 go in, a channel per class comes out, and the largest of them is the class that the model's own threshold gives
(:class:`~segmint.models.deployed.DeployedUnit`). Its proof uses the chips and answers of the model's.

Example:
    >>> unit.write(model, contract, sample, staging.form(unit.FORM))
    >>> proofs = unit.prove_all(staging.form(unit.FORM))
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segmint.contract import ModelContract
from segmint.errors import ExportError
from segmint.export import onnx
from segmint.export.parity import ParitySample, prove
from segmint.export.publication import Staging
from segmint.export.runtime import Exportable
from segmint.export.tolerance import Proof
from segmint.layout import UNIT
from segmint.models.deployed import DeployedModel, DeployedUnit

FORM = UNIT
NAME = "onnx_unit"

_DIVISOR = 255.0


def write(model: DeployedModel, contract: ModelContract, sample: ParitySample, staging: Staging) -> None:
    """Write contract, sample and ONNX file.

    Raises:
        ExportError: The model takes anything else than 3 bands of 8 bits, which is all that such tools read.
    """
    source = contract.input
    if (len(source.bands), source.source_dtype) != (3, "uint8"):
        raise ExportError(
            f"{NAME}: {contract.name} takes {len(source.bands)} bands of {source.source_dtype}",
            "3 bands of uint8, as tools that always divide by 255 read them",
            f"Use {onnx.FILE}, which takes values as they are stored",
        )
    digest = centred(sample, contract).write(staging["parity_sample.npz"])
    described = describe(contract).model_copy(update={"parity_sample": digest})
    described.write(staging["contract.json"])
    onnx.write(Exportable(DeployedUnit(model, contract).eval(), described), staging[onnx.FILE])


def prove_all(staging: Staging) -> list[Proof]:
    """Reopen the file, feed it stored values over 255, and compare it with the sample."""
    contract = ModelContract.read(staging["contract.json"])
    sample = ParitySample.read(staging["parity_sample.npz"])
    return [replace(prove(NAME, onnx, staging[onnx.FILE], sample, contract), file=f"{FORM}/{onnx.FILE}")]


def describe(contract: ModelContract) -> ModelContract:
    """The contract of the unit form: divided values, a channel per class, no threshold but the largest.

    Neighbouring tiles overlap by half at least, since such tools cut them hard: no kept pixel then lies closer to the
    border of its tile than a quarter of it.
    """
    text = f"Stored {contract.input.source_dtype} values divided by {_DIVISOR:g} (0 to 1), float32"
    source = contract.input.model_copy(update={"divisor": _DIVISOR, "description": text})
    output = contract.output.model_copy(update={"activation": "softmax", "threshold": 0.5})
    stride = min(contract.stride, min(contract.height, contract.width) // 2)
    return contract.model_copy(update={"inputs": (source,), "output": output, "stride": stride, "parity_sample": None})


def centred(sample: ParitySample, contract: ModelContract) -> ParitySample:
    """The chips of the model's sample with what the unit form answers."""
    return ParitySample(sample.chips, answers(sample.probabilities, contract), sample.stems)


def answers(probabilities: NDArray[np.float32], contract: ModelContract) -> NDArray[np.float32]:
    """What the unit form answers, ``[N, classes, H, W]``, where the model answers ``[N, K, H, W]``."""
    if contract.output.activation == "softmax":
        return probabilities
    odds = contract.output.threshold / (1 - contract.output.threshold)
    chance = probabilities.astype(np.float64)
    foreground = chance / (chance + (1 - chance) * odds)
    return np.concatenate([1 - foreground, foreground], axis=1).astype(np.float32)
