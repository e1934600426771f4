import importlib.util
import json
import os
import stat
import subprocess
import sys
import threading
import types
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from segmint.contract import Dataset, ModelContract, Network
from segmint.errors import ExportError
from segmint.export import dlpk
from segmint.interface import Band, Class, Input, Normalisation, Output

ESRI = Path(dlpk.__file__).parent / "esri"
TILE_HEIGHT, TILE_WIDTH = 32, 48


def load_host():
    spec = importlib.util.spec_from_file_location("esri_host_under_test", ESRI / "host.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


host = load_host()


class RawNetwork(nn.Module):
    """Whole numbers over a power of two, so that every answer is exact whatever the order of the sums."""

    def __init__(self, kernel: int, channels: int, nodata: float | None, stand_in: float) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, channels, kernel, padding=kernel // 2)
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            weight = torch.randint(-8, 9, self.convolution.weight.shape, generator=generator)
            self.convolution.weight.copy_(weight / 1024)
            self.convolution.bias.copy_(torch.arange(channels) / 8)
        self.channels, self.nodata, self.stand_in = channels, float("nan") if nodata is None else nodata, stand_in

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        empty = (image == self.nodata).all(dim=1, keepdim=True) | ~torch.isfinite(image)
        logits = self.convolution(torch.where(empty, torch.full_like(image, self.stand_in), image))
        return torch.sigmoid(logits) if self.channels == 1 else torch.softmax(logits, dim=1)


def save(network: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(network, torch.rand(2, 3, TILE_HEIGHT, TILE_WIDTH)), str(path))
    return path


def contract_of(activation: str = "sigmoid", nodata: float | None = None, **changes: object) -> ModelContract:
    colours = ("#000000", "#DC143C") if activation == "sigmoid" else ("#000000", "#FF0000", "#00FF00", "#0A0BFE")
    names = ("background", "camp") if activation == "sigmoid" else ("background", "fire", "forest", "water")
    content = {
        "name": "camp-finder",
        "title": "Camp finder",
        "description": "Finds camps",
        "license": "Apache-2.0",
        "recipe": "camps",
        "created": "2026-11-20T10:00:00Z",
        "inputs": (
            Input(
                bands=tuple(Band(name=name) for name in ("red", "green", "blue")),
                source_dtype="uint8",
                value_range=(0, 255),
                nodata=nodata,
                normalisation=Normalisation(scale=1, mean=(0, 0, 0), std=(1, 1, 1), source="training split"),
            ),
        ),
        "height": TILE_HEIGHT,
        "width": TILE_WIDTH,
        "resolution_m": 0.5,
        "output": Output(
            activation=activation,
            classes=tuple(
                Class(value=value, name=name, color=colour)
                for value, (name, colour) in enumerate(zip(names, colours, strict=True))
            ),
            threshold=0.375,
            temperature=1,
        ),
        "stride": 16,
        "network": Network(architecture="unet", parameters=1, memory_bytes=4),
        "dataset": Dataset(digest="0" * 64, chips={"train": 1}, split_rule="none", bbox_wgs84=(24.0, -3.0, 25.0, -2.0)),
        "batch_size": 4,
    }
    return ModelContract.model_validate(content | changes)


class Case:
    """A network, its package in a folder with a space and a non-ASCII letter, and the package unpacked."""

    def __init__(self, folder: Path, activation: str = "sigmoid", nodata: float | None = None, kernel: int = 1) -> None:
        self.contract = contract_of(activation, nodata)
        self.network = RawNetwork(kernel, self.contract.output.channels, nodata, stand_in=64.0)
        folder = folder / "dossier été"
        folder.mkdir()
        self.path = folder / "best_model.dlpk"
        dlpk.write(self.contract, save(self.network, folder / "traced.pt"), None, self.path)
        self.unpacked = folder / "unpacked"
        self.unpacked.mkdir()
        self.emd = dlpk.unpack(self.path, self.unpacked)

    def function(self):
        return host.load_function(self.unpacked / "SegmintClassifier.py")

    def host_answer(self, raster, mask=None, **arguments):
        function = self.function()
        configuration = host.configure(function, str(self.emd), arguments)
        return host.classify(function, configuration, raster, valid_everywhere(raster) if mask is None else mask)

    def network_answer(self, raster) -> np.ndarray:
        with torch.no_grad():
            answer = self.network(torch.from_numpy(raster.astype(np.float32))[None])[0].numpy()
        return answer[0] >= np.float32(0.375) if len(answer) == 1 else answer.argmax(axis=0)


def valid_everywhere(raster) -> np.ndarray:
    return np.ones(raster.shape, np.uint8)


def raster_of(height: int, width: int, dtype: str = "u1", bands: int = 3) -> np.ndarray:
    low = -100 if dtype == "i2" else 0
    return np.random.default_rng(5).integers(low, 256, (bands, height, width)).astype(dtype)


@pytest.fixture(scope="module")
def pixelwise(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("pixelwise"))


@pytest.fixture(scope="module")
def with_nodata(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("nodata"), nodata=7.0)


@pytest.fixture(scope="module")
def multiclass(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("multiclass"), activation="softmax")


@pytest.fixture(scope="module")
def neighbourhood(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("neighbourhood"), kernel=3)


# the definition


def test_the_definition_says_what_esri_documents_and_nothing_that_changes_pixels_or_hides_arguments():
    definition = dlpk.emd(contract_of(), "best_model.pt")
    assert definition["ModelType"] == "ImageClassification"
    assert definition["InferenceFunction"] == "SegmintClassifier.py"
    assert definition["ModelFile"] == "best_model.pt"
    assert (definition["ImageHeight"], definition["ImageWidth"], definition["ExtractBands"]) == (32, 48, [0, 1, 2])
    assert definition["Version"] == "2026.11"
    assert definition["Classes"] == [
        {"Value": 0, "Name": "background", "Color": [0, 0, 0]},
        {"Value": 1, "Name": "camp", "Color": [220, 20, 60]},
    ]
    assert not {"DataRange", "BatchSize", "Padding", "ModelPadding"} & set(definition)


def test_the_cell_size_stands_in_the_utm_zone_of_the_training_data():
    # 24.5 degrees east, 2.5 degrees south lies in zone 35 south, EPSG 32735.
    cell = dlpk.emd(contract_of(), "m.pt")["MinCellSize"]
    assert cell == {"x": 0.5, "y": 0.5, "spatialReference": {"wkid": 32735, "latestWkid": 32735}}


def test_the_cell_size_is_null_where_the_ground_is_unknown():
    dataset = contract_of().dataset.model_copy(update={"bbox_wgs84": None})
    definition = dlpk.emd(contract_of(dataset=dataset), "m.pt")
    assert (definition["MinCellSize"], definition["MaxCellSize"]) == (None, None)


def test_the_loose_definition_is_json_without_byte_order_mark_for_the_torchscript_beside_it(tmp_path):
    dlpk.write_emd(contract_of(), tmp_path / "model.emd")
    content = (tmp_path / "model.emd").read_bytes()
    assert content.startswith(b"{")
    assert json.loads(content)["ModelFile"] == "best_model.pt"
    assert [file.name for file in tmp_path.iterdir()] == ["model.emd"]


# the package


def test_a_package_has_everything_deflated_at_its_root_and_the_same_bytes_each_time(tmp_path):
    model, item = tmp_path / "traced.pt", tmp_path / "item.json"
    model.write_bytes(b"model" * 100)
    item.write_text("{}")
    paths = [tmp_path / folder / "best_model.dlpk" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        dlpk.write(contract_of(), model, item, path)
        os.utime(model, (0, 0))
    with zipfile.ZipFile(paths[0]) as archive:
        assert sorted(archive.namelist()) == [
            "SegmintClassifier.py",
            "best_model.emd",
            "best_model.pt",
            "stac_item.json",
        ]
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_DEFLATED}
        assert archive.read("best_model.pt") == model.read_bytes()
        assert json.loads(archive.read("best_model.emd"))["ModelFile"] == "best_model.pt"
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert [file.name for file in paths[0].parent.iterdir()] == ["best_model.dlpk"]


def test_a_missing_torchscript_is_named(tmp_path):
    with pytest.raises(ExportError, match=r"traced\.pt is missing"):
        dlpk.write(contract_of(), tmp_path / "traced.pt", None, tmp_path / "best_model.dlpk")


@pytest.mark.parametrize(
    ("name", "attributes", "message"),
    [
        ("../evil.py", stat.S_IFREG, "without a folder"),
        ("/etc/evil", stat.S_IFREG, "without a folder"),
        ("C:evil.py", stat.S_IFREG, "without a folder"),
        ("folder/inner.py", stat.S_IFREG, "without a folder"),
        ("best_model.emd", stat.S_IFREG, "unique"),
        ("link.py", stat.S_IFLNK, "is a link"),
        ("second.emd", stat.S_IFREG, "exactly best_model.emd"),
    ],
)
def test_a_package_with_an_unsafe_member_is_not_unpacked(tmp_path, name, attributes, message):
    path, folder = tmp_path / "best_model.dlpk", tmp_path / "unpacked"
    folder.mkdir()
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("best_model.emd", "{}")
        member = zipfile.ZipInfo(name)
        member.external_attr = (attributes | 0o644) << 16
        archive.writestr(member, "x")
    with pytest.raises(ExportError, match=message):
        dlpk.unpack(path, folder)
    assert not list(folder.iterdir())


def test_a_package_that_unpacks_to_too_much_is_refused_before_unpacking(tmp_path, monkeypatch):
    path = tmp_path / "best_model.dlpk"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("best_model.emd", " " * 100_000)
    monkeypatch.setattr(dlpk, "MAX_UNPACKED_BYTES", 99_999)
    with pytest.raises(ExportError, match="100000 bytes unpacked"):
        dlpk.unpack(path, tmp_path)


@pytest.mark.parametrize("content", [b"not a zip", None])
def test_a_file_that_is_no_package_is_an_export_error(tmp_path, content):
    path = tmp_path / "best_model.dlpk"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExportError, match=r"best_model\.dlpk"):
        dlpk.unpack(path, tmp_path)


