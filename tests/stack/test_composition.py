"""The reader of the compose file, against docker-compose itself; nothing is started."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from places import REPOSITORY

from stack.composition import StackError, interpolate, read

VARIABLES = {
    "POSTGRES_PASSWORD": "p:5432@minio:9000",
    "S3_ACCESS_KEY_ID": "key",
    "S3_SECRET_ACCESS_KEY": "0.0.0.0 /data #1",
    "MLFLOW_ADMIN_PASSWORD": "twelve letters",
    "MLFLOW_SECRET_KEY": "s",
    "S3_BUCKET": "",
}


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_variables_are_filled_in_as_docker_compose_does():
    command = ["docker-compose", "--file", str(REPOSITORY / "docker-compose.yml"), "config"]
    done = subprocess.run(command, env=os.environ | VARIABLES, capture_output=True, text=True, check=True)
    for name, service in yaml.safe_load(done.stdout)["services"].items():
        raw = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"][name]
        ours = {key: interpolate(str(value), VARIABLES) for key, value in raw.get("environment", {}).items()}
        assert ours == {key: str(value) for key, value in service.get("environment", {}).items()}
        assert [interpolate(word, VARIABLES) for word in raw["command"]] == service["command"]


def test_addresses_and_folders_become_those_of_this_machine_and_secrets_stay():
    variables = VARIABLES | {"MINIO_CONSOLE_PORT": "3", "MLFLOW_PORT": "4"}
    services = read(REPOSITORY / "docker-compose.yml", variables, Path("/a b/.stack"), {5432: 1, 9000: 2}.__getitem__)
    assert services["minio"].command[2:] == (
        "/a b/.stack/volumes/minio",
        "--address=127.0.0.1:2",
        "--console-address=127.0.0.1:3",
    )
    mlflow = services["mlflow"]
    assert {"--host=127.0.0.1", "--port=4", "--artifacts-destination=proxied-s3://mlflow/"} <= set(mlflow.command)
    assert mlflow.environment["MLFLOW_S3_ENDPOINT_URL"] == "http://127.0.0.1:2"
    assert mlflow.environment["MLFLOW_AUTH_CONFIG_PATH"] == str(REPOSITORY / "docker" / "basic_auth.ini")
    assert mlflow.environment["PGPASSWORD"] == VARIABLES["POSTGRES_PASSWORD"]
    assert mlflow.environment["AWS_SECRET_ACCESS_KEY"] == VARIABLES["S3_SECRET_ACCESS_KEY"]
    assert services["postgres"].health.command[2] == "--port=1"
    assert services["postgres"].ports | mlflow.ports == {5432: 1, 5000: 4}


def test_services_come_after_those_that_they_need():
    order = list(read(REPOSITORY / "docker-compose.yml", VARIABLES, Path("/s"), abs))
    assert "trainer" not in order
    assert order.index("minio") < order.index("bucket") < order.index("mlflow")
    assert order.index("postgres") < order.index("mlflow")


def test_another_s3_service_is_one_variable():
    elsewhere = VARIABLES | {"S3_ENDPOINT_URL": "https://s3.example.org:9000"}
    services = read(REPOSITORY / "docker-compose.yml", elsewhere, Path("/s"), abs)
    assert {services[name].environment["MLFLOW_S3_ENDPOINT_URL"] for name in ("bucket", "mlflow")} == {
        "https://s3.example.org:9000"
    }


def test_a_dollar_and_a_missing_secret():
    assert interpolate("a$$b ${C:-d} ${E}", {"E": "f"}) == "a$b d f"
    with pytest.raises(StackError, match=r"^F is missing or empty\. Set F in \.env\.$"):
        interpolate("${F:?set F in .env}", {"F": ""})
