"""One photograph, one mask: predict, evaluate, the program of the model card and the Esri package agree on it.

In one runtime masks are equal to the pixel. The package runs TorchScript where the others run ONNX: there a pixel may
differ whose probability is the threshold but for the rounding of a float.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from e2e_settings import REPOSITORY, environment
from PIL import Image, ImageOps
from torch.nn.functional import interpolate

from segmint.contract import ModelContract
from segmint.data.pairs import find_chips
from segmint.evaluation.chips import answers
from segmint.evaluation.reading import reading
from segmint.export import card, dlpk, stac, whole
from segmint.inference.backend import choose
from segmint.inference.job import Job
from segmint.inference.models import find_model
from segmint.inference.request import Request

PHOTOGRAPHS = {
    "landscape": ((150, 96), 1),
    "portrait": ((77, 131), 1),
    "tiny": ((5, 9), 1),
    "a line": ((200, 2), 1),
    "one pixel": ((1, 1), 1),
    "as large as the tile": ((64, 64), 1),
    "large": ((700, 431), 1),
    "upside down": ((90, 61), 3),
    "turned": ((120, 83), 6),
    "mirrored and turned": ((83, 121), 7),
}
"""Name -> width and height as stored, EXIF orientation."""

FITS = ("letterbox", "resize")
BESIDE = 1e-6
"""How far from the threshold two runtimes may still differ: they round a probability differently, by less than this."""


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Soft noise, so that a network has something to see at every scale."""
    folder = tmp_path_factory.mktemp("photographs of strips")
    draw = np.random.default_rng(3)
    for name, (size, orientation) in PHOTOGRAPHS.items():
        noise = Image.fromarray(draw.integers(0, 256, (7, 7, 3)).astype(np.uint8))
        picture = noise.resize(size, Image.Resampling.BICUBIC)
        exif = picture.getexif()
        exif[274] = orientation
        picture.save(folder / f"{name}.jpg", exif=exif, quality=95)
    return folder


def upright(path) -> np.ndarray:
    """As GDAL decodes it, which other decoders do not repeat to the last bit, turned by Pillow."""
    with rasterio.open(path) as source:
        picture = Image.fromarray(source.read().transpose(1, 2, 0))
    picture.getexif()[274] = PHOTOGRAPHS[path.stem][1]
    return np.asarray(ImageOps.exif_transpose(picture)).transpose(2, 0, 1)


def by_torch(model: Path, contract: ModelContract, image: np.ndarray) -> np.ndarray:
    """Probabilities ``[H, W]`` on the photograph's own pixels, with torch's own scaling and nothing of ours."""
    height, width = image.shape[1:]
    ratio = 64 / max(height, width)
    rows, columns = (64, 64) if contract.fit == "resize" else (max(round(s * ratio), 1) for s in (height, width))
    scaled = interpolate(torch.tensor(image)[None].float(), (rows, columns), mode="bilinear", antialias=True)
    tile = np.pad(scaled.round()[0].numpy(), ((0, 0), (0, 64 - rows), (0, 64 - columns)), mode="symmetric")
    with torch.no_grad():
        answer = torch.jit.load(str(model / "best_model.pt"))(torch.from_numpy(tile)[None])[:, :, :rows, :columns]
    return interpolate(answer, (height, width), mode="bilinear", antialias=True)[0, 0].numpy()


@pytest.fixture(scope="module", params=FITS)
def predicted(request, model_folder, photographs, tmp_path_factory):
    """A model, its contract with a threshold amid what it answers, and probabilities and masks that predict writes."""
    folder, output = model_folder(fit=request.param), tmp_path_factory.mktemp("maps")
    asked = Request(model=str(folder), input=str(photographs), probabilities="float32", backend="onnxruntime")
    contract = ModelContract.read(folder / "contract.json")
    shares = np.concatenate([by_torch(folder, contract, upright(path)).ravel() for path in photographs.iterdir()])
    threshold = float(np.median(shares))
    contract = contract.model_copy(update={"output": contract.output.model_copy(update={"threshold": threshold})})
    found = {}
    with find_model(str(folder)) as files:
        job = Job(Request(**(vars(asked) | {"threshold": threshold})), files)
        for path in sorted(photographs.iterdir()):
            job.run(str(path), output, path.stem)
            with rasterio.open(output / f"{path.stem}_classes.tif") as classes:
                mask = classes.read(1)
            with rasterio.open(output / f"{path.stem}_probabilities.tif") as probabilities:
                found[path.stem] = probabilities.read(1), mask
    assert set(PHOTOGRAPHS) == set(found)
    return folder, contract, found


