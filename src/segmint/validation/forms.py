"""The other forms of a model: that they are forms of this model, and not whole models of their own.

Example:
    >>> print(origin("unit", below, bundle, contract).line())
    ok     unit origin           contract and sample follow from those of the model
"""

from collections.abc import Callable

import numpy as np

from segmint.contract import ModelContract
from segmint.export import parity, series, unit
from segmint.export.parity import Answers, ParitySample
from segmint.validation.bundle import SAMPLE, Bundle
from segmint.validation.checks import Check, check, require

_AGAIN = "Make it again with the entry point export"

_CONTRACTS: dict[str, Callable[[ModelContract], ModelContract]] = {
    series.FORM: series.describe,
    unit.FORM: unit.describe,
}
_SAMPLES: dict[str, Callable[[ParitySample, ModelContract], Answers]] = {
    series.FORM: series.SeriesSample.of,
    unit.FORM: unit.centred,
}


def origin(form: str, below: Bundle, model: Bundle, contract: ModelContract) -> Check:
    """Whether a form is one of the model that lies above it.

    Args:
        form: ``series`` or ``unit``.
        below: Its files.
        model: Those of the model.
        contract: The model's.
    """
    return check(f"{form} origin", _origin, form, below, model, contract)


def _origin(form: str, below: Bundle, model: Bundle, contract: ModelContract) -> str:
    stated, wanted = below.contract().model_dump(), _CONTRACTS[form](contract).model_dump()
    errors = [
        f"{form}/contract.json: {key} is not what follows from the model's"
        for key in wanted
        if key != "parity_sample" and stated[key] != wanted[key]
    ]
    require(errors, "a form of the model above it", _AGAIN)
    parity.require_sample(model.files.get(SAMPLE, model.place / SAMPLE), contract)
    derived = _SAMPLES[form](ParitySample.read(model.files[SAMPLE]), contract)
    with np.load(below.files.get(SAMPLE, below.place / SAMPLE)) as stored:
        errors = [
            f"{form}/{SAMPLE}: {name} does not follow from the model's"
            for name in stored.files
            if name != "stems" and not _alike(stored[name], getattr(derived, name))
        ]
    require(errors, "chips and answers of the model above it", _AGAIN)
    return "contract and sample follow from those of the model"


def _alike(found: np.ndarray, wanted: np.ndarray) -> bool:
    return found.shape == wanted.shape and np.allclose(found, wanted, atol=1e-6, equal_nan=True)
