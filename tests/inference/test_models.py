"""A model is found wherever it stands, with its contract, and every runtime gives the same answer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segmint.contract import ModelContract
from segmint.errors import ContractError, ModelError
from segmint.inference.backend import choose
from segmint.inference.models import find_model
from segmint.inference.runtimes import EXACT

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "runtime"),
    [
        ("", "torch"),
        ("best_model.onnx", "onnxruntime"),
        *((f"best_model.{ending}", "torch") for ending in ("pt", "pt2", "pth", "dlpk")),
    ],
)
def test_every_form_brings_the_same_contract_and_answer(model_folder, name, runtime):
    folder = model_folder()
    windows = np.random.default_rng(0).integers(0, 255, (2, 3, 64, 64)).astype(np.float32)
    windows[0, :, :9] = np.nan
    with find_model(str(folder / "best_model.pth")) as files:
        expected = choose(files, "torch").predict(windows)
    with find_model(str(folder / name)) as files:
        assert files.contract == ModelContract.read(folder / "contract.json")
        np.testing.assert_allclose(choose(files, runtime).predict(windows), expected, atol=1e-5)
        chosen = choose(files, "auto")
        tolerance = 2e-2 if "bf16" in chosen.runtime else 1e-5  # a processor with AMX may be fastest in bf16
        np.testing.assert_allclose(chosen.predict(windows), expected, atol=tolerance)


def test_every_runtime_here_is_measured_and_the_fastest_is_taken(model_folder):
    with find_model(str(model_folder())) as files:
        sentence = choose(files, "auto").sentence()
        first, others = sentence.split(" ms a window, ")
        fastest = float(first.rsplit(" ", 1)[1])
        assert all(float(other.rsplit(" ", 1)[1]) >= fastest for other in others.split(", "))
        assert all(runtime in sentence for runtime in ("onnxruntime", "openvino", "torch"))
        assert choose(files, "torch").form == "torchscript"


def test_what_measures_a_model_is_never_chosen_in_bf16(model_folder):
    """Else an evaluation on a processor with AMX would score what training did not log."""
    with find_model(str(model_folder())) as files:
        assert "bf16" not in choose(files, "auto", EXACT).sentence()
        assert "bf16" in choose(files, "torch-bf16", EXACT).runtime


@pytest.mark.parametrize(("backend", "tolerance"), [("onnxruntime", 1e-5), ("openvino", 1e-5), ("torch-bf16", 2e-2)])
def test_every_runtime_answers_as_torch_does(model_folder, backend, tolerance):
    windows = np.random.default_rng(0).integers(0, 255, (3, 3, 64, 64)).astype(np.float32)
    with find_model(str(model_folder())) as files:
        expected = choose(files, "torch").predict(windows)
        chosen = choose(files, backend)
        answer = chosen.predict(windows)
        chosen.predict(windows[:1])
    assert chosen.reason == "asked for"
    np.testing.assert_allclose(answer, expected, atol=tolerance)
    assert (np.abs(answer - expected).max() > 1e-5) == (backend == "torch-bf16")


def test_openvino_is_used_without_its_telemetry(model_folder):
    lines = (
        "import sys",
        "from segmint.inference.backend import choose",
        "from segmint.inference.models import find_model",
        "with find_model(sys.argv[1]) as files:",
        "    print(choose(files, 'openvino').runtime, [name for name in sys.modules if 'backend_ga' in name])",
    )
    command = [sys.executable, "-c", "\n".join(lines), str(model_folder())]
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.startswith("openvino ")
    assert done.stdout.endswith(" []\n")


def test_a_folder_as_the_registry_lays_it_out_is_a_model(model_folder, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "extra_files").mkdir()
    shutil.copy(model_folder() / "best_model.pt2", tmp_path / "data" / "model.pt2")
    shutil.copy(model_folder() / "contract.json", tmp_path / "extra_files")
    with find_model(str(tmp_path)) as files:
        assert list(files.forms) == ["pt2"]


def test_a_folder_with_two_files_of_one_format_is_refused(model_folder, tmp_path):
    """Else one contract would stand for another network."""
    for name in ("contract.json", "best_model.onnx"):
        shutil.copy(model_folder() / name, tmp_path / name)
    shutil.copy(model_folder() / "best_model.onnx", tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=r"has best_model\.onnx and other\.onnx"), find_model(str(tmp_path)):
        pass


def test_what_is_no_model_is_said(model_folder, tmp_path):
    (tmp_path / "a.onnx").write_text("no")
    (tmp_path / "a.pt").write_text("no")
    (tmp_path / "empty").mkdir()
    shutil.copy(model_folder() / "best_model.pth", tmp_path / "alone.pth")
    for name, kind, message in (
        ("none.onnx", ModelError, "there is no model"),
        ("a.onnx", ModelError, "cannot be opened"),
        ("a.pt", ModelError, "cannot be opened"),
        ("empty", ModelError, "has no model"),
        ("alone.pth", ContractError, "carries no contract"),
    ):
        with pytest.raises(kind, match=message), find_model(str(tmp_path / name)):
            pass
    with find_model(str(model_folder() / "best_model.pt")) as files, pytest.raises(ModelError, match="for onnxruntime"):
        choose(files, "onnxruntime")
