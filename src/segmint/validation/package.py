"""The Esri package and the definition beside it, looked at and run as ArcGIS does.

Example:
    >>> for outcome in checks(bundle, contract, sample):
    ...     print(outcome.line())
    ok     dlpk layout           one definition, its model and its function at the root; imports torch and numpy alone
"""

import ast
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segmint.contract import ModelContract
from segmint.export import dlpk, tolerance, torchscript
from segmint.export.formats import prove_package
from segmint.export.parity import ParitySample
from segmint.validation.bundle import DEFINITION, PACKAGE, Bundle
from segmint.validation.checks import Check, check, require

_AGAIN = "Make it again with the entry point export"
_IN_ARCGIS = {*sys.stdlib_module_names, "torch", "numpy", "arcpy"}


def checks(bundle: Bundle, contract: ModelContract, sample: ParitySample | None) -> Iterator[Check]:
    """Everything that is to be said of the package and of the loose definition."""
    if DEFINITION in bundle.files:
        yield check("esri definition", _definition, bundle.files[DEFINITION], contract)
    if PACKAGE in bundle.files:
        layout = check("dlpk layout", _layout, bundle.files[PACKAGE], bundle.files.get(torchscript.FILE))
        yield layout
        yield check("dlpk definition", _packed_definition, bundle.files[PACKAGE], contract)
        if sample is not None and layout.passed:  # the answers are those of the Python code inside
            yield check("dlpk answers", _answers, bundle.files[PACKAGE], sample, contract)


def _definition(path: Path, contract: ModelContract) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    return _agrees(path.name, content, dlpk.emd(contract, torchscript.FILE))


def _packed_definition(path: Path, contract: ModelContract) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        content = json.loads(dlpk.unpack(path, Path(scratch)).read_text(encoding="utf-8"))
    return _agrees(path.name, content, dlpk.emd(contract, f"{path.stem}.pt"))


def _agrees(name: str, content: dict[str, Any], wanted: dict[str, Any]) -> str:
    errors = [f"{key} is missing" for key in wanted if key not in content]
    errors += [
        f"{key} is {content[key]!r}, not {wanted[key]!r}"
        for key in wanted
        if content.get(key, wanted[key]) != wanted[key]
    ]
    errors += [f"{key} is there" for key in content if key not in wanted]
    require([f"{name}: {error}" for error in errors], "the keys that follow from the contract", _AGAIN)
    return f"{len(wanted)} keys as the contract says"


def _layout(path: Path, model: Path | None) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        definition = dlpk.unpack(path, Path(scratch))
        content = json.loads(definition.read_text(encoding="utf-8"))
        function = definition.parent / content["InferenceFunction"]
        tree = ast.parse(function.read_text(encoding="utf-8"))
        packed = (definition.parent / content["ModelFile"]).read_bytes()
    errors = [f"{function.name} imports {name}" for name in sorted(_imported(tree) - _IN_ARCGIS)]
    if function.stem not in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}:
        errors.append(f"{function.name} has no class {function.stem}")
    if model is not None and hashlib.sha256(packed).digest() != hashlib.sha256(model.read_bytes()).digest():
        errors.append(f"{content['ModelFile']} inside is not {model.name} beside it")
    require([f"{path.name}: {error}" for error in errors], "what ArcGIS can load", _AGAIN)
    return "one definition, its model and its function at the root; imports torch and numpy alone"


def _imported(tree: ast.Module) -> set[str]:
    """First parts of the names of imported modules."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "." * node.level)
    return {name.partition(".")[0] or name for name in names}


def _answers(path: Path, sample: ParitySample, contract: ModelContract) -> str:
    proof = prove_package(path, sample, contract)
    tolerance.require([proof])
    return f"{proof.sentence()} ({proof.runtime})"
