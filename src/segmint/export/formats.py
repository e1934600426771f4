"""The formats in the order in which they are written, and the proof of all of them.

Example:
    >>> write(model, contract, sample, staging)
    >>> proofs = prove_all(contract, sample, staging)
"""

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from segmint.contract import ModelContract
from segmint.export import dlpk, onnx, program, series, stac, torchscript, unit, weights
from segmint.export.assets import model_files
from segmint.export.parity import ParitySample, prove, prove_class_maps
from segmint.export.publication import Staging
from segmint.export.reduced import REDUCED, Chips, prove_reduced
from segmint.export.runtime import Exportable, Format
from segmint.export.series import SeriesSample
from segmint.export.tolerance import Proof
from segmint.models.deployed import DeployedModel

FORMATS: dict[str, Format] = {"pth": weights, "torchscript": torchscript, "onnx": onnx, "pt2": program}
"""Short name -> its module."""


ALL = (*FORMATS, "dlpk")
"""What a run makes."""


def write(
    model: DeployedModel,
    contract: ModelContract,
    sample: ParitySample,
    staging: Staging,
    names: Sequence[str] = ALL,
    ranges: Chips | None = None,
) -> None:
    """Write formats, with the Esri package its definition, and the series form of a spread model.

    The STAC item in the package leaves the package out.

    Args:
        model: The trained model.
        contract: What it is.
        sample: Of the proof.
        staging: Where the files go.
        names: The formats.
        ranges: What int8 takes its ranges from, where it is among them: no test chips.

    Raises:
        ExportError: A format that is not for this model, or int8 without chips.
    """
    exportable = Exportable(model, contract)
    files = [name for name in FORMATS if name in names]
    for name in files:
        FORMATS[name].write(exportable, staging[FORMATS[name].FILE])
    for name in [name for name in REDUCED if name in names]:
        REDUCED[name].write(model, contract, staging[onnx.FILE], staging[REDUCED[name].FILE], ranges)
    if "dlpk" in names:
        dlpk.write_emd(contract, staging["model.emd"])
        stac.write(stac.item(contract, model_files(staging.root)), staging["stac_item.json"])
        _package(exportable, staging)
    if files and series.has_series(model):
        series.write(model, contract, sample, staging.form(series.FORM).made(), files)
    if unit.NAME in names:
        unit.write(model, contract, sample, staging.form(unit.FORM).made())


def _package(exportable: Exportable, staging: Staging) -> None:
    """Write the Esri package around the TorchScript file that is there, or around one for itself."""
    with tempfile.TemporaryDirectory() as scratch:
        traced = staging[torchscript.FILE]
        if not traced.is_file():
            traced = Path(scratch, torchscript.FILE)
            torchscript.write(exportable, traced)
        dlpk.write(exportable.contract, traced, staging["stac_item.json"], staging[dlpk.FILE])


def prove_all(contract: ModelContract, sample: ParitySample, staging: Staging) -> list[Proof]:
    """Reopen everything that is staged and compare it with the sample; the Esri package by its class maps.

    The package runs in a process of its own, which takes seconds to start: the other files are compared meanwhile.
    """
    packages = [staging[dlpk.FILE]] if staging[dlpk.FILE].is_file() else []
    with ThreadPoolExecutor(1) as beside:
        waiting = [beside.submit(prove_package, path, sample, contract) for path in packages]
        exact = [prove_file(name, staging[FORMATS[name].FILE], sample, contract) for name in staged(staging)]
    return [
        *exact,
        *(
            prove_reduced(name, staging[kind.FILE], staging[onnx.FILE], sample, contract)
            for name, kind in REDUCED.items()
            if staging[kind.FILE].is_file()
        ),
        *(future.result() for future in waiting),
        *(proof for name, form in staging.forms.items() for proof in _PROOFS[name](form)),
    ]


_PROOFS = {series.FORM: series.prove_all, unit.FORM: unit.prove_all}


def staged(staging: Staging) -> list[str]:
    """The formats whose files are there."""
    return [name for name, kind in FORMATS.items() if staging[kind.FILE].is_file()]


def read_sample(path: Path, contract: ModelContract) -> ParitySample | SeriesSample:
    """The chips and answers that a model is proven by, in the form that its contract describes."""
    return ParitySample.read(path) if len(contract.inputs) == 1 else SeriesSample.read(path)


def prove_file(name: str, path: Path, sample: ParitySample | SeriesSample, contract: ModelContract) -> Proof:
    """Reopen a file of a format and compare it with the sample; its test IoU is another matter."""
    if name in REDUCED and isinstance(sample, ParitySample):
        gate = replace(REDUCED[name].gate, max_iou_change=None)
        return prove(name, REDUCED[name], path, sample, contract, gate)
    kind = FORMATS[name]
    if isinstance(sample, SeriesSample):
        return series.prove_form(name, kind, path, sample, contract)
    return prove(name, kind, path, sample, contract)


def prove_package(path: Path, sample: ParitySample, contract: ModelContract) -> Proof:
    """Run the Esri package as ArcGIS does and compare its class maps with the sample."""
    started = time.perf_counter()
    maps = dlpk.class_maps(path, sample.chips, arguments=dlpk.one_tile(contract))
    return prove_class_maps("dlpk", dlpk.RUNTIME, path, maps, time.perf_counter() - started, sample, contract)
