import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import rasterio
import yaml
from onnx import TensorProto, helper, numpy_helper
from rasterio.transform import from_origin

from segmint.export import card

PROOF = {
    "format": "onnx",
    "file": "best_model.onnx",
    "runtime": "onnxruntime",
    "max_abs": 3.1e-6,
    "agreement": 0.99999,
    "passed": True,
    "seconds": 0.4,
    "bytes": 41_200_000,
}


def _evaluation(classes):
    names = ("iou", "f1", "precision", "recall")
    scores = {"iou": 0.7123, "f1": 0.832, "precision": math.nan, "recall": 0.811, "acc": 0.9}
    scores |= {f"{name}_{label}": 0.5 + 0.01 * i for i, label in enumerate(classes) for name in names}
    baseline = dict.fromkeys((*names, "acc"), 0.4541)
    tiles = [SimpleNamespace(stem="north_1", iou=0.613)]
    return SimpleNamespace(
        split="test",
        classes=classes,
        scores=scores,
        baseline=baseline,
        baseline_class=classes[-1],
        tiles=tiles,
        typical=0,
    )


@pytest.fixture
def write(tmp_path):
    def written(contract):
        path = tmp_path / "model_card.md"
        card.write(path, contract, _evaluation(contract.class_names), [PROOF, PROOF | {"max_abs": None}])
        assert [entry.name for entry in tmp_path.iterdir()] == ["model_card.md"]
        return path.read_text(encoding="utf-8")

    return written


def _front_matter(text):
    start, content, _ = text.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(content)


def test_the_front_matter_says_licence_tags_and_measured_scores(write, make_contract):
    contract = make_contract().model_copy(update={"keywords": ("buildings", "onnx", "yes: no")})
    front = _front_matter(write(contract))
    assert front["license"] == "apache-2.0"
    assert front["tags"] == ["semantic-segmentation", "onnx", "mlflow", "buildings", "yes: no"]
    assert front["metrics"] == ["iou", "f1", "precision", "recall", "accuracy"]
    (model,) = front["model-index"]
    measured = {metric["type"]: metric["value"] for metric in model["results"][0]["metrics"]}
    assert measured == {"iou": 0.7123, "f1": 0.832, "recall": 0.811, "accuracy": 0.9}  # an undefined one is absent
    assert model["name"] == contract.name


def test_only_a_mean_over_classes_is_called_mean_iou(write, make_contract):
    assert "mean_iou" in _front_matter(write(make_contract(classes=5)))["metrics"]
    assert "mean_iou" not in _front_matter(write(make_contract(classes=2)))["metrics"]


@pytest.mark.parametrize(("bands", "classes"), [(3, 2), (7, 5)])
def test_the_interface_is_the_contract_s(write, make_contract, bands, classes):
    contract = make_contract(bands=bands, classes=classes, nodata=0.0)
    text = write(contract)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for position, (band, mean, std) in enumerate(
        zip(contract.input.bands, contract.normalisation.mean, contract.normalisation.std, strict=True), 1
    ):
        assert f"| {position} | {band.name} | – | {mean:.6g} | {std:.6g} |" in rows  # noqa: RUF001
    for item in contract.output.classes:
        assert f"| {item.value} | {item.name} | \\{item.color} |" in rows
    channels = 1 if classes == 2 else classes
    assert f"| Shape | [batch, {bands}, 64, 64] | [batch, {channels}, 64, 64] |" in rows
    assert ("from a probability of **0.4** upwards" in text) == (classes == 2)
    assert "temperature 1.7" in text
    assert "whose bands are all 0," in text


def test_scores_stand_beside_the_constant_answer_and_proofs_beside_their_files(write, make_contract):
    text = write(make_contract())
    assert "| IoU | 0.712 | 0.454 |" in text
    assert "| Precision | n/a | 0.454 |" in text
    assert "| best\\_model.onnx | onnxruntime | 3.1e-06 | 99.9990 % | 0.40 s | 41.2 MB | proven |" in text
    assert "class values only" in text


def test_a_model_below_a_baseline_is_called_so(write, make_contract):
    contract = make_contract()
    assert "Below a baseline" not in write(contract)
    below = contract.model_copy(update={"metrics": contract.metrics | {"test_baseline_iou_pixel_classifier": 0.7}})
    assert "needs no network: test IoU 0.5000, not above the pixel classifier (0.7000)." in write(below)


def test_the_example_pictures_are_said_to_be_of_the_median_tile(write, make_contract):
    text = write(make_contract())
    assert "`example_target.png` show the test tile with the median IoU, 0.613, of the chip north\\_1." in text


def test_every_section_is_there_and_every_table_row_has_its_header_s_columns(write, make_contract):
    text = write(make_contract(bands=7, classes=3))
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "## What it is",
        "## Intended use and limits",
        "## Input and output",
        "## How to use it",
        "## Training data",
        "## Evaluation",
        "## Proof of the exports",
        "## Environment",
        "## Licence",
    ]
    for word in ("best_model.dlpk", "Classify Pixels Using Deep Learning", "Deepness", "stac_item.json"):
        assert word in text
    columns = None
    for line in text.splitlines():
        if not line.startswith("|"):
            columns = None
            continue
        count = line.replace("\\|", "").count("|")
        columns = columns or count
        assert count == columns, line


def test_names_cannot_become_markup_or_break_a_table(write, make_contract):
    contract = make_contract()
    hostile = "<b>|`x`\n# y"
    classes = (contract.output.classes[0], contract.output.classes[1].model_copy(update={"name": hostile}))
    text = write(contract.model_copy(update={"output": contract.output.model_copy(update={"classes": classes})}))
    assert "\\<b\\>\\|\\`x\\` \\# y" in text
    assert hostile not in text
    assert "\n# y" not in text


@pytest.mark.parametrize("classes", [2, 3])
def test_the_onnx_program_runs_as_printed_and_gives_the_class_map(make_contract, tmp_path, classes):
    contract = make_contract(bands=4, classes=classes, size=16)
    channels = contract.output.channels
    weights = np.random.default_rng(5).normal(0, 0.01, (channels, 4, 1, 1)).astype(np.float32)
    end = helper.make_node("Sigmoid", ["logits"], ["probabilities"])
    if classes > 2:
        end = helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weights"], ["logits"]), end],
        "pixelwise",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 4, 16, 16])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", channels, 16, 16])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, str(tmp_path / "best_model.onnx"))
    values = np.random.default_rng(6).integers(0, 256, (4, 20, 24)).astype(np.uint8)
    with rasterio.open(
        tmp_path / "scene.tif",
        "w",
        driver="GTiff",
        count=4,
        height=20,
        width=24,
        dtype="uint8",
        transform=from_origin(0, 20, 1, 1),
    ) as scene:
        scene.write(values)
    program = card.onnx_example(contract) + "np.save('answer.npy', class_map)\n"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True)
    logits = np.einsum("kc,chw->khw", weights[..., 0, 0], values[:, :16, :16].astype(np.float32))
    expected = (1 / (1 + np.exp(-logits[0])) >= 0.4) if classes == 2 else logits.argmax(0)
    np.testing.assert_array_equal(np.load(tmp_path / "answer.npy"), expected)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_serving_program_is_python(make_contract, classes):
    compile(card.serving_example(make_contract(classes=classes)), "serving", "exec")


@pytest.mark.parametrize(
    ("words", "sentence"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_classes_are_enumerated_as_people_do(words, sentence):
    assert card.enumeration(words) == sentence
