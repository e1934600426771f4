"""What a bundle says in words and figures: the sample of the proof, ``parity.json`` and the model card.

Example:
    >>> for outcome in checks(bundle, contract):
    ...     print(outcome.line())
    ok     parity.json           5 proofs, each within its gate
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from segmint.contract import ModelContract
from segmint.export import card
from segmint.export.formats import read_sample
from segmint.export.parity import Answers, require_sample
from segmint.export.tolerance import record_errors
from segmint.inference.models import FORMS as ENDINGS
from segmint.validation.bundle import CARD, PACKAGE, PROOFS, SAMPLE, Bundle
from segmint.validation.checks import Check, check, require

_AGAIN = "Take it from the run that made the model, or train again"


def checks(bundle: Bundle, contract: ModelContract) -> Iterator[Check]:
    """``parity.json`` and the card, those that are there."""
    if PROOFS in bundle.files:
        yield check("parity.json", _proofs, bundle, contract)
    if CARD in bundle.files:
        yield check("model card", _card, bundle.files[CARD], contract)


def sample(bundle: Bundle, contract: ModelContract) -> str:
    """That the sample is the one of the proof, and fits the contract; without it nothing else is proven.

    Raises:
        ExportError: It is not.
    """
    path = bundle.files.get(SAMPLE, bundle.place / SAMPLE)
    require_sample(path, contract)
    stored = read_sample(path, contract)
    errors = [f"{SAMPLE}: {error}" for error in _sample_errors(stored, contract)]
    require(errors, "the sample of the proof", _AGAIN)
    return f"{len(stored.probabilities)} samples, unchanged since the proof"


def _sample_errors(stored: Answers, contract: ModelContract) -> list[str]:
    errors = []
    for item, array in zip(contract.inputs, stored.inputs, strict=True):
        wanted = contract.shape(item)
        if len(wanted) != array.ndim or any(
            size not in (-1, real) for size, real in zip(wanted, array.shape, strict=True)
        ):
            errors.append(f"{item.name} has the shape {array.shape}, the model takes {wanted}")
    answer = stored.probabilities
    if answer.shape[1:] != (contract.output.channels, contract.height, contract.width):
        errors.append(f"the answers have the shape {answer.shape}")
    if not ((answer >= 0) & (answer <= 1)).all():
        errors.append("the answers are no probabilities")
    elif contract.output.activation == "softmax" and not np.allclose(answer.sum(axis=1), 1, atol=1e-4):
        errors.append("the answers of a pixel do not add up to 1")
    return errors


def _proofs(bundle: Bundle, contract: ModelContract) -> str:
    content = json.loads(bundle.files[PROOFS].read_text(encoding="utf-8"))
    errors = [f"{PROOFS}: {error}" for error in record_errors(content, contract)]
    proven = {proof.get("file") for proof in content.get("formats") or []}
    errors += [f"{PROOFS}: it has no proof of {name}" for name in _models(bundle) if name not in proven]
    require(errors, "the proof of this model", _AGAIN)
    return f"{len(content['formats'])} proofs, each within its gate"


def _models(bundle: Bundle) -> list[str]:
    """Names of the model files, as the proof names them."""
    own = [name for name in bundle.files if Path(name).suffix in (*ENDINGS, Path(PACKAGE).suffix)]
    return own + [f"{form}/{name}" for form, below in bundle.forms.items() for name in _models(below)]


def _card(path: Path, contract: ModelContract) -> str:
    text = path.read_text(encoding="utf-8")
    facts = card.facts(contract)
    errors = [f"there is no line {line}" for line in facts if line not in text.splitlines()]
    stated = yaml.safe_load(text.split("---")[1])
    if stated["license"] != contract.license.lower():
        errors.append(f"its licence is {stated['license']}, not {contract.license.lower()}")
    require([f"{CARD}: {error}" for error in errors], "what the contract says", "Take it from the run again")
    return f"{len(facts) + 1} statements as the contract says"
