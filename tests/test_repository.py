"""What a newcomer relies on: the files at the top, the stack's configuration, the notebook."""

import os
import re
import shutil
import subprocess

import pytest
import yaml
from places import REPOSITORY

from segmint.command_line import recipe_names


def test_every_entry_point_is_a_script_in_src():
    project = yaml.safe_load((REPOSITORY / "MLproject").read_text())
    for name, entry in project["entry_points"].items():
        script = re.search(r"src/(\w+)\.py", entry["command"]).group(1)
        assert (REPOSITORY / "src" / f"{script}.py").is_file()
        assert script == {"main": "train", "inference": "predict"}.get(name, name)


def test_every_dependency_bound_has_a_reason():
    lines = (REPOSITORY / "pyproject.toml").read_text().split("dependencies = [")[1].split("\n]")[0].splitlines()
    named = [number for number, line in enumerate(lines) if line.strip().startswith('"')]
    assert named
    for number in named:
        assert lines[number - 1].strip().startswith("#"), lines[number]


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_the_stack_s_configuration_parses_and_wants_its_secrets(tmp_path):
    shutil.copy(REPOSITORY / "docker-compose.yml", tmp_path)
    shutil.copytree(REPOSITORY / "docker", tmp_path / "docker")
    secrets = re.findall(r"^(\w+)=$", (REPOSITORY / ".env.example").read_text(), re.MULTILINE)
    assert len(secrets) == 5
    shutil.copy(REPOSITORY / ".env.example", tmp_path / ".env")
    given = os.environ | dict.fromkeys(secrets, "a secret")
    config = ["docker-compose", "--profile", "trainer", "config"]
    done = subprocess.run(config, cwd=tmp_path, env=given, capture_output=True, text=True, check=True)
    services = yaml.safe_load(done.stdout)["services"]
    assert set(services) == {"postgres", "minio", "bucket", "mlflow", "trainer"}
    assert all(str(port).startswith("127.0.0.1:") for item in services.values() for port in item.get("ports", []))
    for name in secrets:  # .env.example has no usable value
        without = {key: value for key, value in given.items() if key != name}
        refused = subprocess.run(config, cwd=tmp_path, env=without, capture_output=True, text=True, check=False)
        assert refused.returncode != 0
        assert f"set {name} in .env" in refused.stderr


def test_the_readme_names_every_recipe():
    readme = (REPOSITORY / "README.md").read_text()
    assert all(name in readme for name in recipe_names())
