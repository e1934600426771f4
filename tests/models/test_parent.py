"""A training that starts from a finished model."""

import json
import shutil

import numpy as np
import pytest
import torch

from segmint.command_line import parse
from segmint.contract import ModelContract
from segmint.data.preparation import prepare
from segmint.errors import ContractError, ModelError, RecipeError
from segmint.training.banner import banner
from segmint.training.hardware import choose
from segmint.training.session import Session

CLASSES = (
    '[{"name": "class0", "color": "#000000", "values": [0]}, {"name": "class1", "color": "#000001", "values": [255]}]'
)


def session_of(folders, weights, *options):
    chips, labels = folders
    small = ("--network.architecture=unet_small", "--data.tile_size=64", f"--network.weights={weights}")
    recipe = parse([f"--chips_dir={chips}", f"--labels_dir={labels}", f"--data.classes={CLASSES}", *small, *options])
    return Session.open(recipe, prepare(recipe), choose(recipe))


@pytest.mark.states(189)
def test_before_its_first_step_a_training_answers_as_the_model_that_it_starts_from(model_folder, bright_squares):
    """The parent's ONNX file, in its own runtime, on stored values of a chip that the training has read."""
    import onnxruntime

    meta = model_folder()
    session = session_of(bright_squares, meta / "best_model.pth")
    contract = ModelContract.read(meta / "contract.json")
    tile = session.dataset("val")[0, 0]["image"][None]
    ours = session.task.eval().probabilities(tile, contract.output.temperature).numpy()
    figures = contract.normalisation
    shape = (1, 3, 1, 1)
    mean, std = np.reshape(figures.mean, shape), np.reshape(figures.std, shape)
    stored = np.rint((tile.numpy() * std + mean) * figures.scale).astype(np.float32)
    theirs = onnxruntime.InferenceSession(meta / "best_model.onnx").run(None, {"image": stored})[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert "weights and normalisation of test-model (best_model.pth, sha256 " in banner(session)
    assert session.network.pretrained.startswith("test-model")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--network.architecture=classic"], "do not fit"),
        ([f"--data.classes={CLASSES.replace('class1', 'roof')}"], "class0, class1; expected class0, roof"),
    ],
)
def test_another_network_or_other_classes_are_refused_in_a_line(model_folder, bright_squares, options, words):
    with pytest.raises(ModelError, match=words) as caught:
        session_of(bright_squares, model_folder() / "best_model.pth", *options)
    assert "\n" not in str(caught.value)


def test_other_bands_are_refused_by_name(model_folder, bright_squares):
    with pytest.raises(ModelError, match=r"bands of .* are red, green, blue, nir; expected red, green, blue"):
        session_of(bright_squares, model_folder(bands=4) / "best_model.pth")


def test_a_file_that_is_no_model_is_refused_in_a_line(model_folder, bright_squares, tmp_path):
    meta = model_folder()
    with pytest.raises(RecipeError, match=r"network\.weights: no file"):
        session_of(bright_squares, tmp_path / "nowhere.pth")
    (tmp_path / "alone.pth").write_bytes((meta / "best_model.pth").read_bytes())
    with pytest.raises(ContractError, match=r"contract\.json"):
        session_of(bright_squares, tmp_path / "alone.pth")
    shutil.copy(meta / "contract.json", tmp_path)
    (tmp_path / "half.pth").write_bytes((meta / "best_model.pth").read_bytes()[:1000])
    torch.save({"weights": torch.ones(3)}, tmp_path / "other.pth")
    torch.save(torch.ones(3), tmp_path / "tensor.pth")
    torch.save({"state_dict": {}, "epoch": 3}, tmp_path / "best.ckpt")
    refusals = {
        "half.pth": "cannot be opened",
        "other.pth": "no weights of a network",
        "tensor.pth": "no weights of a network",
        "best.ckpt": "is a checkpoint; .* --resume",
    }
    for name, words in refusals.items():
        with pytest.raises(ModelError, match=words):
            session_of(bright_squares, tmp_path / name)
    content = json.loads((meta / "contract.json").read_text())
    content["inputs"][0]["source_dtype"] = "uint16"
    (tmp_path / "contract.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match="uint16; expected uint8"):
        session_of(bright_squares, tmp_path / "alone.pth")
