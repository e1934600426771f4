"""Make the formats of a trained model again, from its weights, proven before anything is put into place.

    python src/export.py --target runs:/3f2a --formats onnx,dlpk --output_dir export
    mlflow run . -e export -P target=models:/refugee-camp@candidate

``--help`` lists every parameter. Formats that the output folder already has of the same model stay.
"""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from segmint.errors import ExportError, RecipeError, one_line_errors
from segmint.parameters import read

EXPORTS = Path(".segmint/exports")
FORMATS = ("pth", "torchscript", "onnx", "pt2", "dlpk")
OPTIONAL = ("onnx_unit",)


@dataclass(frozen=True)
class Request:
    """Make the formats of a trained model again.

    Attributes:
        target: A folder such as meta, a .pth, .pt2 or .ckpt file, runs:/id, models:/name@alias or models:/name/1.
        formats: 'all' (pth, torchscript, onnx, pt2, dlpk), or some of these and onnx_unit, with commas between.
        output_dir: Where the files go.
    """

    target: str = "meta"
    formats: str = "all"
    output_dir: str = "export"

    @property
    def names(self) -> tuple[str, ...]:
        """The formats one by one.

        Raises:
            RecipeError: There is no such format.
        """
        asked = [name.strip() for name in self.formats.split(",") if name.strip()]
        unknown = [name for name in asked if name not in ("all", *FORMATS, *OPTIONAL)]
        if unknown or not asked:
            raise RecipeError(f"formats: '{', '.join(unknown)}'", f"all, or some of {', '.join(FORMATS + OPTIONAL)}")
        wanted = {*asked, *(FORMATS if "all" in asked else ())}
        return tuple(name for name in FORMATS + OPTIONAL if name in wanted)


def export(request: Request) -> None:
    """From weights to proven files."""
    from segmint.console import quieten_libraries
    from segmint.contract import ModelContract
    from segmint.export import formats, parity
    from segmint.export.catalogue import catalogue
    from segmint.export.publication import Staging, publish, require_publishable
    from segmint.export.source import open_source

    quieten_libraries()
    names, output = request.names, Path(request.output_dir)
    require_publishable(output)
    EXPORTS.mkdir(parents=True, exist_ok=True)
    with open_source(request.target) as source, tempfile.TemporaryDirectory(dir=EXPORTS) as scratch:
        print(f"model:   {source.contract.name} of {source.contract.created}, weights of {source.origin}", flush=True)
        if (output / "contract.json").is_file() and ModelContract.read(output / "contract.json") != source.contract:
            raise ExportError(f"output_dir: {output} holds another model", "this model or nothing", "Choose another")
        staging = Staging.empty(Path(scratch) / "staging")
        staging.take(output)
        for name, path in source.files.items():
            shutil.copy2(path, staging[name])
        if not {*names, *formats.staged(staging)} & {*formats.FORMATS}:
            names = ("onnx", *names)  # a STAC item needs a model of the interface that it describes
        if "torchscript" in names and staging["best_model.dlpk"].is_file():
            names = (*names, "dlpk")  # a package holds the TorchScript that lies beside it
        formats.write(source.model, source.contract, source.sample, staging, names)
        proofs = formats.prove_all(source.contract, source.sample, staging)
        for proof in proofs:
            print(f"proof:   {proof.file}: {proof.sentence()} ({proof.runtime})")
        parity.require(proofs)
        parity.write(proofs, source.contract, staging["parity.json"])
        print(catalogue(source.contract, staging))
        publish(staging, output, staging.present)
    print(f"files:   {output}/")
    print(f"next:    python src/validate.py --target {output}")


if __name__ == "__main__":
    with one_line_errors():
        export(read(Request, sys.argv[1:]))
