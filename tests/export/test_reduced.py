"""Files of less precision: the same interface, gates of their own, refusals with the figure."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import onnx as onnx_library
import onnxruntime
import pytest
import rasterio
import torch
from places import write_raster

from export import Request, export
from segmint.errors import DataError, ExportError, ParityError, RecipeError
from segmint.evaluation.precision import RANGE_TILES, Sides
from segmint.export import card, onnx
from segmint.export.parity import ParitySample
from segmint.export.reduced import REDUCED, prove_reduced
from segmint.export.runtime import Exportable
from segmint.export.tolerance import EXACT, Gate, Proof
from segmint.inference.models import find_model
from segmint.models.deployed import DeployedModel


@pytest.fixture(scope="module")
def made(make_contract, tmp_path_factory):
    """Random weights for 16-bit values beyond half precision, every file, and answers of the network in fp32."""
    contract = make_contract()
    figures = contract.normalisation.model_copy(update={"scale": 65_535.0})
    source = contract.input.model_copy(
        update={"source_dtype": "uint16", "value_range": (0.0, 65_535.0), "normalisation": figures}
    )
    network = contract.network.model_copy(update={"architecture": "unet_small", "encoder": None})
    contract = contract.model_copy(update={"inputs": (source,), "network": network})
    torch.manual_seed(0)
    model = DeployedModel.from_contract(contract).eval()
    chips = np.random.default_rng(0).integers(0, 65_536, (3, 3, 64, 64)).astype(np.uint16)
    mean, std = (np.array(f)[:, None, None] for f in (figures.mean, figures.std))
    with torch.no_grad():
        logits = model.network(torch.from_numpy((chips / 65_535 - mean) / std).float()).numpy()
    sample = ParitySample(chips, 1 / (1 + np.exp(-logits / contract.output.temperature)), ("a", "b", "c"))
    folder = tmp_path_factory.mktemp("reduced")
    onnx.write(Exportable(model, contract), folder / onnx.FILE)
    for kind in REDUCED.values():
        kind.write(model, contract, folder / onnx.FILE, folder / kind.FILE, chips.astype(np.float32))
    return folder, contract, sample


@pytest.mark.parametrize(("name", "smaller", "near"), [("onnx_fp16", 0.7, 0.01), ("onnx_int8", 0.6, 0.1)])
def test_a_reduced_file_is_smaller_and_has_the_same_interface(made, name, smaller, near):
    folder, contract, sample = made
    path, original = folder / REDUCED[name].FILE, folder / onnx.FILE
    assert path.stat().st_size < smaller * original.stat().st_size
    one, other = onnxruntime.InferenceSession(path), onnxruntime.InferenceSession(original)
    for tensors in ("get_inputs", "get_outputs"):
        described = [[(item.name, item.type, item.shape) for item in getattr(s, tensors)()] for s in (one, other)]
        assert described[0] == described[1]
    assert one.get_modelmeta().custom_metadata_map == other.get_modelmeta().custom_metadata_map
    assert onnx_library.load(path).ir_version == 8
    answer = one.run(None, {"image": sample.chips.astype(np.float32)})[0]
    assert answer.dtype == np.float32
    assert np.abs(answer - sample.probabilities).max() < near  # 16-bit values did not become infinite
    assert prove_reduced(name, path, original, sample, contract).speed > 0


def test_weights_are_of_the_promised_type(made):
    folder, *_ = made
    kinds = {}
    for name, kind in REDUCED.items():
        weights = onnx_library.load(folder / kind.FILE).graph.initializer
        kinds[name] = {tensor.data_type for tensor in weights if np.prod(tensor.dims) > 100}
    assert kinds == {"onnx_fp16": {onnx_library.TensorProto.FLOAT16}, "onnx_int8": {onnx_library.TensorProto.INT8}}


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({"agreement": 0.98, "iou_change": -0.01}, True),
        ({"agreement": 0.9799, "iou_change": 0.0}, False),
        ({"agreement": 1.0, "iou_change": -0.011}, False),
        ({"agreement": 1.0, "iou_change": 0.011}, False),
        ({"agreement": 1.0, "iou_change": None}, False),
    ],
)
def test_int8_passes_with_both_agreement_and_test_iou(changes, passes):
    gate = REDUCED["onnx_int8"].gate
    assert replace(Proof("onnx_int8", "f", "r", 0.5, 1.0, 1.0, 1, gate), **changes).passed is passes


def test_the_gate_of_full_precision_is_what_it_was():
    assert Gate(0.9999, 1e-4) == EXACT
    assert REDUCED["onnx_fp16"].gate == Gate(0.999)
    assert not Proof("onnx", "f", "r", 1.1e-4, 1.0, 1.0, 1).passed
    assert not Proof("onnx", "f", "r", 0.0, 0.9998, 1.0, 1).passed


@pytest.fixture
def labelled(tmp_path, bright_squares):
    """The test split of a model: four of the labelled chips."""
    chips, labels = bright_squares
    stems = tuple(sorted(path.stem for path in chips.iterdir())[:4])
    counts = tmp_path / "test_chips.csv"
    counts.write_text("".join(f"{row}\n" for row in ("chip,iou,...", *(f"{stem},,1,1,1,1" for stem in stems))))
    return chips, labels, counts, stems


def test_the_test_iou_is_that_of_the_chips_of_the_test_split(finished_model, labelled, tmp_path):
    chips, labels, counts, stems = labelled
    with find_model(str(finished_model)) as files:
        contract, original = files.contract, files.forms["onnx"]
    reduced = tmp_path / "shifted.onnx"
    proto = onnx_library.load(original)
    temperature = next(node for node in reversed(proto.graph.node) if node.op_type == "Div")
    other = onnx_library.numpy_helper.from_array(np.float32(-1.0), "other")  # the answers turn round
    proto.graph.initializer.append(other)
    temperature.input[1] = "other"
    onnx_library.save(proto, reduced)
    ious = []
    for path in (reduced, original):
        session, hits, union = onnxruntime.InferenceSession(path), 0, 0
        for stem in stems:
            with rasterio.open(chips / f"{stem}.tif") as image, rasterio.open(labels / f"{stem}.tif") as label:
                probability = session.run(None, {"image": image.read()[None].astype(np.float32)})[0][0, 0]
                truth = label.read(1) > 0
            found = probability >= np.float32(contract.output.threshold)
            hits, union = hits + (found & truth).sum(), union + (found | truth).sum()
        ious.append(hits / union)
    assert abs(ious[0] - ious[1]) > 0.01
    sides = Sides.of(contract, str(chips), str(labels), counts)
    assert sides.iou_change(original, reduced) == pytest.approx(ious[0] - ious[1], abs=1e-4)


def test_chips_that_the_model_was_not_tested_on_do_not_count(finished_model, labelled, tmp_path):
    chips, labels, counts, _ = labelled
    counts.write_text("chip,iou,...\nelsewhere,,1,1,1,1\n")
    with find_model(str(finished_model)) as files:
        contract = files.contract
    with pytest.raises(DataError, match=r"24 chips, none that the model was tested on; expected .* elsewhere"):
        Sides.of(contract, str(chips), str(labels), counts)


def test_ranges_come_from_the_chips_that_are_no_test_chips(finished_model, labelled):
    chips, labels, counts, stems = labelled
    with find_model(str(finished_model)) as files:
        contract = files.contract
    found = Sides.of(contract, str(chips), str(labels), counts).ranges()
    kept = sorted(path for path in chips.iterdir() if path.stem not in stems)
    wanted = []
    for path in kept:  # each is one tile of 64 px
        with rasterio.open(path) as image:
            wanted.append(image.read().astype(np.float32))
    assert len(kept) == 20
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, wanted)


def test_ranges_come_from_tiles_all_over_large_chips(finished_model, labelled, tmp_path):
    """One chip of 8 x 8 tiles, each of another brightness: every second one is taken, first and last among them."""
    chips, labels, counts, stems = labelled
    brightness = np.arange(64, dtype=np.uint8).reshape(8, 8).repeat(64, axis=0).repeat(64, axis=1)
    for folder, source in (("chips", chips), ("labels", labels)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{stems[0]}.tif").write_bytes((source / f"{stems[0]}.tif").read_bytes())
    place = (700_000.0, 4_000_000.0)
    write_raster(tmp_path / "chips" / "large.tif", np.stack([brightness] * 3), place)
    write_raster(tmp_path / "labels" / "large.tif", (brightness[None] > 30).astype(np.uint8), place)
    with find_model(str(finished_model)) as files:
        found = Sides.of(files.contract, str(tmp_path / "chips"), str(tmp_path / "labels"), counts).ranges()
    assert found.shape == (RANGE_TILES, 3, 64, 64)
    shown = [int(value) for value in found[:, 0, 0, 0]]
    assert shown[0] == 0
    assert shown[-1] == 63
    assert {after - before for before, after in pairwise(shown)} == {2, 3}


def test_without_a_chip_that_is_no_test_chip_int8_is_refused_before_anything_is_written(
    finished_model, labelled, tmp_path, monkeypatch
):
    chips, labels, counts, stems = labelled
    monkeypatch.chdir(tmp_path)
    for folder, source in (("chips", chips), ("labels", labels)):
        (tmp_path / folder).mkdir()
        for stem in stems:
            (tmp_path / folder / f"{stem}.tif").write_bytes((source / f"{stem}.tif").read_bytes())
    meta = tmp_path / "meta"
    meta.mkdir()
    for name in ("best_model.pth", "contract.json", "parity_sample.npz"):
        (meta / name).write_bytes((finished_model / name).read_bytes())
    (meta / "test_chips.csv").write_bytes(counts.read_bytes())
    with pytest.raises(DataError, match=r"4 chips, all of the test split; expected some of training") as refusal:
        export(Request("meta", "onnx_int8", "export", "chips", "labels"))
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "export").exists()


def test_int8_answers_by_the_ranges_of_the_chips_that_it_is_given(made, tmp_path):
    """Ranges of dark chips cut the answers of bright ones off: the chips given are those that count."""
    folder, contract, sample = made
    path, kind = tmp_path / "dark.onnx", REDUCED["onnx_int8"]
    kind.write(None, contract, folder / onnx.FILE, path, sample.chips.astype(np.float32) / 100)
    gap = [
        np.abs(onnx.reopen(file, contract)(sample.chips.astype(np.float32)) - sample.probabilities).mean()
        for file in (path, folder / kind.FILE)
    ]
    assert gap[0] > 2 * gap[1]
    with pytest.raises(ExportError, match="no chips to take ranges from"):
        kind.write(None, contract, folder / onnx.FILE, path, None)


def test_int8_that_changes_too_many_pixels_is_refused_with_the_figure(
    finished_model, labelled, tmp_path, monkeypatch, capsys
):
    """The threshold of the random weights lies amid their answers, where 8 bits decide otherwise."""
    chips, labels, counts, _ = labelled
    monkeypatch.chdir(tmp_path)
    meta = tmp_path / "meta"
    meta.mkdir()
    for name in ("best_model.pth", "contract.json", "parity_sample.npz"):
        (meta / name).write_bytes((finished_model / name).read_bytes())
    (meta / "test_chips.csv").write_bytes(counts.read_bytes())
    request = Request("meta", "onnx_int8", "export", str(chips), str(labels))
    refusal = r"best_model_int8.onnx: .*agreement 0\.\d+, test IoU .*expected agreement at least 0.98"
    with pytest.raises(ParityError, match=refusal):
        export(request)
    assert not (tmp_path / "export").exists()


def test_int8_without_labelled_chips_is_refused_at_once():
    with pytest.raises(RecipeError, match="onnx_int8 without chips_dir"):
        _ = Request(formats="all,onnx_int8").names


def test_the_card_states_what_was_measured_and_keeps_the_rest(finished_model, tmp_path):
    path = tmp_path / "model_card.md"
    before = (finished_model / "model_card.md").read_text()
    path.write_text(before)
    gate = REDUCED["onnx_int8"].gate
    proof = Proof("onnx_int8", "best_model_int8.onnx", "onnxruntime", 0.067, 0.9912, 0.1, 217_600, gate, -0.0042, 1.87)
    for speed in (1.0, 1.87):  # a second export replaces what the first one stated
        card.add_reduced(path, [replace(proof, speed=speed)])
    after = path.read_text()
    row = "| best_model_int8.onnx | 99.120 % | 6.7e-02 | -0.0042 | 1.87 | 217.6 kB |"
    assert after.count("## Smaller files") == 1
    assert row in after.splitlines()
    start, end = after.index("## Smaller files"), after.index("## Environment")
    assert after[:start] + after[end:] == before
