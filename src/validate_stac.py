"""The documented name of `validate` for a STAC item.

python src/validate_stac.py --stac_file meta/stac_item.json
mlflow run . -e validate_stac -P stac_file=meta/stac_item.json
"""

import sys
from dataclasses import dataclass

from segmint.errors import one_line_errors
from segmint.parameters import read
from validate import Request as Validation
from validate import validate


@dataclass(frozen=True)
class Request:
    """Check a STAC item: the published schemas, its own statements, the contract and the files that it names.

    Attributes:
        stac_file: The item.
        schemas: Folder of published STAC schemas with an index.json (URL -> file); null takes the one that
            SEGMINT_STAC_SCHEMAS names, and otherwise fetches them once.
    """

    stac_file: str = "meta/stac_item.json"
    schemas: str | None = None


if __name__ == "__main__":
    with one_line_errors():
        request = read(Request, sys.argv[1:])
        valid = validate(Validation(request.stac_file, request.schemas))
    sys.exit(0 if valid else 1)
