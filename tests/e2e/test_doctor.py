"""The doctor examines a dataset by the command line of train."""

import json
import subprocess
import sys

import numpy as np
import pytest
from e2e_settings import REPOSITORY, environment
from places import write_raster

from segmint.data.sample import make_sample


def examine(room, *arguments):
    script = str(REPOSITORY / "src" / "doctor.py")
    return subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        cwd=room,
        env=environment(room),
        capture_output=True,
        text=True,
        check=False,
    )


def test_good_data_are_accepted_and_the_next_command_trains_on_them(bright_squares, tmp_path):
    folders = [f"--chips_dir={bright_squares[0]}", f"--labels_dir={bright_squares[1]}"]
    done = examine(tmp_path, *folders, "--output_dir", "looked at", "--data.tile_size=64")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) <= 25
    assert "looked at/report.html" in lines[-2]
    assert lines[-1].startswith("next:    python src/train.py")
    assert "looked at" not in lines[-1]
    assert not any(line.startswith("error") for line in lines)
    plain = json.loads((tmp_path / "looked at" / "findings.json").read_text())
    assert plain["refused"] is False
    page = (tmp_path / "looked at" / "report.html").read_text()
    assert "<script" not in page
    assert 'src="http' not in page
    assert page.count("data:image/png;base64,") >= 3  # chips, label shift, classes
    assert plain["chips"] == 24


def test_everything_that_training_would_refuse_is_told_at_once(bright_squares, tmp_path):
    for kind, folder in zip(("chips", "labels"), bright_squares, strict=True):
        (tmp_path / kind).mkdir()
        for path in folder.iterdir():
            (tmp_path / kind / path.name).write_bytes(path.read_bytes())
    (tmp_path / "labels" / "scene00_0.tif").unlink()
    (tmp_path / "chips" / "scene01_0.tif").unlink()
    (tmp_path / "chips" / "scene02_0.tif").write_text("hello")
    write_raster(tmp_path / "labels" / "scene03_0.tif", np.full((1, 64, 64), 7, np.uint8), None)
    write_raster(tmp_path / "chips" / "scene04_0.tif", np.ones((3, 64, 64), np.uint16), (508_000, 4_000_000))
    write_raster(tmp_path / "labels" / "scene05_0.tif", np.zeros((1, 64, 60), np.uint8), None)
    write_raster(tmp_path / "chips" / "scene06_0.tif", np.ones((5, 64, 64), np.uint8), (512_000, 4_000_000))
    done = examine(tmp_path, f"--chips_dir={tmp_path / 'chips'}", f"--labels_dir={tmp_path / 'labels'}")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    plain = json.loads((tmp_path / "doctor" / "findings.json").read_text())
    errors = [case["detail"] for item in plain["findings"] if item["severity"] == "error" for case in item["examples"]]
    for words in (
        "scene00_0.tif has no label",
        "scene01_0.tif has no chip",
        "scene02_0.tif cannot be read",
        "undeclared value 7",
        "scene04_0.tif is uint16",
        "scene05_0.tif is 60 x 64 px",
        "scene06_0.tif has 5 bands",
    ):
        assert sum(words in error for error in errors) == 1, words
    assert plain["chips"] == 24 - 7
    assert "value 7 on 4,096 px" in errors
    assert "src/doctor.py" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("recipe", "sample", "sizes"),
    [
        ("wildfire-gra", "burn", {"activations": 4, "height": 96, "width": 96}),
        ("lateral-flow", "strips", {"scenes": 4, "frames": 2, "height": 96, "width": 54}),
        ("fire-spread", "spread", {"sequences": 8, "size": 32, "ground": (64, 64), "weathers": 4}),
    ],
)
def test_every_recipe_s_own_kind_of_data_is_examined(recipe, sample, sizes, tmp_path):
    chips = tmp_path / "images"
    labels = tmp_path / "masks" if sample == "strips" else chips
    make_sample(sample, chips, labels, **sizes)
    done = examine(tmp_path, "--recipe", recipe, f"--chips_dir={chips}", f"--labels_dir={labels}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "doctor" / "report.html").is_file()


def test_a_missing_folder_is_one_line(tmp_path):
    done = examine(tmp_path, "--chips_dir=nowhere", "--labels_dir=nowhere")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "nowhere" in done.stderr
