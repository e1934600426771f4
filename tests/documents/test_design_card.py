"""The design card: what the project consists of, and the packages it stands on."""

import tomllib
from importlib import import_module, metadata

import pytest
from packaging.requirements import Requirement
from places import REPOSITORY

PACKAGES = (
    "torch",
    "pytorch-lightning",
    "segmentation-models-pytorch",
    "mlflow",
    "onnx",
    "onnxruntime",
    "pystac",
    "psycopg2-binary",
    "boto3",
)
"""Package -> number of its statement."""

MODULES = {"psycopg2-binary": "psycopg2"}
"""Packages whose module has another name."""


@pytest.mark.states(275)
def test_the_project_has_the_documented_files_and_folders():
    assert all((REPOSITORY / name).is_file() for name in ("MLproject", "conda.yaml", "docker-compose.yml", "README.md"))
    assert all((REPOSITORY / name).is_dir() for name in ("src", "tests", "meta"))


@pytest.mark.states(276, 277, 278, 279, 280, 281, 282, 283, 284)
@pytest.mark.parametrize("name", PACKAGES)
def test_a_documented_package_is_declared_pinned_and_installed(name):
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    (declared,) = [wanted for wanted in map(Requirement, project["dependencies"]) if wanted.name == name]
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    (pinned,) = [Requirement(line) for line in lines if line.startswith(f"{name}==")]
    installed = metadata.version(name)
    assert declared.specifier.contains(installed)
    assert pinned.specifier.contains(installed.partition("+")[0])
    import_module(MODULES.get(name, name.replace("-", "_")))
