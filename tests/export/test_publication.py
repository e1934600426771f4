import json
import multiprocessing
from pathlib import Path

import pytest

from segmint.errors import ExportError
from segmint.export.publication import Staging, publish, require_publishable
from segmint.layout import FILES


def staged(root: Path, run: str) -> Staging:
    staging = Staging.empty(root / run / "staging")
    for name in FILES:
        staging[name].write_text(run)
    assets = {
        "onnx": {"href": "../models/best_model.onnx"},
        "checkpoint": {"href": "../checkpoints/best.ckpt"},
    }
    staging["stac_item.json"].write_text(json.dumps({"id": run, "assets": assets}))
    return staging


def run_of(path: Path) -> str:
    return json.loads(path.read_text())["id"] if path.suffix == ".json" and "item" in path.stem else path.read_text()


def _publish_often(root: Path, run: str, output: Path) -> None:
    staging = staged(root, run)
    for _ in range(15):
        publish(staging, output)


def test_the_folder_holds_exactly_the_files_of_one_run(tmp_path):
    output = tmp_path / "out folder"
    output.mkdir()
    (output / ".gitkeep").touch()
    publish(staged(tmp_path / "runs", "first"), output)
    publish(staged(tmp_path / "runs", "second"), output)
    assert {path.name for path in output.iterdir()} == {*FILES, ".gitkeep"}
    assert {run_of(output / name) for name in FILES} == {"second"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_two_runs_at_once_never_mix(tmp_path):
    output = tmp_path / "meta"
    processes = [
        multiprocessing.get_context("spawn").Process(target=_publish_often, args=(tmp_path / "runs", run, output))
        for run in ("one", "two")
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len({run_of(output / name) for name in FILES}) == 1


def test_a_folder_with_other_files_is_refused_by_name(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ExportError, match="thesis"):
        require_publishable(tmp_path)
    require_publishable(tmp_path / "new")


def test_the_published_item_links_to_the_files_beside_it_and_to_nothing_else(tmp_path):
    publish(staged(tmp_path / "runs", "first"), tmp_path / "meta")
    item = json.loads((tmp_path / "meta" / "stac_item.json").read_text())
    assert item["assets"] == {"onnx": {"href": "best_model.onnx"}}
    assert (tmp_path / "meta" / "best_model.onnx").is_file()
