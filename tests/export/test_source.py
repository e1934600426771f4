"""A trained model is rebuilt from whatever holds its weights, and from nothing else."""

import shutil

import numpy as np
import pytest
import torch

from segmint.errors import ContractError, ModelError, ParityError
from segmint.export.source import open_source


def answer(address) -> np.ndarray:
    with open_source(str(address)) as source, torch.no_grad():
        return source.model(torch.from_numpy(source.sample.chips.astype(np.float32))).numpy()


def test_the_weights_of_every_kind_of_file_give_the_proven_answers(finished_model, finished_run, tmp_path):
    expected = np.load(finished_model / "parity_sample.npz")["probabilities"]
    state = torch.load(finished_model / "best_model.pth", weights_only=True)
    checkpoint = finished_run.root / "checkpoints" / "best.ckpt"
    network = {name: value for name, value in state.items() if name.startswith("network.")}
    torch.save({"state_dict": network | {"loss.weight": torch.ones(2)}, "epoch": 3}, checkpoint)
    places = [
        finished_model,
        finished_run.root,
        finished_model / "best_model.pth",
        finished_model / "best_model.pt2",
        finished_run["best_model.pth"],
        checkpoint,
    ]
    for place in places:
        np.testing.assert_allclose(answer(place), expected, atol=1e-5, err_msg=str(place))


def test_what_cannot_be_exported_is_said(finished_model, tmp_path):
    folder = tmp_path / "meta"

    def refused(kind, message, place):
        with pytest.raises(kind, match=message), open_source(str(place)):
            pass

    shutil.copytree(finished_model, folder)
    refused(ModelError, "has no weights", folder / "best_model.onnx")
    refused(ModelError, "has no weights", folder / "nowhere.pth")
    (folder / "best_model.pth").write_bytes(b"no")
    refused(ModelError, "best_model.pth: ", folder)
    (folder / "best_model.pth").unlink()
    refused(ModelError, "has no best_model.pth", folder)
    shutil.copy(finished_model / "best_model.pth", folder)
    (folder / "parity_sample.npz").write_bytes(b"other")
    refused(ParityError, "SHA-256", folder)
    (folder / "parity_sample.npz").unlink()
    refused(ParityError, "there is no", folder)
    (folder / "contract.json").unlink()
    refused(ContractError, "contract.json", folder / "best_model.pth")