# the proof, in a Python of its own


def test_class_maps_are_the_networks_own_answer_on_every_chip(neighbourhood):
    chips = np.stack([raster_of(TILE_HEIGHT, TILE_WIDTH), raster_of(TILE_HEIGHT, TILE_WIDTH)[:, ::-1]])
    maps = dlpk.class_maps(neighbourhood.path, chips)
    expected = np.stack([neighbourhood.network_answer(chip) for chip in chips])
    assert maps.dtype == np.uint8
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(maps, expected)


def test_a_whole_raster_with_gaps_is_answered_as_in_this_process(neighbourhood):
    raster = raster_of(101, 77)
    mask = valid_everywhere(raster)
    mask[:, 40:60, :30] = 0
    arguments = {"padding": 7, "batch_size": 4}
    (found,) = dlpk.class_maps(neighbourhood.path, raster[None], mask[None], arguments)
    expected, _ = neighbourhood.host_answer(raster, mask, **arguments)
    np.testing.assert_array_equal(found, expected)
    assert (found != dlpk.class_maps(neighbourhood.path, raster[None], arguments=arguments)[0]).any()


def test_a_model_that_does_not_belong_to_its_definition_fails_the_proof_in_one_sentence(tmp_path):
    path = tmp_path / "best_model.dlpk"
    dlpk.write(contract_of("softmax"), save(RawNetwork(1, 2, None, 0), tmp_path / "two.pt"), None, path)
    with pytest.raises(ExportError, match=r"The model gives 2 channels, its definition says 4") as raised:
        dlpk.class_maps(path, raster_of(TILE_HEIGHT, TILE_WIDTH)[None])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("package", ["segmint", "mlflow", "segmentation_models_pytorch", "pytorch_lightning"])
