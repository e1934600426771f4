"""src/export.py, validate.py, validate_stac.py and stac2esri.py as a user runs them."""

import json
import os
import runpy
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from e2e_settings import REPOSITORY, environment
from places import SHARED

from segmint.layout import FILES


@pytest.fixture
def room(finished_model, tmp_path, monkeypatch):
    """A folder with a space in its name and a finished model in meta/."""
    room = tmp_path / "a room"
    shutil.copytree(finished_model, room / "meta")
    monkeypatch.setenv("SEGMINT_STAC_SCHEMAS", str(SHARED / "stac-schemas"))
    monkeypatch.chdir(room)
    return room


@pytest.fixture
def run(monkeypatch, capsys):
    """``run("export.py", "--formats=onnx")``: in this process, since a new one loads torch for seconds."""

    def in_process(script, *arguments, check=True):
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        status = 0
        try:
            runpy.run_path(str(REPOSITORY / "src" / script), run_name="__main__")
        except SystemExit as end:
            status = end.code
        said = capsys.readouterr()
        assert not check or status in (0, None), said.out[-2000:] + said.err[-2000:]
        return subprocess.CompletedProcess(arguments, status, said.out, said.err)

    return in_process


def test_every_format_is_made_again_from_the_weights_alone_and_is_valid(room, run, schema_store):
    meta = room / "meta"
    for name in ("best_model.pt", "best_model.onnx", "best_model.pt2", "best_model.dlpk", "stac_item.json"):
        (meta / name).unlink()
    done = run("export.py", "--output_dir=export")
    assert done.stdout.count("proof: ") == 5
    assert {path.name for path in (room / "export").iterdir()} == set(FILES)
    assert sorted(path.name for path in room.iterdir()) == [".segmint", "export", "meta"]
    assert not [path for path in (room / ".segmint" / "exports").iterdir() if path.is_dir()]
    checked = run("validate.py", "--target=export")
    assert "FAULT" not in checked.stdout
    assert checked.stdout.splitlines()[-1] == "export: 21 checks passed"


def test_picked_formats_join_those_of_the_same_model(room, run, schema_store):
    run("export.py", "--formats=onnx", "--output_dir=export")
    assert not (room / "export" / "best_model.pt2").exists()
    run("export.py", "--formats=dlpk", "--output_dir=export", "--target=meta/best_model.pth")
    found = {path.name for path in (room / "export").iterdir()}
    assert {"best_model.onnx", "best_model.dlpk", "model.emd"} <= found
    assert "best_model.pt" not in found
    listed = json.loads((room / "export" / "stac_item.json").read_text())["assets"]
    assert {"onnx", "esri-package", "esri-definition"} <= set(listed)
    run("validate.py", "--target=export")


def test_another_model_is_not_mixed_in_and_a_failed_proof_changes_nothing(room, run):
    (room / "other").mkdir()
    content = json.loads((room / "meta" / "contract.json").read_text())
    (room / "other" / "contract.json").write_text(json.dumps(content | {"title": "Another"}))
    done = run("export.py", "--output_dir=other", "--formats=onnx", check=False)
    assert done.stderr.startswith("error: output_dir: other holds another model")
    content["output"]["temperature"] = 1.0  # the weights hold the right one, a checkpoint's network does not
    (room / "meta" / "contract.json").write_text(json.dumps(content))
    torch.save({"state_dict": torch.load("meta/best_model.pth", weights_only=True)}, "meta/best.ckpt")
    done = run("export.py", "--target=meta/best.ckpt", "--formats=onnx", "--output_dir=new", check=False)
    assert done.returncode == 1
    assert "error: best_model.onnx: largest difference" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (room / "new").exists()


def test_a_misspelt_format_is_refused_before_anything_is_loaded(run):
    done = run("export.py", "--formats=onyx", check=False)
    known = "pth, torchscript, onnx, pt2, dlpk, onnx_unit, onnx_fp16, onnx_int8"
    assert done.stderr == f"error: formats: 'onyx'; expected all, or some of {known}.\n"


def test_a_fault_is_one_line_and_the_exit_status_says_so(room, run):
    (room / "meta" / "parity.json").write_text("{}")
    command = [sys.executable, str(REPOSITORY / "src" / "validate.py"), "--target", "meta/parity.json"]
    done = subprocess.run(command, cwd=room, env=environment(room), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stdout.splitlines()[:-1]] == ["ok", "ok", "FAULT", "FAULT"]
    assert done.stdout.endswith("2 FAILED\n")
    assert done.stderr == ""
    nothing = run("validate.py", "--target=nothing", check=False)
    assert nothing.returncode == 1
    assert nothing.stderr.startswith("error: there is no model at nothing; expected a folder such as meta")


@pytest.mark.states(233, 235)
def test_the_documented_names_work(room, run, schema_store):
    done = run("validate_stac.py", "--stac_file", "meta/stac_item.json")
    assert "valid against 6 published schemas" in done.stdout
    run("stac2esri.py")
    with zipfile.ZipFile(room / "meta" / "refugee-camp-detector.dlpk") as archive:
        assert {"refugee-camp-detector.emd", "refugee-camp-detector.pt", "SegmintClassifier.py"} <= set(
            archive.namelist()
        )
    run("validate.py", "--target=meta/refugee-camp-detector.dlpk")
    item = room / "meta" / "stac_item.json"
    item.write_text(item.read_text().replace('"mlm:name"', '"mlm:nom"'))
    assert run("validate_stac.py", check=False).returncode == 1


CONSUMER = """
import json, sys, urllib.parse, pathlib
sys.modules["segmint"] = sys.modules["torch"] = None
import numpy as np, onnxruntime, pystac
item = pystac.Item.from_file(sys.argv[1])
source, answer = item.properties["mlm:input"][0], item.properties["mlm:output"][0]
models = [asset for asset in item.assets.values() if "mlm:model" in asset.roles]
(asset,) = [asset for asset in models if asset.extra_fields["mlm:artifact_type"] == "torch.onnx.export"]
session = onnxruntime.InferenceSession(asset.get_absolute_href())
assert source["value_scaling"] is None
chips = np.load(sys.argv[2])
assert list(chips.shape[1:]) == source["input"]["shape"][1:]
probability = session.run([answer["name"]], {source["name"]: chips.astype(source["input"]["data_type"])})[0]
values = [c["value"] for c in answer["classification:classes"]]
if answer["result"]["shape"][1] == 1:
    mask = np.where(probability[:, 0] >= np.float32(item.properties["mlm:hyperparameters"]["threshold"]), *values[::-1])
else:
    mask = np.array(values)[probability.argmax(1)]
np.save(sys.argv[3], mask)
"""


@pytest.mark.parametrize("layout", ["published", "artifacts"])
def test_a_consumer_that_has_the_item_alone_gets_the_right_mask(finished_model, finished_run, tmp_path, layout):
    item = finished_model / "stac_item.json" if layout == "published" else finished_run["stac_item.json"]
    with np.load(finished_model / "parity_sample.npz") as sample:
        np.save(tmp_path / "chips.npy", sample["chips"])
        probabilities = sample["probabilities"][:, 0]
    command = [sys.executable, "-c", CONSUMER, item, tmp_path / "chips.npy", tmp_path / "mask.npy"]
    subprocess.run(command, cwd=tmp_path, check=True, env=dict(os.environ))
    threshold = json.loads((finished_model / "contract.json").read_text())["output"]["threshold"]
    mask = np.load(tmp_path / "mask.npy")
    assert 0 < mask.mean() < 1
    assert (mask == (probabilities >= threshold)).mean() >= 0.9999
