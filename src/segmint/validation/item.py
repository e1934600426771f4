"""The STAC item: the published schemas, what they miss, the contract, and the files that it names.

Example:
    >>> for outcome in checks(bundle.files["stac_item.json"], contract, SchemaStore.default()):
    ...     print(outcome.line())
    ok     item schemas          valid against 6 published schemas
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segmint.contract import ModelContract
from segmint.errors import ExportError
from segmint.export.stac_checks import contract_errors, file_errors, semantic_errors
from segmint.export.stac_schemas import REMEDY, SchemaStore, validate
from segmint.validation.checks import Check, check, require

_AGAIN = "Make it again with the entry point export"


def checks(path: Path, contract: ModelContract | None, schemas: SchemaStore) -> Iterator[Check]:
    """Everything that is to be said of an item.

    Args:
        path: The item; its relative links start from this folder.
        contract: What it has to say, or None where there is none to hold it against.
        schemas: The published schemas.
    """
    yield check("item schemas", _schemas, path, schemas)
    yield check("item statements", _statements, path, contract)
    yield check("item files", _files, path)


def checksum(path: Path, file: Path) -> Iterator[Check]:
    """Whether a single file is what the item beside it says, where that item names it.

    Args:
        path: The item.
        file: The file.
    """
    if path.is_file():
        yield check("checksum", _checksum, path, file)


def _checksum(path: Path, file: Path) -> str:
    content = _read(path)
    named = {key: asset for key, asset in content.get("assets", {}).items() if Path(asset["href"]).name == file.name}
    require(file_errors(content | {"assets": named}, path.parent), "the size and checksum that the item states", _AGAIN)
    return "size and SHA-256 as stac_item.json states" if named else "stac_item.json does not name it"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"{path.name}: {error}", "a STAC item", _AGAIN) from error
    if not isinstance(content, dict):
        raise ExportError(f"{path.name} is a {type(content).__name__}", "a STAC item", _AGAIN)
    return content


def _schemas(path: Path, schemas: SchemaStore) -> str:
    report = validate(_read(path), schemas)
    require(report.errors, "what the published schemas ask for", _AGAIN)
    require(report.unchecked, "every schema that the item names", REMEDY)
    return f"valid against {len(report.checked)} published schemas"


def _statements(path: Path, contract: ModelContract | None) -> str:
    content = _read(path)
    errors = semantic_errors(content) + (contract_errors(content, contract) if contract else [])
    require(errors, "an item that agrees with itself and with the contract", _AGAIN)
    return "agrees with itself" + (" and with the contract" if contract else "; there is no contract beside it")


def _files(path: Path) -> str:
    content = _read(path)
    require(file_errors(content, path.parent), "the files, sizes and checksums that the item states", _AGAIN)
    return f"{len(content['assets'])} assets are there, of the stated size and SHA-256"