def test_a_raster_function_that_needs_what_arcgis_lacks_fails_the_proof(pixelwise, tmp_path, package):
    path = tmp_path / "best_model.dlpk"
    with zipfile.ZipFile(pixelwise.path) as source, zipfile.ZipFile(path, "w") as archive:
        for name in ("best_model.emd", "best_model.pt"):
            archive.writestr(name, source.read(name))
        archive.writestr("SegmintClassifier.py", f"import {package}")
    with pytest.raises(ExportError, match=f"No module named '{package}' in ArcGIS"):
        dlpk.class_maps(path, raster_of(TILE_HEIGHT, TILE_WIDTH)[None])


def run_job(case: Case, folder: Path, refused: list[str]) -> subprocess.CompletedProcess:
    function = str(case.unpacked / "SegmintClassifier.py")
    job = {"function": function, "model": str(case.emd), "arguments": {}, "refused": refused}
    (folder / "job.json").write_text(json.dumps(job))
    for name in ("rasters", "masks"):
        np.save(folder / f"{name}.npy", raster_of(8, 8)[None])
    command = [sys.executable, "-I", str(ESRI / "host.py"), str(folder)]
    return subprocess.run(command, capture_output=True, encoding="utf-8")


def test_without_torch_the_message_says_which_installer_is_missing(pixelwise, tmp_path):
    done = run_job(pixelwise, tmp_path, ["torch"])
    assert done.returncode != 0
    assert "Deep Learning Libraries" in done.stderr.splitlines()[-1]


