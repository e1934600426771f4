"""The final STAC item of a run, and the word on whether it is valid.

Example:
    >>> print(catalogue(contract, staging))
    STAC item: valid against 6 published schemas
"""

from segmint.contract import ModelContract
from segmint.errors import ExportError
from segmint.export import stac
from segmint.export.assets import model_files
from segmint.export.publication import Staging
from segmint.export.stac_checks import contract_errors, semantic_errors
from segmint.export.stac_schemas import SchemaStore, validate


def catalogue(contract: ModelContract, staging: Staging) -> str:
    """Write the item over everything that is staged, and those of its other forms, and check them.

    Returns:
        One line for the person; schemas that cannot be had are named as not checked.

    Raises:
        ExportError: The item is invalid, or says something else than the contract.
    """
    sentence = _written(contract, staging)
    for form in staging.forms.values():
        _written(ModelContract.read(form["contract.json"]), form)
    return sentence


def _written(contract: ModelContract, staging: Staging) -> str:
    content = stac.item(contract, model_files(staging.root))
    stac.write(content, staging["stac_item.json"])
    report = validate(content, SchemaStore.default())
    errors = [*report.errors, *semantic_errors(content), *contract_errors(content, contract)]
    if errors:
        raise ExportError(
            f"stac_item.json: {errors[0]}", "a valid item", "Please report this; the run is marked failed"
        )
    return report.sentence()
