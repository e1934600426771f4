"""Make the formats of a trained model again, from its weights, proven before anything is put into place.

    python src/export.py --target runs:/3f2a --formats onnx,dlpk --output_dir export
    python src/export.py --target meta --formats onnx_int8 --chips_dir chips --labels_dir labels
    mlflow run . -e export -P target=models:/refugee-camp@candidate

``--help`` lists every parameter. Formats that the output folder already has of the same model stay.
"""

import shutil
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from segmint.errors import ExportError, RecipeError, one_line_errors
from segmint.parameters import read

if TYPE_CHECKING:
    from segmint.evaluation.precision import Sides
    from segmint.export.publication import Staging
    from segmint.export.source import Source
    from segmint.export.tolerance import Proof

EXPORTS = Path(".segmint/exports")
FORMATS = ("pth", "torchscript", "onnx", "pt2", "dlpk")
OPTIONAL = ("onnx_unit", "onnx_fp16", "onnx_int8")


@dataclass(frozen=True)
class Request:
    """Make the formats of a trained model again.

    Attributes:
        target: A folder such as meta, a .pth, .pt2 or .ckpt file, runs:/id, models:/name@alias or models:/name/1.
        formats: 'all' (pth, torchscript, onnx, pt2, dlpk), or some of these and of onnx_unit, onnx_fp16, onnx_int8.
        output_dir: Where the files go.
        chips_dir: The labelled chips of the training: onnx_int8 has to keep its IoU on those of the test split, and
            takes its ranges from the others.
        labels_dir: Their labels; null where they lie beside the chips.
    """

    target: str = "meta"
    formats: str = "all"
    output_dir: str = "export"
    chips_dir: str | None = None
    labels_dir: str | None = None

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
        if "onnx_int8" in wanted and self.chips_dir is None:
            raise RecipeError(
                "formats: onnx_int8 without chips_dir",
                "the labelled chips of the training: it takes its ranges from some and keeps its IoU on the others",
            )
        return tuple(name for name in FORMATS + OPTIONAL if name in wanted)


def export(request: Request) -> None:
    """From weights to proven files."""
    from segmint.console import quieten_libraries
    from segmint.contract import ModelContract
    from segmint.export import card, formats, tolerance
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
        if not staging["best_model.onnx"].is_file() and not {*names} & {*FORMATS[:-1]}:
            names = ("onnx", *names)  # what the optional ones are made of, and what a STAC item needs to describe
        if "torchscript" in names and staging["best_model.dlpk"].is_file():
            names = (*names, "dlpk")  # a package holds the TorchScript that lies beside it
        sides = _sides(source, request) if "onnx_int8" in names else None
        ranges = sides.ranges() if sides else None
        formats.write(source.model, source.contract, source.sample, staging, names, ranges)
        proofs = [
            _with_iou(proof, sides, staging) for proof in formats.prove_all(source.contract, source.sample, staging)
        ]
        for proof in proofs:
            print(f"proof:   {proof.file}: {proof.sentence()} ({proof.runtime})")
        tolerance.require(proofs)
        tolerance.write(proofs, source.contract, staging["parity.json"])
        card.add_reduced(staging["model_card.md"], proofs)
        print(catalogue(source.contract, staging))
        publish(staging, output, staging.present)
    print(f"files:   {output}/")
    print(f"next:    python src/validate.py --target {output}")


def _sides(source: "Source", request: Request) -> "Sides":
    """The labelled chips that int8 is made and measured with."""
    from segmint.evaluation.precision import Sides

    assert request.chips_dir is not None
    return Sides.of(source.contract, request.chips_dir, request.labels_dir, source.files.get("test_chips.csv"))


def _with_iou(proof: "Proof", sides: "Sides | None", staging: "Staging") -> "Proof":
    """The proof with the change of the test IoU where its gate asks: measured, or as it was of a file that stayed."""
    from segmint.export import tolerance

    if proof.gate.max_iou_change is None:
        return proof
    if sides is None:
        return replace(proof, iou_change=tolerance.remembered(staging["parity.json"], proof.format))
    return replace(proof, iou_change=sides.iou_change(staging["best_model.onnx"], staging[proof.file]))


if __name__ == "__main__":
    with one_line_errors():
        export(read(Request, sys.argv[1:]))