# the raster function, driven over whole rasters


@pytest.mark.parametrize("padding", [0, 8, 15])
@pytest.mark.parametrize("batch_size", [1, 4, 5, 6])
def test_a_pixelwise_network_answers_as_on_the_whole_image(pixelwise, padding, batch_size):
    raster = raster_of(101, 77)
    classes, mask = pixelwise.host_answer(raster, padding=padding, batch_size=batch_size)
    np.testing.assert_array_equal(classes, pixelwise.network_answer(raster))
    assert mask.all()


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "f4", "f8"])
def test_every_pixel_type_is_read_as_it_is_stored(pixelwise, dtype):
    raster = raster_of(60, 60, dtype)
    np.testing.assert_array_equal(pixelwise.host_answer(raster)[0], pixelwise.network_answer(raster))


@pytest.mark.parametrize("shape", [(1, 1), (7, 90), (TILE_HEIGHT, TILE_WIDTH), (33, 49)])
def test_any_raster_size_is_answered(pixelwise, shape):
    raster = raster_of(*shape)
    np.testing.assert_array_equal(pixelwise.host_answer(raster)[0], pixelwise.network_answer(raster))


def test_bands_are_taken_in_the_order_of_the_definition(pixelwise):
    raster = raster_of(40, 40, bands=5)
    np.testing.assert_array_equal(pixelwise.host_answer(raster)[0], pixelwise.network_answer(raster[:3]))


def test_a_nodata_corner_stays_nodata_and_changes_nothing_beside_it(with_nodata):
    raster = raster_of(70, 70)
    mask = valid_everywhere(raster)
    mask[:, :20, :30] = 0
    raster[:, :20, :30] = 200  # what a host leaves under the mask must not matter
    classes, classes_mask = with_nodata.host_answer(raster, mask)
    np.testing.assert_array_equal(classes_mask, mask[0])
    expected = with_nodata.network_answer(np.where(mask == 1, raster, 7))
    np.testing.assert_array_equal(classes, expected)


def test_a_value_masked_in_one_band_is_the_value_it_had_in_training(with_nodata):
    raster = raster_of(40, 40)
    raster[0, :10] = 7
    mask = (raster != 7).astype(np.uint8)
    classes, classes_mask = with_nodata.host_answer(raster, mask)
    np.testing.assert_array_equal(classes, with_nodata.network_answer(raster))
    np.testing.assert_array_equal(classes_mask, mask.any(axis=0))


def test_without_a_nodata_value_missing_pixels_and_nan_become_the_networks_stand_in(pixelwise):
    raster = raster_of(50, 60, "f4")
    raster[1, 5:9] = np.nan
    mask = valid_everywhere(raster)
    mask[:, 30:] = 0
    classes, classes_mask = pixelwise.host_answer(raster, mask)
    seen = raster.copy()
    seen[1, 5:9], seen[:, 30:] = 64, 64  # the stand-in of the network
    np.testing.assert_array_equal(classes, pixelwise.network_answer(seen))
    assert classes_mask[:30].all()
    assert not classes_mask[30:].any()


def test_a_network_with_context_sees_the_padding_of_its_tile_and_nothing_outside(neighbourhood):
    raster = raster_of(70, 90)
    padding = 5
    step_y, step_x = TILE_HEIGHT - 2 * padding, TILE_WIDTH - 2 * padding
    surround = np.pad(raster.astype(np.float32), ((0, 0), (padding, 99), (padding, 99)), constant_values=np.nan)
    expected = np.zeros((70, 90))
    for y in range(0, 70, step_y):
        for x in range(0, 90, step_x):
            tile = neighbourhood.network_answer(surround[:, y : y + TILE_HEIGHT, x : x + TILE_WIDTH])
            part = expected[y : y + step_y, x : x + step_x]
            part[...] = tile[padding : padding + part.shape[0], padding : padding + part.shape[1]]
    classes, _ = neighbourhood.host_answer(raster, padding=padding, batch_size=5)
    np.testing.assert_array_equal(classes, expected)


