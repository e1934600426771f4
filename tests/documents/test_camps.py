"""The documents on refugee camps: the documented network, trained, exported and used by the documented commands."""

import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
import onnxruntime
import psutil
import pystac
import pytest
import rasterio
import torch
from PIL import Image
from places import SHARED
from rasterio.warp import transform_bounds
from running import Ran

from segmint.command_line import parse
from segmint.contract import ModelContract
from segmint.export import assets, stac, stac_schemas
from segmint.models.classic import ClassicNetwork
from segmint.training.optimisation import configure

SCHEMAS = {"SEGMINT_STAC_SCHEMAS": str(SHARED / "stac-schemas")}
IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
PARAMETERS = sum(
    (inputs * edge**2 + 1) * outputs
    for inputs, outputs, edge in (
        *((3, 64, 3), (64, 128, 3), (128, 256, 3), (256, 512, 3)),
        *((512, 256, 2), (256, 128, 2), (128, 64, 2), (64, 1, 1)),
    )
)
"""Weights and biases of the documented layers: input channels, output channels, edge of the kernel."""


@pytest.fixture(scope="module")
def trained(checkout, command, bright_squares) -> Ran:
    room = checkout("camp")
    for name, folder in zip(("chips", "labels"), bright_squares, strict=True):
        (room / name).symlink_to(folder)
    line = "mlflow run . -e train --env-manager local -P epochs=10 -P batch_size=8 -P lr=0.0005"
    own = "-P recipe=refugee-camp-classic -P chips_dir=chips -P labels_dir=labels -P data.tile_size=64"
    described = "-P log_dataset=true -P title='Bright squares' -P license=MIT -P keywords=[squares,tents]"
    ran = command(room, f"{line} {own} {described}")
    assert ran.run.info.status == "FINISHED"  # read now: other tests leave runs in this room too
    return ran


@pytest.fixture(scope="module")
def artifacts(trained) -> Path:
    """The run's artifacts."""
    return Path(trained.client.download_artifacts(trained.run.info.run_id, ""))


@pytest.fixture(scope="module")
def item(artifacts) -> pystac.Item:
    """The item among the run's artifacts, as pystac reads it."""
    return pystac.Item.from_file(str(artifacts / "metadata" / "stac_item.json"))


@pytest.fixture(scope="module")
def sample(trained) -> tuple[np.ndarray, np.ndarray]:
    """Raw test chips ``[N, 3, 64, 64]`` and the trained network's probabilities ``[N, 1, 64, 64]``."""
    with np.load(trained.room / "meta" / "parity_sample.npz") as stored:
        return stored["chips"].astype(np.float32), stored["probabilities"]


@pytest.fixture(scope="module")
def read(artifacts, bright_squares):
    """``read("val")``: values ``[N, 3, H, W]`` and labels ``[N, 1, H, W]`` of 0 and 1, read by rasterio alone."""
    tiles = json.loads((artifacts / "datasets" / "split.json").read_text())["tiles"]

    def of(split: str) -> tuple[np.ndarray, np.ndarray]:
        stacks = []
        for folder in bright_squares:
            rasters = []
            for tile in tiles[split]:
                with rasterio.open(folder / f"{tile['chip']}.tif") as source:
                    rasters.append(source.read())
            stacks.append(np.stack(rasters))
        return stacks[0], (stacks[1] > 0).astype(np.float32)

    return of


@pytest.mark.states(117, 118, 185, 289)
def test_the_documented_command_goes_the_documented_way(trained):
    training = "training: 10 epochs at most, batch 8, adam, lr 0.0005, loss 1 bce"
    stations = (
        *("data: 24 chips", "split: ", training, "hardware: ", "run:      ", "epoch  1/10", "epoch 10/10", "fit: "),
        *("test: IoU", "exports: ", "parity: ", "STAC item: ", "report: ", "files:    meta/", "artifacts: "),
        *("registration: ", "model:    refugee-camp-classic version 1", "next: "),
    )
    places = [trained.output.find(words) for words in stations]
    assert -1 not in places
    assert places == sorted(places)
    given = {"epochs": "10", "batch_size": "8", "lr": "0.0005"}
    assert given.items() <= trained.run.data.params.items()
    assert {f"training.{name}": value for name, value in given.items()}.items() <= trained.run.data.params.items()


