"""The formats in the order in which they are written, and the proof of all of them.

Example:
    >>> write(model, contract, sample, staging)
    >>> proofs = prove_all(contract, sample, staging)
"""

import time
from pathlib import Path

from segmint.contract import ModelContract
from segmint.export import dlpk, onnx, program, series, stac, torchscript, weights
from segmint.export.parity import ParitySample, Proof, prove, prove_class_maps
from segmint.export.publication import Staging
from segmint.export.runtime import Format
from segmint.export.series import SeriesSample
from segmint.models.deployed import DeployedModel

FORMATS: dict[str, Format] = {"pth": weights, "torchscript": torchscript, "onnx": onnx, "pt2": program}
"""Short name -> its module."""


def write(model: DeployedModel, contract: ModelContract, sample: ParitySample, staging: Staging) -> None:
    """Write every format, the EMD and the Esri package, and the series form of a spread model.

    The STAC item in the package leaves the package out.
    """
    for kind in FORMATS.values():
        kind.write(model, contract, staging[kind.FILE])
    dlpk.write_emd(contract, staging["model.emd"])
    stac.write(stac.item(contract, stac.model_files(staging.root)), staging["stac_item.json"])
    dlpk.write(contract, staging[torchscript.FILE], staging["stac_item.json"], staging[dlpk.FILE])
    if series.has_series(model):
        series.write(model, contract, sample, Staging.empty(staging.series.root))


def prove_all(contract: ModelContract, sample: ParitySample, staging: Staging) -> list[Proof]:
    """Reopen every format and compare it with the sample; the Esri package by its class maps; the series form."""
    return [
        *(prove_file(name, staging[kind.FILE], sample, contract) for name, kind in FORMATS.items()),
        prove_package(staging[dlpk.FILE], sample, contract),
        *(series.prove_all(staging.series) if staging.series.root.is_dir() else ()),
    ]


def read_sample(path: Path, contract: ModelContract) -> ParitySample | SeriesSample:
    """The chips and answers that a model is proven by, in the form that its contract describes."""
    return ParitySample.read(path) if len(contract.inputs) == 1 else SeriesSample.read(path)


def prove_file(name: str, path: Path, sample: ParitySample | SeriesSample, contract: ModelContract) -> Proof:
    """Reopen a file of a format and compare it with the sample."""
    kind = FORMATS[name]
    if isinstance(sample, SeriesSample):
        return series.prove_form(name, kind, path, sample, contract)
    return prove(name, kind, path, sample, contract)


def prove_package(path: Path, sample: ParitySample, contract: ModelContract) -> Proof:
    """Run the Esri package as ArcGIS does and compare its class maps with the sample."""
    started = time.perf_counter()
    maps = dlpk.class_maps(path, sample.chips)
    return prove_class_maps("dlpk", dlpk.RUNTIME, path, maps, time.perf_counter() - started, sample, contract)
