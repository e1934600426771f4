"""A registered version against the run that it came from.

Example:
    >>> for outcome in checks(folder, bundle):
    ...     print(outcome.line())
    ok     version signature     image [-1, 3, 256, 256] to probabilities, a wrong number of bands is refused
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segmint.contract import ModelContract
from segmint.export import parity, tolerance
from segmint.export.parity import ParitySample
from segmint.export.runtime import Predict
from segmint.registry.inspection import LoadedVersion
from segmint.validation.bundle import CONTRACT, SAMPLE, Bundle
from segmint.validation.checks import Check, check, require


class _MLflow:
    """MLflow's loader as one more runtime, so that the proof is the same."""

    RUNTIME = "mlflow.pyfunc.load_model"

    def reopen(self, path: Path, contract: ModelContract) -> Predict:
        return LoadedVersion.of(path).answer


_AGAIN = "Register the model again from its run"


def checks(folder: Path, run: Bundle) -> Iterator[Check]:
    """What a version says and answers.

    Args:
        folder: The downloaded version; its contract lies in ``extra_files/``.
        run: The files of the run that made it; their sample is the truth.
    """
    contract_check = check("version contract", _contract, folder, run)
    yield contract_check
    if contract_check.passed:
        contract = ModelContract.read(folder / "extra_files" / CONTRACT)
        yield check("version signature", _signature, folder, contract)
        yield check("version answers", _answers, folder, run, contract)


def _contract(folder: Path, run: Bundle) -> str:
    mine, theirs = ModelContract.read(folder / "extra_files" / CONTRACT), run.contract()
    errors = [f"{key} differs" for key in ModelContract.model_fields if getattr(mine, key) != getattr(theirs, key)]
    require([f"contract of the version: {error}" for error in errors], "the contract of its run", _AGAIN)
    return "the contract of its run"


def _signature(folder: Path, contract: ModelContract) -> str:
    loaded, bands = LoadedVersion.of(folder), len(contract.input.bands)
    require(loaded.signature_errors(contract), "the signature that follows from the contract", _AGAIN)
    wrong = np.zeros((1, bands + 1, contract.height, contract.width), np.float32)
    require([] if loaded.refuses(wrong) else [f"{bands + 1} bands are accepted"], f"{bands} bands alone", _AGAIN)
    return f"{contract.input.name} {list(contract.shape(contract.input))} to {contract.output.name}, others are refused"


def _answers(folder: Path, run: Bundle, contract: ModelContract) -> str:
    sample = run.files.get(SAMPLE, run.place / SAMPLE)
    parity.require_sample(sample, contract)
    proof = parity.prove("mlflow", _MLflow(), folder, ParitySample.read(sample), contract)
    tolerance.require([proof])
    return f"{proof.sentence()} ({proof.runtime})"