@pytest.mark.parametrize("name", ["refugee-camp", "refugee-camp-classic"])
@pytest.mark.states(121, 122, 123, 124, 131, 148)
def test_what_is_not_given_is_as_documented(name):
    recipe = parse(["--recipe", name])
    training, split = recipe.training, recipe.split
    assert (training.batch_size, training.lr) == (32, 1e-3)
    assert recipe.data.chips_dir == "data/train/sample/chips"
    assert recipe.data.labels_dir == "data/train/sample/labels"
    assert (training.monitor, training.monitor_mode) == ("val_loss", "min")
    assert (split.train, split.val, split.test, split.seed) == (0.70, 0.15, 0.15, 62)
    network = torch.nn.Conv2d(1, 1, 1)
    assert configure(network, parse(["--recipe", name, "--lr", "5e-4"]).training)["optimizer"].defaults["lr"] == 5e-4
    assert isinstance(configure(network, training)["optimizer"], torch.optim.Adam)


@pytest.mark.states(125, 126, 188)
def test_the_network_is_the_documented_one_in_a_lightning_checkpoint_and_a_plain_state_dict(trained):
    checkpoint = torch.load(trained.checkpoints / "best.ckpt", weights_only=True)
    assert {"pytorch-lightning_version", "optimizer_states", "epoch"} <= set(checkpoint)
    state = torch.load(trained.room / "meta" / "best_model.pth", weights_only=True)
    layers = {name.removeprefix("network."): value for name, value in state.items() if name.startswith("network.")}
    assert sum(value.numel() for value in layers.values()) == PARAMETERS
    ClassicNetwork(3, 1).load_state_dict(layers)
    encoder = [value.shape[:2] for name, value in layers.items() if "encoder" in name and value.ndim == 4]
    assert encoder == [(64, 3), (128, 64), (256, 128), (512, 256)]


@pytest.mark.states(129, 149, 150, 186, 187, 286)
def test_the_figures_of_an_epoch_are_those_of_plain_torch(trained, read):
    """Binary cross-entropy, and accuracy at 0.5, on images normalised by ImageNet."""
    network = ClassicNetwork(3, 1)
    checkpoint = torch.load(trained.checkpoints / "last.ckpt", weights_only=True)
    network.load_state_dict({key.removeprefix("network."): value for key, value in checkpoint["state_dict"].items()})
    images, truth = (torch.from_numpy(part) for part in read("val"))
    with torch.no_grad():
        probability = torch.sigmoid(network((images / 255 - IMAGENET[0]) / IMAGENET[1]))
    said = probability > 0.5
    assert said.any()  # else any threshold would do
    last = {"val_loss": torch.nn.BCELoss()(probability, truth), "val_acc": (said == truth).float().mean()}
    for name in ("train_loss", "train_acc", "val_loss", "val_acc"):
        assert trained.steps(name) == list(range(1, 11)), name
    for name, value in last.items():
        assert trained.run.data.metrics[name] == pytest.approx(float(value), abs=1e-5), name
    losses = [point.value for point in trained.client.get_metric_history(trained.run.info.run_id, "val_loss")]
    assert trained.run.data.metrics["best_val_loss"] == min(losses)
    assert trained.run.data.metrics["epochs_trained"] == 10


@pytest.mark.states(148)
def test_the_best_checkpoint_is_the_epoch_of_the_smallest_validation_loss(trained):
    losses = [point.value for point in trained.client.get_metric_history(trained.run.info.run_id, "val_loss")]
    best = torch.load(trained.checkpoints / "best.ckpt", weights_only=True)
    assert best["epoch"] == losses.index(min(losses))


@pytest.mark.states(131, 151, 152, 153, 154, 182, 183, 184)
def test_the_statistics_of_the_data_are_parameters_under_their_documented_names(trained, read):
    params = trained.run.data.params
    documented = {"train_samples": 16, "val_samples": 4, "test_samples": 4, "total_samples": 24, "num_classes": 2}
    documented |= {"image_channels": 3, "image_height": 64, "image_width": 64}
    assert {name: int(params[name]) for name in documented} == documented
    assert params["split.seed"] == "62"
    assert params["dataset.sizes"] == "64x64"
    images, _ = read("train")
    for band, values in zip(("red", "green", "blue"), images.swapaxes(0, 1), strict=True):
        assert float(params[f"dataset.{band}.mean"]) == pytest.approx(values.mean())
        assert float(params[f"dataset.{band}.std"]) == pytest.approx(values.std())


