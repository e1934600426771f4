"""Gather the champions of the model registry in a STAC collection that stac-browser and catalogues can show.

    python src/catalogue.py --output_dir catalogue
    mlflow run . -e catalogue

The folder is made anew each time, beside the old one, and then takes its place.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmint.errors import ExportError, one_line_errors
from segmint.parameters import read

if TYPE_CHECKING:
    from segmint.export.stac_schemas import SchemaStore


@dataclass(frozen=True)
class Request:
    """Gather the champions of the model registry in a STAC collection.

    Attributes:
        output_dir: Where the collection goes.
    """

    output_dir: str = "catalogue"


def catalogue(request: Request) -> None:
    """From the registry to a folder that can be published as it is."""
    from segmint.console import quieten_libraries
    from segmint.export.stac_checks import semantic_errors
    from segmint.export.stac_schemas import SchemaStore
    from segmint.registry.collection import FILE, gather

    quieten_libraries()
    output = Path(request.output_dir).resolve()
    if output.exists() and not (output / FILE).is_file():
        raise ExportError(f"output_dir: {output} is no catalogue", f"a new folder or one with {FILE}", "Choose another")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as scratch:
        made, schemas = Path(scratch, "catalogue"), SchemaStore.default()
        collection = gather(made)
        for item in collection.get_items():
            content, place = item.to_dict(), Path(item.get_self_href() or "")
            told = _checked(item.id, content, schemas, "Validate the registered version")
            if errors := semantic_errors(content, place.parent):
                raise ExportError(f"{item.id}: {errors[0]}", "a valid item", "Validate the registered version")
            version = f"{item.properties['mlm:name']} version {item.properties['segmint:registered_version']}"
            print(f"model:   {version}; {told}")
        told = _checked(FILE, collection.to_dict(), schemas, "Please report this")
        print(told.replace("STAC item", "STAC collection"))
        if output.exists():
            output.rename(Path(scratch, "replaced"))
        made.rename(output)
    print(f"files:   {output}/, start with {FILE}")


def _checked(name: str, content: dict[str, Any], schemas: "SchemaStore", remedy: str) -> str:
    """Hold an item or a collection against its schemas, each of which has to be at hand.

    Raises:
        ExportError: It is invalid, or a schema cannot be had.
    """
    from segmint.export.stac_schemas import REMEDY, validate

    report = validate(content, schemas)
    if report.errors:
        raise ExportError(f"{name}: {report.errors[0]}", "what the published schemas ask for", remedy)
    if report.unchecked:
        raise ExportError(f"{name}: {report.unchecked[0]}", "every schema that it names", REMEDY)
    return report.sentence()


if __name__ == "__main__":
    with one_line_errors():
        catalogue(read(Request, sys.argv[1:]))
