"""Make the Esri package of the model that a STAC item describes, proven before it is put into place.

    python src/stac2esri.py --stac_path meta/stac_item.json --out_dir meta --dlpk_name refugee-camp-detector.dlpk
    mlflow run . -e stac2esri

The package holds TorchScript, which every ArcGIS Pro with Esri's Deep Learning Libraries runs; the ONNX file says by
the contract inside it whether it is of the same model.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from segmint.errors import ExportError, RecipeError, one_line_errors
from segmint.files import replace_file
from segmint.parameters import read


@dataclass(frozen=True)
class Request:
    """Make the Esri package of the model that a STAC item describes.

    Attributes:
        stac_path: The item; the model's files lie beside it, or where a run keeps them.
        onnx_path: The ONNX file of the same model.
        out_dir: Where the package goes.
        dlpk_name: Its file name.
    """

    stac_path: str = "meta/stac_item.json"
    onnx_path: str = "meta/best_model.onnx"
    out_dir: str = "meta"
    dlpk_name: str = "refugee-camp-detector.dlpk"


def package(request: Request) -> None:
    """From an item to a proven package."""
    from segmint.console import quieten_libraries
    from segmint.contract import ModelContract
    from segmint.export import dlpk, formats, tolerance, torchscript
    from segmint.export.runtime import Exportable
    from segmint.export.source import open_source
    from segmint.inference.models import carried

    quieten_libraries()
    item, output = Path(request.stac_path), Path(request.out_dir)
    if Path(request.dlpk_name).suffix != ".dlpk" or Path(request.dlpk_name).name != request.dlpk_name:
        raise RecipeError(f"dlpk_name: {request.dlpk_name}", "a file name that ends with .dlpk")
    if not item.is_file():
        raise ExportError(f"stac_path: there is no {item}", "a STAC item", "Train a model, or name another")
    folder = item.parent.parent if item.parent.name == "metadata" else item.parent
    with open_source(str(folder)) as source, tempfile.TemporaryDirectory() as scratch:
        inside = carried(Path(request.onnx_path))
        if inside is None or ModelContract.parse(inside, request.onnx_path) != source.contract:
            raise ExportError(f"{request.onnx_path} is of another model than {item}", "one model", "Name its own file")
        traced, made = Path(scratch, torchscript.FILE), Path(scratch, request.dlpk_name)
        torchscript.write(Exportable(source.model, source.contract), traced)
        dlpk.write(source.contract, traced, item, made)
        proof = formats.prove_package(made, source.sample, source.contract)
        tolerance.require([proof])
        output.mkdir(parents=True, exist_ok=True)
        replace_file(output / request.dlpk_name, made.read_bytes())
    print(f"proof:   {proof.sentence()} ({proof.runtime})")
    print(f"package: {output / request.dlpk_name}, for Classify Pixels Using Deep Learning in ArcGIS Pro")


if __name__ == "__main__":
    with one_line_errors():
        package(read(Request, sys.argv[1:]))