@pytest.mark.states(173, 174, 175, 176, 177, 178, 181)
def test_the_machine_is_in_the_parameters_and_in_the_item(trained, item):
    params = trained.run.data.params.items()
    system = {name.removeprefix("system."): value for name, value in params if name.startswith("system.")}
    memory = psutil.virtual_memory().total / 2**30
    gpu = torch.cuda.is_available()
    expected = {
        "platform": platform.platform(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "cpu_count": str(os.cpu_count()),
        "memory_total_gib": f"{memory:.1f}",
        "cuda": torch.version.cuda if gpu else "not available",
        "gpu_count": str(torch.cuda.device_count()),
    }
    assert {name: system[name] for name in expected} == expected
    assert 0 < float(system["memory_available_gib"]) <= memory
    assert system["python_environment"]
    assert item.properties["segmint:environment"] == system


@pytest.mark.states(155, 156, 157, 158, 162, 221, 222, 286)
def test_artifacts_lie_in_the_documented_folders(trained, artifacts, bright_squares):
    assert "stac_item.json" in trained.artifacts("metadata")
    assert {"best_model.pth", "best_model.pt", "best_model.onnx"} <= trained.artifacts("models")
    assert trained.artifacts("esri") == {"best_model.dlpk", "model.emd", "best_model.pt", "SegmintClassifier.py"}
    assert trained.artifacts("examples") == {"example_input.png", "example_pred.png", "example_target.png"}
    for folder, given in zip(("chips", "labels"), bright_squares, strict=True):
        assert trained.artifacts(f"datasets/{folder}") == {path.name for path in given.iterdir()}
    with Image.open(artifacts / "evaluation" / "confusion_matrix.png") as picture:
        picture.verify()


@pytest.mark.states(221)
def test_the_example_pictures_show_a_tile_of_the_test_split_and_its_truth(artifacts, read):
    pictures = (artifacts / "examples" / f"example_{name}.png" for name in ("input", "target"))
    seen, target = (np.asarray(Image.open(picture)) for picture in pictures)
    marked = (target[..., :3] > 0).any(axis=2)
    images, truth = read("test")
    (number,) = [number for number, label in enumerate(truth) if np.array_equal(label[0] > 0, marked)]
    light = images[number].mean(axis=0), seen[..., :3].mean(axis=2)
    assert np.corrcoef(*(plane.ravel() for plane in light))[0, 1] > 0.99


@pytest.mark.states(224)
def test_every_documented_file_lies_in_meta(trained):
    documented = {f"best_model.{ending}" for ending in ("pth", "pt", "onnx", "dlpk")}
    documented |= {"model.emd", "stac_item.json", "confusion_matrix.png"}
    documented |= {f"example_{name}.png" for name in ("input", "pred", "target")}
    assert documented <= {path.name for path in (trained.room / "meta").iterdir() if path.stat().st_size}


@pytest.fixture
def registered(trained, tmp_path) -> Iterator[Path]:
    """The first version in the registry, downloaded."""
    mlflow.set_tracking_uri(f"sqlite:///{trained.room}/mlflow.db")
    yield Path(mlflow.artifacts.download_artifacts("models:/refugee-camp-classic/1", dst_path=str(tmp_path)))
    mlflow.set_tracking_uri(None)


@pytest.mark.states(163, 164, 288)
def test_the_model_is_registered_with_its_signature_and_its_item(registered, item):
    signature = mlflow.models.Model.load(str(registered)).signature
    assert signature.inputs.inputs[0].shape == (-1, 3, 64, 64)
    assert signature.outputs.inputs[0].shape == (-1, 1, 64, 64)
    assert json.loads((registered / "extra_files" / "stac_item.json").read_text())["id"] == item.id


ELSEWHERE = """
import sys
sys.modules["segmint"] = sys.modules["pytorch_lightning"] = sys.modules["lightning"] = None
import numpy as np, torch
chips = np.load("meta/parity_sample.npz")["chips"].astype(np.float32)
np.save("answer.npy", torch.jit.load("meta/best_model.pt")(torch.from_numpy(chips)).detach().numpy())
"""


@pytest.mark.states(190, 287)
def test_torchscript_answers_where_neither_lightning_nor_segmint_is_installed(trained, sample):
    subprocess.run([sys.executable, "-c", ELSEWHERE], cwd=trained.room, check=True)
    np.testing.assert_allclose(np.load(trained.room / "answer.npy"), sample[1], atol=1e-4)
    formats = ("pth", "torchscript", "onnx", "pt2", "dlpk")
    assert {trained.run.data.metrics[f"parity_{name}_agreement"] for name in formats} == {1.0}


@pytest.mark.states(192)
def test_onnx_takes_any_number_of_tiles(trained, sample):
    session = onnxruntime.InferenceSession(str(trained.room / "meta" / "best_model.onnx"))
    for count in (1, 5):
        chips, expected = (np.resize(part, (count, *part.shape[1:])) for part in sample)
        np.testing.assert_allclose(session.run(None, {"image": chips})[0], expected, atol=1e-4)


@pytest.mark.states(195)
def test_the_esri_package_holds_model_definition_script_and_item(trained, item):
    with zipfile.ZipFile(trained.room / "meta" / "best_model.dlpk") as package:
        names = {"best_model.pt", "best_model.emd", "SegmintClassifier.py", "stac_item.json"}
        assert set(package.namelist()) == names
        assert json.loads(package.read("stac_item.json"))["id"] == item.id


@pytest.mark.states(167, 196, 200, 201, 202, 203, 204, 205, 206, 207)
def test_the_item_states_the_documented_fields(item, bright_squares):
    said = item.to_dict()
    assert (said["type"], said["stac_version"], said["geometry"]["type"]) == ("Feature", "1.1.0", "Polygon")
    boxes = []
    for chip in bright_squares[0].iterdir():
        with rasterio.open(chip) as source:
            boxes.append(transform_bounds(source.crs, "EPSG:4326", *source.bounds))
    west, south, east, north = zip(*boxes, strict=True)
    assert item.bbox == pytest.approx([min(west), min(south), max(east), max(north)], abs=1e-5)
    assert "buildings" in item.properties["description"]
    assert [band["name"] for band in item.properties["bands"]] == ["red", "green", "blue"]
    expected = {
        "title": "Bright squares",
        "license": "MIT",
        "keywords": ["squares", "tents"],
        "mlm:name": "refugee-camp-classic",
        "mlm:architecture": "classic",
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:framework": "PyTorch",
        "mlm:framework_version": torch.__version__,
        "mlm:total_parameters": PARAMETERS,
        "mlm:memory_size": 4 * PARAMETERS,
        "mlm:batch_size_suggestion": 8,
    }
    assert {name: item.properties[name] for name in expected} == expected


@pytest.mark.states(210, 212, 220)
def test_the_item_states_what_goes_in_and_what_comes_out_and_how_an_image_is_fitted(trained, item):
    (source,), (answer,) = item.properties["mlm:input"], item.properties["mlm:output"]
    assert source["bands"] == ["red", "green", "blue"]
    dimensions = ["batch", "bands", "height", "width"]
    assert source["input"] == {"shape": [-1, 3, 64, 64], "dim_order": dimensions, "data_type": "float32"}
    assert answer["result"]["shape"] == [-1, 1, 64, 64]
    assert [part["name"] for part in answer["classification:classes"]] == ["background", "building"]
    assert [part["value"] for part in answer["classification:classes"]] == [0, 1]
    assert source["resize_type"] == "interpolation-linear"
    assert "each is stretched to 64 x 64 pixels" in (trained.room / "meta" / "model_card.md").read_text()
    assert json.loads((trained.room / "meta" / "model.emd").read_text())["Segmint"]["fit"] == "resize"


@pytest.mark.states(213, 214, 215, 217, 218, 219)
def test_the_item_lists_the_documented_assets(item, artifacts):
    listed = {Path(asset.get_absolute_href()).name: asset for asset in item.assets.values()}
    assert len(listed) >= 15
    for name in ("best_model.pth", "best_model.pt", "best_model.onnx"):
        assert "mlm:model" in listed[name].roles
    assert "mlm:inference-runtime" in listed["best_model.dlpk"].roles
    assert listed["best.ckpt"].roles == ["mlm:checkpoint"]
    assert all("mlm:source_code" in listed[name].roles for name in ("train.py", "SegmintClassifier.py"))
    assert all(name in listed for name in ("model.emd", "confusion_matrix.png", "requirements.txt"))
    assert all(listed[f"example_{name}.png"].roles == ["overview"] for name in ("input", "pred", "target"))
    assert all(Path(asset.get_absolute_href()).is_file() for asset in item.assets.values())


@pytest.mark.states(168)
def test_another_file_becomes_an_asset_by_one_entry(trained, artifacts, tmp_path, monkeypatch, schema_store):
    entry = ("survey", "How the ground was surveyed", ("metadata",), "text/plain", None, None, None)
    monkeypatch.setitem(assets._KNOWN, "metadata/survey.txt", entry)
    shutil.copytree(artifacts / "models", tmp_path / "models")
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "survey.txt").write_text("on foot")
    contract = ModelContract.read(trained.room / "meta" / "contract.json")
    content = stac.item(contract, assets.model_files(tmp_path))
    assert content["assets"]["survey"]["file:size"] == len("on foot")
    assert stac_schemas.validate(content, schema_store).errors == ()


