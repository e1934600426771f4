"""Everything that can be checked of a finished model, wherever it stands.

Example:
    >>> for outcome in examine("meta", SchemaStore.default()):
    ...     print(outcome.line())
    ok     contract              version 2, refugee-camp
    ok     sample                8 samples, unchanged since the proof
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from segmint.contract import ModelContract
from segmint.export.formats import read_sample
from segmint.export.parity import ParitySample
from segmint.export.stac_schemas import SchemaStore
from segmint.inference.models import is_stored
from segmint.validation import documents, forms, graphs, item, package
from segmint.validation.bundle import CONTRACT, ITEM, SAMPLE, Bundle, beside
from segmint.validation.checks import Check, check


def examine(target: str, schemas: SchemaStore) -> Iterator[Check]:
    """Check a model, one thing after the other.

    Args:
        target: A folder such as ``meta``, one of its files, ``runs:/id`` or ``models:/name@alias``.
        schemas: The published STAC schemas.

    Raises:
        ModelError: There is nothing at the target.
        TrackingError: The store cannot be reached or does not have it.
    """
    if not is_stored(target):
        yield from examine_bundle(Bundle.of(Path(target)), schemas)
        return
    from segmint.registry.download import download, download_run
    from segmint.validation import version

    with tempfile.TemporaryDirectory(prefix="segmint-model-") as scratch:
        if target.startswith("runs:"):
            run = download_run(target.removeprefix("runs:").strip("/"), Path(scratch))
            yield from examine_bundle(Bundle.of(run), schemas)
            return
        folder, facts = download(target, Path(scratch, "version"))
        bundle = Bundle.of(download_run(facts["run_id"], Path(scratch, "run")))
        yield from version.checks(folder, bundle)
        yield from examine_bundle(bundle, schemas)


def examine_bundle(bundle: Bundle, schemas: SchemaStore) -> Iterator[Check]:
    """Check the files of a model and of its other forms."""
    contract_check = check("contract", _contract, bundle)
    if set(bundle.files) - {ITEM} or contract_check.passed:
        yield contract_check
    contract = bundle.contract() if contract_check.passed else None
    if contract is not None:
        yield from _held_against(bundle, contract)
    if bundle.place.is_file() and ITEM not in bundle.files:
        yield from item.checksum(beside(bundle.place, ITEM), bundle.place)
    if ITEM in bundle.files:
        yield from item.checks(bundle.files[ITEM], contract, schemas)
    for form, below in bundle.forms.items():
        for outcome in examine_bundle(below, schemas):
            yield replace(outcome, name=f"{form} {outcome.name}")
        if contract is not None:
            yield forms.origin(form, below, bundle, contract)


def _held_against(bundle: Bundle, contract: ModelContract) -> Iterator[Check]:
    if not set(bundle.files) - {ITEM, CONTRACT}:
        return
    sample_check = check("sample", documents.sample, bundle, contract)
    yield sample_check
    sample = read_sample(bundle.files[SAMPLE], contract) if sample_check.passed else None
    yield from documents.checks(bundle, contract)
    yield from graphs.checks(bundle, contract, sample)
    if len(contract.inputs) == 1:
        yield from package.checks(bundle, contract, sample if isinstance(sample, ParitySample) else None)


def _contract(bundle: Bundle) -> str:
    contract = bundle.contract()
    return f"version {contract.contract_version}, {contract.name}"
