"""The arithmetic of QGIS Deepness 0.6, written out in numpy, on metadata read from the file.

The plugin takes pixels / 255, whatever their type, then (value - mean) / std; it compares the answer with seg_thresh,
sets what lies below to 0, and takes the largest channel, or with one channel what is left.
"""

import json

import numpy as np
import onnxruntime
import pytest
import torch

from segmint.export import onnx
from segmint.export.runtime import Exportable
from segmint.models.deployed import DeployedModel


def plugin(path, tile):
    """Class values ``[H, W]`` of a tile ``[C, H, W]``, and the values that the graph was fed."""
    session = onnxruntime.InferenceSession(path)
    facts = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    mean, std = (np.array(facts[f"standardization_{name}"])[:, None, None] for name in ("mean", "std"))
    fed = ((tile / 255.0 - mean) / std).astype(np.float32)
    answer = session.run(None, {session.get_inputs()[0].name: fed[None]})[0][0]
    answer[answer < facts["seg_thresh"]] = 0
    return (answer[0] != 0 if len(answer) == 1 else answer.argmax(axis=0)), fed


def made(contract, folder, dtype, top):
    """A network with random weights, its file, and a tile that holds the smallest and the largest value."""
    figures = contract.normalisation.model_copy(update={"scale": float(top)})
    source = contract.input.model_copy(
        update={"source_dtype": dtype, "value_range": (0.0, float(top)), "normalisation": figures}
    )
    network = contract.network.model_copy(update={"architecture": "unet_small", "encoder": None})
    classes, threshold = len(contract.output.classes), contract.output.threshold
    tile = np.random.default_rng(3).integers(0, top, (len(source.bands), 64, 64), endpoint=True).astype(dtype)
    tile[:, 0, 0], tile[:, 0, 1] = 0, top
    contract = contract.model_copy(update={"inputs": (source,), "network": network})
    torch.manual_seed(1)
    model = DeployedModel.from_contract(contract).eval()
    mean, std = (np.array(f)[:, None, None] for f in (figures.mean, figures.std))
    channels = torch.from_numpy((tile / top - mean) / std).float()[None]
    last = [module for module in model.network.modules() if isinstance(module, torch.nn.Conv2d)][-1]
    with torch.no_grad():
        last.bias -= model.network(channels).mean(dim=(0, 2, 3))  # every class is somewhere the answer
        if classes == 2:
            last.bias += contract.output.temperature * np.log(threshold / (1 - threshold))
        logits = model.network(channels)[0].double().numpy() / contract.output.temperature
    onnx.write(Exportable(model, contract), folder / onnx.FILE)
    return folder / onnx.FILE, contract, tile, logits


@pytest.mark.parametrize(("dtype", "top"), [("uint8", 255), ("uint16", 65_535), ("int16", 10_000)])
def test_the_plugin_feeds_the_stored_values_and_marks_what_the_network_marks(make_contract, tmp_path, dtype, top):
    path, contract, tile, logits = made(make_contract(), tmp_path, dtype, top)
    marked, fed = plugin(path, tile)
    np.testing.assert_allclose(fed, tile, rtol=2e-7)  # the last bit of fp32
    probability = 1 / (1 + np.exp(-logits[0]))
    clear = np.abs(probability - contract.output.threshold) > 1e-4
    assert 0 < marked.mean() < 1
    assert (marked == (probability >= contract.output.threshold))[clear].all()


@pytest.mark.parametrize(("bands", "classes"), [(3, 4), (7, 3)])
def test_with_several_classes_no_pixel_falls_below_the_threshold(make_contract, tmp_path, bands, classes):
    path, _, tile, logits = made(make_contract(bands, classes), tmp_path, "uint16", 10_000)
    found, _ = plugin(path, tile)
    chances = np.exp(logits) / np.exp(logits).sum(axis=0)
    best = np.sort(chances, axis=0)
    clear = best[-1] - best[-2] > 1e-4
    assert len(np.unique(found)) == classes
    assert (found == logits.argmax(axis=0))[clear].all()
    doubtful = (best[-1] < 0.5) & (logits.argmax(axis=0) > 0)
    assert doubtful.any()  # a threshold of 0.5 would have made these background


def test_the_keys_are_json_and_the_tile_size_has_both_spellings(make_contract, tmp_path):
    path, contract, *_ = made(make_contract(), tmp_path, "uint8", 255)
    session = onnxruntime.InferenceSession(path)
    facts = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    assert facts["model_type"] == "Segmentor"
    assert facts["class_names"] == {"0": "class0", "1": "class1"}
    assert facts["tile_size"] == facts["tiles_size"] == session.get_inputs()[0].shape[-1] == 64
    assert facts["tiles_overlap"] == 25  # percent: 48 of 64 px are new
    assert facts["resolution"] == 50  # centimetres
    assert facts["seg_thresh"] == contract.output.threshold