def test_a_photograph_is_answered_on_its_own_pixels_as_training_saw_it(predicted, photographs):
    folder, contract, found = predicted
    for name, (probability, mask) in found.items():
        expected = by_torch(folder, contract, upright(photographs / f"{name}.jpg"))
        assert probability.shape == mask.shape == expected.shape
        # the tile of whole numbers may differ by 1 where two scalings round the same half
        np.testing.assert_allclose(probability, expected, atol=2e-3, err_msg=name)
    marked = np.concatenate([mask.ravel() for _, mask in found.values()])
    assert 0.2 < marked.mean() < 0.8


def test_evaluate_sees_what_predict_writes(predicted, photographs, tmp_path):
    folder, contract, found = predicted
    for name, (_, mask) in found.items():
        Image.fromarray(mask * 255).save(tmp_path / f"{name}.png")
    chips = find_chips(reading(contract, (), str(photographs), str(tmp_path)))
    with find_model(str(folder)) as files:
        predict = choose(files, "onnxruntime").predict
    for item in answers(chips, contract, predict, contract.stride, 4):
        probability, mask = found[item.chip.stem]
        assert np.array_equal(item.probability[0], probability)
        assert np.array_equal(item.target, mask)


def test_the_program_of_the_card_gives_the_same_mask(predicted, photographs, tmp_path, monkeypatch):
    folder, contract, found = predicted
    program = card.onnx_example(contract)
    assert "import segmint" not in program
    assert "from segmint" not in program
    monkeypatch.chdir(tmp_path)
    Path("best_model.onnx").symlink_to(folder / "best_model.onnx")
    for name, (_, mask) in found.items():
        Path("scene.tif").unlink(missing_ok=True)
        Path("scene.tif").symlink_to(photographs / f"{name}.jpg")
        names = {"__name__": "__main__"}
        exec(program, names)  # as printed; a Python of its own runs it in the test of tiles
        assert np.array_equal(names["class_map"], mask), name