def test_with_padding_wider_than_its_context_a_network_leaves_no_seams(neighbourhood):
    raster = raster_of(90, 90)
    classes, _ = neighbourhood.host_answer(raster, padding=1)
    # Away from the raster's edge, where a whole-image pass pads with 0 and the tiles with the stand-in.
    np.testing.assert_array_equal(classes[1:-1, 1:-1], neighbourhood.network_answer(raster)[1:-1, 1:-1])


def test_softmax_gives_the_class_of_largest_probability(multiclass):
    raster = raster_of(50, 100)
    classes, _ = multiclass.host_answer(raster)
    assert len(np.unique(classes)) == 4
    np.testing.assert_array_equal(classes, multiclass.network_answer(raster))


def test_mirrored_predictions_are_averaged(neighbourhood):
    raster = raster_of(TILE_HEIGHT, TILE_WIDTH).astype(np.float32)
    with torch.no_grad():
        answers = [
            neighbourhood.network(torch.from_numpy(raster[:, ::y, ::x].copy())[None])[0, 0].numpy()[::y, ::x]
            for y in (1, -1)
            for x in (1, -1)
        ]
    mean = np.mean(answers, axis=0)
    clear = np.abs(mean - 0.375) > 1e-6
    classes, _ = neighbourhood.host_answer(raster, padding=0, batch_size=1, test_time_augmentation="true")
    np.testing.assert_array_equal(classes[clear], mean[clear] >= 0.375)
    assert (classes != neighbourhood.network_answer(raster)).any()


def test_smaller_blocks_at_the_edge_and_read_only_arrays_are_answered(pixelwise):
    function = pixelwise.function()
    host.configure(function, str(pixelwise.emd), {"padding": 4})
    raster = raster_of(31, 27)
    raster.setflags(write=False)
    answer = function.updatePixels((0, 0), raster.shape, {"pixelType": "u1"}, raster_pixels=raster)
    assert answer["output_pixels"].shape == (1, 23, 19)
    np.testing.assert_array_equal(answer["output_pixels"][0], pixelwise.network_answer(raster)[4:-4, 4:-4])


def test_two_packages_in_one_process_and_two_threads_do_not_disturb_each_other(pixelwise, multiclass):
    raster = raster_of(120, 120)
    answers = {}

    def answer(case: Case) -> None:
        answers[case] = case.host_answer(raster)[0]

    threads = [threading.Thread(target=answer, args=(case,)) for case in (pixelwise, multiclass)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for case in (pixelwise, multiclass):
        np.testing.assert_array_equal(answers[case], case.network_answer(raster))


# the calls before the pixels


def test_the_definition_may_come_as_text_with_the_models_whole_path(pixelwise):
    text = json.dumps(json.loads(pixelwise.emd.read_text()) | {"ModelFile": str(pixelwise.unpacked / "best_model.pt")})
    function = host.load_function(ESRI / "SegmintClassifier.py")
    raster = raster_of(40, 40)
    answer, _ = host.classify(function, host.configure(function, text, {}), raster, valid_everywhere(raster))
    np.testing.assert_array_equal(answer, pixelwise.network_answer(raster))


def test_the_tool_shows_the_model_arguments_once_a_model_is_chosen(pixelwise, multiclass):
    function = pixelwise.function()
    function.initialize()
    assert [item["name"] for item in function.getParameterInfo()] == ["raster", "model", "device"]
    function.initialize(model=str(pixelwise.emd), device=-1)
    parameters = {item["name"]: item for item in function.getParameterInfo()}
    values = {name: item["value"] for name, item in parameters.items()}
    assert (values["padding"], values["batch_size"], values["threshold"]) == (TILE_HEIGHT // 4, 4, 0.375)
    assert parameters["test_time_augmentation"]["domain"] == ("True", "False")
    for item in parameters.values():
        assert item["displayName"]
        assert item["description"]
        assert item["dataType"] in {"raster", "numeric", "string"}
    other = multiclass.function()
    other.initialize(model=str(multiclass.emd))
    assert "threshold" not in {item["name"] for item in other.getParameterInfo()}


@pytest.mark.parametrize(("threshold", "expected"), [("0,5", 0.5), ("0.25", 0.25), ("", 0.375), ("1e-1", 0.1)])
def test_a_threshold_is_read_in_every_locale_and_used(pixelwise, threshold, expected):
    raster = raster_of(40, 40)
    classes, _ = pixelwise.host_answer(raster, threshold=threshold)
    with torch.no_grad():
        probability = pixelwise.network(torch.from_numpy(raster.astype(np.float32))[None])[0, 0].numpy()
    np.testing.assert_array_equal(classes, probability >= np.float32(expected))


@pytest.mark.parametrize(
    ("arguments", "block"),
    [
        ({}, (2 * 16, 2 * 32)),
        ({"padding": "0", "batch_size": "1"}, (32, 48)),
        ({"padding": "4", "batch_size": "6"}, (2 * 24, 3 * 40)),
        ({"padding": "15", "batch_size": "3"}, (2, 3 * 18)),
    ],
)
def test_the_block_is_the_batch_of_tiles_without_their_padding(pixelwise, arguments, block):
    function = pixelwise.function()
    function.initialize(model=str(pixelwise.emd), device="-1")
    asked = function.getConfiguration(**arguments)
    assert (asked["ty"], asked["tx"]) == block
    assert (asked["extractBands"], asked["fixedTileSize"], asked["inputMask"]) == ((0, 1, 2), 1, True)
    assert "dataRange" not in asked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"padding": "16"}, "padding is '16'. Use a number from 0 to 15"),
        ({"padding": "-1"}, "padding is '-1'"),
        ({"batch_size": "0"}, "batch_size is '0'"),
        ({"threshold": "half"}, "threshold is 'half'. Use a number from 0 to 1"),
        ({"threshold": "1,5"}, "threshold is '1,5'"),
    ],
)
def test_an_unusable_argument_is_named_with_its_range(pixelwise, arguments, message):
    function = pixelwise.function()
    function.initialize(model=str(pixelwise.emd), device=-1)
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        function.getConfiguration(**arguments)


