"""The formats in the order in which they are written, and the proof of all of them.

Example:
    >>> write(model, contract, sample, staging)
    >>> proofs = prove_all(contract, sample, staging)
"""

import time
from types import ModuleType

from segmint.contract import ModelContract
from segmint.export import dlpk, onnx, program, series, stac, torchscript, weights
from segmint.export.parity import ParitySample, Proof, prove, prove_class_maps
from segmint.export.publication import Staging
from segmint.models.deployed import DeployedModel

FORMATS: dict[str, ModuleType] = {"pth": weights, "torchscript": torchscript, "onnx": onnx, "pt2": program}
"""Short name -> module with ``FILE``, ``RUNTIME``, ``write`` and ``reopen``."""


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
    proofs = [prove(name, kind, staging[kind.FILE], sample, contract) for name, kind in FORMATS.items()]
    started = time.perf_counter()
    maps = dlpk.class_maps(staging[dlpk.FILE], sample.chips)
    seconds = time.perf_counter() - started
    return [
        *proofs,
        prove_class_maps("dlpk", dlpk.RUNTIME, staging[dlpk.FILE], maps, seconds, sample, contract),
        *(series.prove_all(staging.series) if staging.series.root.is_dir() else ()),
    ]