def load_host():
    spec = importlib.util.spec_from_file_location("esri_host", Path(dlpk.__file__).parent / "esri" / "host.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


host = load_host()


@pytest.fixture
def package(predicted, tmp_path):
    """The raster function of the package, configured as ArcGIS does, by ``package(block_size=...)``."""
    folder, contract, _ = predicted
    path = tmp_path / "best_model.dlpk"
    dlpk.write(contract, folder / "best_model.pt", None, path)
    (tmp_path / "unpacked").mkdir()
    definition = dlpk.unpack(path, tmp_path / "unpacked")

    def configured(**arguments):
        function = host.load_function(tmp_path / "unpacked" / "SegmintClassifier.py")
        return function, host.configure(function, str(definition), arguments)

    return configured


def test_the_esri_package_gives_the_same_mask(predicted, photographs, package):
    _, contract, found = predicted
    function, configuration = package(block_size=701)
    assert configuration.tile == (701, 701)
    for name, (probability, mask) in found.items():
        image = upright(photographs / f"{name}.jpg")
        classes, valid = host.classify(function, configuration, image, np.ones(image.shape, np.uint8))
        differs = classes != mask
        assert (np.abs(probability[differs] - contract.output.threshold) < BESIDE).all(), name
        assert valid.all()


def test_the_valid_part_of_a_block_is_the_photograph(predicted, photographs, package):
    """ArcGIS may place a photograph anywhere in a block: what is not valid is none of it."""
    _, contract, found = predicted
    function, _ = package(block_size=300)
    image = upright(photographs / "portrait.jpg")
    block, valid = np.full((3, 300, 300), 77, np.uint8), np.zeros((3, 300, 300), np.uint8)
    inside = (slice(None), slice(40, 40 + image.shape[1]), slice(9, 9 + image.shape[2]))
    block[inside], valid[inside] = image, 1
    answer = function.updatePixels((0, 0), block.shape, {"pixelType": "u1"}, raster_pixels=block, raster_mask=valid)
    probability, mask = found["portrait"]
    differs = answer["output_pixels"][inside][0] != mask
    assert (np.abs(probability[differs] - contract.output.threshold) < BESIDE).all()
    np.testing.assert_array_equal(answer["output_mask"][0], valid[0])
    answer["output_pixels"][inside] = 0
    assert not answer["output_pixels"].any()
    empty = function.updatePixels((0, 0), block.shape, {"pixelType": "u1"}, raster_pixels=block, raster_mask=valid * 0)
    assert not empty["output_mask"].any()


@pytest.mark.parametrize("block_size", [430, 431, 699, 700])
def test_a_photograph_that_may_be_larger_than_its_block_is_refused(photographs, package, block_size):
    function, configuration = package(block_size=block_size)
    image = upright(photographs / "large.jpg")
    with pytest.raises(ValueError, match=f"edge of its block of {block_size} pixels.+ Set block_size to more"):
        host.classify(function, configuration, image, np.ones(image.shape, np.uint8))


def test_the_package_asks_for_a_block_and_not_for_tiles(package):
    function, configuration = package()
    names = [item["name"] for item in function.getParameterInfo()]
    assert "block_size" in names
    assert not {"padding", "batch_size"} & set(names)
    assert (configuration.tile, configuration.padding) == ((4096, 4096), 0)


def test_the_package_runs_without_segmint(predicted, photographs, tmp_path):
    folder, contract, found = predicted
    path = tmp_path / "best_model.dlpk"
    dlpk.write(contract, folder / "best_model.pt", None, path)
    image = upright(photographs / "turned.jpg")
    (classes,) = dlpk.class_maps(path, image[None], arguments={"block_size": 200})
    probability, mask = found["turned"]
    assert (np.abs(probability[classes != mask] - contract.output.threshold) < BESIDE).all()


def test_item_card_and_definition_say_how_an_image_comes_into_the_tile(make_contract, schema_store, predicted):
    _, contract, _ = predicted
    (given,) = stac.item(contract, [])["properties"]["mlm:input"]
    assert given["resize_type"] == "interpolation-linear"
    assert given["pre_processing_function"]["expression"] == "segmint.fit:Fit.into_tile"
    aspect = "with its aspect kept" if contract.fit == "letterbox" else "stretched to 64 x 64 pixels"
    assert aspect in given["pre_processing_function"]["description"]
    assert aspect in whole.sizing(contract)
    assert dlpk.emd(contract, "m.pt")["Segmint"]["fit"] == contract.fit
    (tiles,) = stac.item(make_contract(), [])["properties"]["mlm:input"]
    assert (tiles["resize_type"], tiles["pre_processing_function"]) == (None, None)


def run(script, room, *arguments):
    command = [sys.executable, str(REPOSITORY / "src" / f"{script}.py"), *map(str, arguments)]
    done = subprocess.run(command, cwd=room, env=environment(room), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("predicted", ["letterbox"], indirect=True)
def test_the_commands_agree_and_say_what_they_do(predicted, photographs, tmp_path):
    folder, contract, found = predicted
    given = ["--model", folder, f"--threshold={contract.output.threshold!r}", "--backend=onnxruntime"]
    said = run("predict", tmp_path, *given, "--input", photographs, "--output_dir=maps")
    assert f"of one tile ({contract.fit}): a pixel of it is" in said
    (tmp_path / "labels").mkdir()
    for name, (_, mask) in found.items():
        with rasterio.open(tmp_path / "maps" / f"{name}_classes.tif") as classes:
            assert np.array_equal(classes.read(1), mask)
        Image.fromarray(mask).save(tmp_path / "labels" / f"{name}.png")
    for data in (["--chips_dir", photographs, "--labels_dir=labels"], ["--input", photographs, "--labels=labels"]):
        run("evaluate", tmp_path, *given, *data)
        scores = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())["metrics"]
        assert scores["test_iou"] == scores["test_acc"] == 1
    said = run("predict", tmp_path, *given, "--fit=tile", "--input", photographs / "large.jpg", "--output_dir=tiles")
    assert "of one tile" not in said
    with rasterio.open(tmp_path / "tiles" / "large_classes.tif") as classes:
        assert (classes.read(1) != found["large"][1]).mean() > 0.05
