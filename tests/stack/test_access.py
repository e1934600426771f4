"""Who may do what, by the address alone."""

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException

pytestmark = pytest.mark.stack
SEARCH = "/api/2.0/mlflow/experiments/search?max_results=5"


@pytest.fixture(scope="module")
def registered(team, tmp_path_factory):
    """A model that the trainer registered: what it answers is its input, doubled."""
    with team.signed_in(team.trainer) as client:
        mlflow.set_experiment("doubling")
        model = tmp_path_factory.mktemp("model code") / "doubling.py"
        model.write_text(
            "import mlflow\n"
            "class Doubling(mlflow.pyfunc.PythonModel):\n"
            "    def predict(self, context, model_input, params=None):\n"
            "        return [2 * value for value in model_input]\n"
            "mlflow.models.set_model(Doubling())\n"
        )
        with mlflow.start_run() as run:
            mlflow.log_params({"epochs": 3})
            for step, loss in enumerate((0.9, 0.5, 0.25)):
                mlflow.log_metric("val_loss", loss, step=step)
            mlflow.log_text("a note", "notes/a.txt")
            mlflow.pyfunc.log_model(name="model", python_model=str(model), registered_model_name="doubling")
        client.set_registered_model_alias("doubling", "champion", "1")
    return run.info.run_id


@pytest.mark.states(172)
def test_a_run_its_metrics_artifacts_and_model_go_through_the_address_alone(team, registered):
    with team.signed_in(team.trainer) as client:
        assert [item.value for item in client.get_metric_history(registered, "val_loss")] == [0.9, 0.5, 0.25]
        assert client.get_run(registered).info.artifact_uri.startswith("mlflow-artifacts:")
    stored = team.stack.folder / "volumes" / "minio" / "mlflow"
    assert list(stored.rglob(f"{registered}/artifacts/notes/a.txt")), "the artifact is not in MinIO's bucket"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("get", SEARCH, None),
        ("post", "/api/2.0/mlflow/experiments/create", {"name": "mine"}),
        ("post", "/api/2.0/mlflow/registered-models/create", {"name": "mine"}),
        ("put", "/api/2.0/mlflow-artifacts/artifacts/1/a.txt", {}),
        ("get", "/", None),
    ],
)
def test_nobody_gets_in_without_a_name_and_a_password(team, method, path, body):
    assert requests.request(method, team.stack.url + path, json=body, timeout=30).status_code == 401
    wrong = requests.request(method, team.stack.url + path, json=body, auth=("tina", "wrong"), timeout=30)
    assert wrong.status_code == 401


def test_a_reader_browses_and_loads(team, registered):
    with team.signed_in(team.reader) as client:
        assert "doubling" in [item.name for item in client.search_experiments()]
        assert client.get_run(registered).data.params["epochs"] == "3"
        assert mlflow.artifacts.load_text(f"runs:/{registered}/notes/a.txt") == "a note"
        assert mlflow.pyfunc.load_model("models:/doubling@champion").predict([1, 2]) == [2, 4]


def test_a_reader_writes_and_registers_nothing(team, registered):
    with team.signed_in(team.reader) as client:
        source = client.get_model_version_by_alias("doubling", "champion").source
        experiment = client.get_run(registered).info.experiment_id
        refused = {
            "experiment": lambda: client.create_experiment("mine"),
            "run": lambda: client.create_run(experiment),
            "metric": lambda: client.log_metric(registered, "val_loss", 0.0),
            "tag": lambda: client.set_tag(registered, "mine", "1"),
            "artifact": lambda: client.log_text(registered, "mine", "notes/a.txt"),
            "model": lambda: client.create_registered_model("mine"),
            "version": lambda: client.create_model_version("doubling", source, registered),
            "alias": lambda: client.set_registered_model_alias("doubling", "candidate", "1"),
            "deletion": lambda: client.delete_run(registered),
        }
        for attempt in refused.values():
            with pytest.raises((MlflowException, requests.HTTPError), match=r"403|[Pp]ermission"):
                attempt()
        assert mlflow.artifacts.load_text(f"runs:/{registered}/notes/a.txt") == "a note"


def test_a_trainer_lets_nobody_else_in(team):
    body = {"username": "friend", "password": "a long password"}
    mine = (team.trainer.name, team.trainer.password)
    answer = requests.post(team.stack.url + "/api/2.0/mlflow/users/create", json=body, auth=mine, timeout=30)
    assert answer.status_code == 403


def test_a_host_that_is_not_the_server_s_is_refused(team):
    mine = (team.trainer.name, team.trainer.password)
    for host, status in (("evil.example.org", 403), (team.stack.url.removeprefix("http://"), 200)):
        answer = requests.get(team.stack.url + SEARCH, auth=mine, headers={"Host": host}, timeout=30)
        assert answer.status_code == status, host