@pytest.mark.states(231, 232)
def test_inference_answers_a_photograph_of_another_size(trained, command):
    values = np.full((120, 180, 3), 60, np.uint8)
    values[30:70, 40:100] = 210
    Image.fromarray(values).save(trained.room / "photo.jpg", quality=95)
    command(trained.room, "mlflow run . -e inference --env-manager local -P image_path=photo.jpg -P model_path=meta")
    with rasterio.open(trained.room / "output" / "photo_classes.tif") as found:
        assert found.shape == (120, 180)
        assert set(np.unique(found.read(1))) <= {0, 1}
    with Image.open(trained.room / "output" / "photo_overlay.png") as overlay:
        assert overlay.size == (180, 120)


@pytest.mark.states(233)
def test_validate_stac_checks_the_item_against_the_published_schemas(trained, command, schema_store):
    line = "mlflow run . -e validate_stac --env-manager local -P stac_file=meta/stac_item.json"
    said = command(trained.room, line, **SCHEMAS).output
    assert "valid against 6 published schemas" in said
    assert "5 checks passed" in said


@pytest.mark.states(235)
@pytest.mark.documents
def test_stac2esri_makes_a_package_of_item_and_onnx(trained, command, schema_store):
    given = "-P stac_path=meta/stac_item.json -P onnx_path=meta/best_model.onnx -P out_dir=esri -P dlpk_name=camp.dlpk"
    said = command(trained.room, f"mlflow run . -e stac2esri --env-manager local {given}", **SCHEMAS).output
    assert "masks agree on 100.0000 %" in said
    with zipfile.ZipFile(trained.room / "esri" / "camp.dlpk") as package:
        assert {"camp.emd", "camp.pt", "SegmintClassifier.py", "stac_item.json"} == set(package.namelist())


@pytest.mark.states(119, 189)
def test_a_training_goes_on_from_the_state_dict_by_the_documented_script(trained, command):
    line = "python src/train.py --epochs 1 --batch_size 16 --lr 5e-4 --chips_dir chips --labels_dir labels"
    own = "--recipe refugee-camp-classic --data.tile_size 64 --network.weights meta/best_model.pth --output_dir tuned"
    tuned = command(trained.room, f"{line} {own}")
    params = tuned.run.data.params
    assert (params["training.epochs"], params["training.batch_size"], params["training.lr"]) == ("1", "16", "0.0005")
    assert "best_model.pth" in params["network.weights_origin"]
    first = trained.client.get_metric_history(trained.run.info.run_id, "train_loss")[0].value
    assert tuned.run.data.metrics["train_loss"] < first