def test_the_output_is_one_byte_band_with_a_coloured_attribute_table(multiclass):
    info = host.configure(multiclass.function(), str(multiclass.emd), {}).output_info
    assert (info["bandCount"], info["pixelType"]) == (1, "u1")
    table = json.loads(info["rasterAttributeTable"])
    assert [field["name"] for field in table["fields"]] == ["OID", "Value", "Class", "Red", "Green", "Blue"]
    rows = [tuple(feature["attributes"].values()) for feature in table["features"]]
    assert rows == [
        (0, 0, "background", 0, 0, 0),
        (1, 1, "fire", 255, 0, 0),
        (2, 2, "forest", 0, 255, 0),
        (3, 3, "water", 10, 11, 254),
    ]


@pytest.mark.parametrize("device", [None, -2, -1, 0, 99, "0"])
@pytest.mark.parametrize("processor", ["GPU", "CPU", None])
def test_every_device_number_works_with_and_without_arcpy(pixelwise, monkeypatch, device, processor):
    arcpy = types.ModuleType("arcpy")
    arcpy.env = types.SimpleNamespace(processorType=processor, gpuId="0")
    monkeypatch.setitem(sys.modules, "arcpy", arcpy if processor else None)
    function = pixelwise.function()
    function.initialize(model=str(pixelwise.emd), **({} if device is None else {"device": device}))
    gpus = torch.cuda.device_count()
    wants_gpu = processor != "CPU" if device is None else int(device) in (-2, 0)
    assert function.device.type == ("cuda" if wants_gpu and gpus else "cpu")


def test_missing_or_foreign_files_are_named(pixelwise, tmp_path):
    function = pixelwise.function()
    with pytest.raises(FileNotFoundError, match=r"absent\.emd is missing"):
        function.initialize(model=str(tmp_path / "absent.emd"))
    alone = tmp_path / "alone.emd"
    alone.write_text(pixelwise.emd.read_text(), encoding="utf-8-sig")
    with pytest.raises(FileNotFoundError, match=r"best_model\.pt is missing"):
        function.initialize(model=str(alone))
    with pytest.raises(ValueError, match="is not JSON"):
        function.initialize(model="{")
    with pytest.raises(ValueError, match="has no ImageHeight"):
        function.initialize(model='{"ModelFile": "m.pt"}')


def test_the_function_leaves_nothing_but_its_answer(pixelwise, capfd):
    before = {path for path in pixelwise.unpacked.iterdir() if path.name != "__pycache__"}
    pixelwise.host_answer(raster_of(40, 40))
    assert {path for path in pixelwise.unpacked.iterdir() if path.name != "__pycache__"} == before
    assert capfd.readouterr().out == ""
