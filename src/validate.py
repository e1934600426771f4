"""Check a finished model: a folder, one of its files, a run or a registered version.

    python src/validate.py --target meta
    mlflow run . -e validate -P target=models:/refugee-camp@candidate

One line per check; the exit status is 1 when one fails. ``--help`` lists every parameter.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from segmint.errors import RecipeError, one_line_errors
from segmint.parameters import read


@dataclass(frozen=True)
class Request:
    """Check everything about a finished model, with its parity sample as the truth.

    Attributes:
        target: A folder such as meta, one of its files (.onnx, .pt, .pt2, .pth, .dlpk, .emd, stac_item.json,
            contract.json), runs:/id, models:/name@alias or models:/name/1.
        schemas: Folder of published STAC schemas with an index.json (URL -> file); null takes the one that
            SEGMINT_STAC_SCHEMAS names, and otherwise fetches them once.
    """

    target: str = "meta"
    schemas: str | None = None


def validate(request: Request) -> bool:
    """Look at everything, say what was found; whether all of it is right."""
    from segmint.console import quieten_libraries
    from segmint.export.stac_schemas import SchemaStore
    from segmint.validation.examination import examine

    quieten_libraries()
    if not request.target:
        raise RecipeError("target: nothing to check", "a file, a folder, a run or a registered version")
    schemas = SchemaStore.of_folder(Path(request.schemas)) if request.schemas else SchemaStore.default()
    passed = failed = 0
    for outcome in examine(request.target, schemas):
        print(outcome.line(), flush=True)
        passed, failed = passed + outcome.passed, failed + (not outcome.passed)
    print(f"{request.target}: {passed} checks passed" + (f", {failed} FAILED" if failed else ""))
    return not failed


if __name__ == "__main__":
    with one_line_errors():
        valid = validate(read(Request, sys.argv[1:]))
    sys.exit(0 if valid else 1)
