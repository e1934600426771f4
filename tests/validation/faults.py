"""Faults that are planted into a finished model: what is done to it, and which check has to find it.

``docs/validate.md`` shows the list to people; a test keeps the two equal.
"""

import json
import shutil
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from segmint.contract import ModelContract
from segmint.export import unit
from segmint.export.parity import ParitySample
from segmint.export.publication import Staging
from segmint.export.runtime import Exportable
from segmint.export.torchscript import write as write_torchscript
from segmint.models.deployed import DeployedModel


@dataclass(frozen=True)
class Fault:
    """One planted fault.

    Attributes:
        target: What is validated; ``.`` is the whole folder.
        found_by: The check that has to find it.
        plant: Does it to a folder.
        model: Fixture of the model that it is planted into.
    """

    target: str
    found_by: str
    plant: Callable[[Path], None]
    model: str = "finished_model"


FAULTS: dict[str, Fault] = {}
"""What was done -> the fault."""


def fault(
    name: str, target: str, found_by: str, model: str = "finished_model"
) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    def enter(plant: Callable[[Path], None]) -> Callable[[Path], None]:
        FAULTS[name] = Fault(target, found_by, plant, model)
        return plant

    return enter


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    """Change the content of a JSON file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def json_fault(
    name: str,
    file: str,
    found_by: str,
    change: Callable[[Any], Any],
    target: str | None = None,
    model: str = "finished_model",
) -> None:
    FAULTS[name] = Fault(target or file, found_by, lambda folder: edit(folder / file, change), model)


# the contract

json_fault("a field is missing in contract.json", "contract.json", "contract", lambda c: c.pop("license"))
json_fault("contract.json is of version 1", "contract.json", "contract", lambda c: c.update(contract_version=1))
json_fault("contract.json is of a newer version", "contract.json", "contract", lambda c: c.update(contract_version=9))
json_fault(
    "three classes with one sigmoid in contract.json",
    "contract.json",
    "contract",
    lambda c: c["output"]["classes"].append({"value": 2, "name": "class2", "color": "#00FF00"}),
)
json_fault(
    "another activation, and so another number of channels, in contract.json",
    "contract.json",
    "sample",
    lambda c: c["output"].update(activation="softmax"),
)
json_fault(
    "a wrong mean in contract.json",
    "contract.json",
    "pth figures",
    lambda c: c["inputs"][0]["normalisation"]["mean"].__setitem__(0, 0.31),
    "best_model.pth",
)
json_fault(
    "a wrong temperature in contract.json",
    "contract.json",
    "pth figures",
    lambda c: c["output"].update(temperature=1.0),
    "best_model.pth",
)
json_fault(
    "a wrong number of parameters in contract.json",
    "contract.json",
    "pth figures",
    lambda c: c["network"].update(parameters=7),
    "best_model.pth",
)
json_fault(
    "swapped bands in contract.json",
    "contract.json",
    "onnx contract",
    lambda c: c["inputs"][0]["bands"].reverse(),
    "best_model.onnx",
)
json_fault(
    "a wrong threshold in contract.json",
    "contract.json",
    "torchscript contract",
    lambda c: c["output"].update(threshold=0.9),
    "best_model.pt",
)


@fault("contract.json is cut off", "contract.json", "contract")
def _(folder: Path) -> None:
    (folder / "contract.json").write_text((folder / "contract.json").read_text()[:200])


# the sample and the proof


def resample(folder: Path, **changed: Callable[[np.ndarray], np.ndarray]) -> None:
    with np.load(folder / "parity_sample.npz") as stored:
        arrays = {name: changed.get(name, lambda array: array)(stored[name]) for name in stored.files}
    np.savez_compressed(folder / "parity_sample.npz", **arrays)


@fault("swapped bands in the chips of the sample", "contract.json", "sample")
def _(folder: Path) -> None:
    resample(folder, chips=lambda chips: chips[:, ::-1])


@fault("answers of the sample after a second sigmoid", "contract.json", "sample")
def _(folder: Path) -> None:
    resample(folder, probabilities=lambda answers: 1 / (1 + np.exp(-answers)))


@fault("no parity_sample.npz", ".", "sample")
def _(folder: Path) -> None:
    (folder / "parity_sample.npz").unlink()


json_fault("a proof of another sample", "parity.json", "parity.json", lambda c: c.update(sample_sha256="0" * 64))
json_fault("looser tolerances in parity.json", "parity.json", "parity.json", lambda c: c.update(max_abs_tolerance=0.1))
json_fault(
    "a failed proof that is called passed",
    "parity.json",
    "parity.json",
    lambda c: c["formats"][0].update(max_abs=0.2, passed=True),
)


# weights


def reweigh(folder: Path, name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    state = torch.load(folder / "best_model.pth", weights_only=True)
    state[name] = change(state[name])
    torch.save(state, folder / "best_model.pth")


@fault("a tampered weight in the .pth", "best_model.pth", "pth answers")
def _(folder: Path) -> None:
    first = next(name for name in torch.load(folder / "best_model.pth", weights_only=True) if name.endswith("weight"))
    reweigh(folder, first, lambda weight: weight * 1.01)


@fault("a wrong mean in the .pth", "best_model.pth", "pth answers")
def _(folder: Path) -> None:
    reweigh(folder, "normalisation.mean", lambda mean: mean + 0.01)


@fault("a standard deviation off by less than the tolerance of answers", "best_model.pth", "pth figures")
def _(folder: Path) -> None:
    reweigh(folder, "normalisation.std", lambda std: std * (1 + 1e-6))


@fault("a .pth that is cut off", "best_model.pth", "pth answers")
def _(folder: Path) -> None:
    (folder / "best_model.pth").write_bytes((folder / "best_model.pth").read_bytes()[:5000])


# TorchScript


class Wrapped(nn.Module):
    """The model with something wrong around it."""

    def __init__(self, folder: Path, before: Callable[..., Any], after: Callable[..., Any]) -> None:
        super().__init__()
        self.model = DeployedModel.from_contract(ModelContract.read(folder / "contract.json"))
        self.model.load_state_dict(torch.load(folder / "best_model.pth", weights_only=True))
        self.before, self.after = before, after

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.after(self.model(self.before(image)))


def same(values: torch.Tensor) -> torch.Tensor:
    return values


def retrace(folder: Path, before: Callable[..., Any] = same, after: Callable[..., Any] = same) -> None:
    contract = ModelContract.read(folder / "contract.json")
    write_torchscript(Exportable(Wrapped(folder, before, after).eval(), contract), folder / "best_model.pt")


@fault("a double sigmoid in TorchScript", "best_model.pt", "torchscript answers")
def _(folder: Path) -> None:
    retrace(folder, after=torch.sigmoid)


@fault("logits instead of probabilities in TorchScript", "best_model.pt", "torchscript answers")
def _(folder: Path) -> None:
    retrace(folder, after=torch.logit)


@fault("swapped bands in TorchScript", "best_model.pt", "torchscript answers")
def _(folder: Path) -> None:
    retrace(folder, before=lambda image: image.flip(1))


@fault("a second division by 255 in TorchScript", "best_model.pt", "torchscript answers")
def _(folder: Path) -> None:
    retrace(folder, before=lambda image: image / 255)


@fault("a second channel in TorchScript", "best_model.pt", "torchscript answers")
def _(folder: Path) -> None:
    retrace(folder, after=lambda answer: torch.cat([1 - answer, answer], 1))


@fault("TorchScript without its contract", "best_model.pt", "torchscript contract")
def _(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.load(folder / "best_model.pt"), folder / "best_model.pt")


@fault("a .pt2 of other weights", "best_model.pt2", "pt2 answers")
def _(folder: Path) -> None:
    from segmint.export import program

    contract = ModelContract.read(folder / "contract.json")
    torch.manual_seed(1)
    program.write(Exportable(DeployedModel.from_contract(contract).eval(), contract), folder / program.FILE)


# ONNX


def onnx_fault(
    name: str,
    found_by: str,
    change: Callable[[onnx.ModelProto], Any],
    file: str = "best_model.onnx",
    model: str = "finished_model",
) -> None:
    def plant(folder: Path) -> None:
        proto = onnx.load(folder / file)
        change(proto)
        onnx.save(proto, folder / file)

    FAULTS[name] = Fault(file, found_by, plant, model)


def tamper(proto: onnx.ModelProto, factor: float, dimensions: int = 4) -> None:
    weight = next(tensor for tensor in proto.graph.initializer if len(tensor.dims) == dimensions)
    values = onnx.numpy_helper.to_array(weight)
    weight.CopyFrom(onnx.numpy_helper.from_array((values * factor).astype(values.dtype), weight.name))


def entry(proto: onnx.ModelProto, key: str, value: Any) -> None:
    next(item for item in proto.metadata_props if item.key == key).value = json.dumps(value)


def without(proto: onnx.ModelProto, key: str) -> None:
    kept = {item.key: item.value for item in proto.metadata_props if item.key != key}
    onnx.helper.set_model_props(proto, kept)


def batch(proto: onnx.ModelProto) -> Any:
    return proto.graph.input[0].type.tensor_type.shape.dim[0]


onnx_fault("a tampered weight in ONNX", "onnx answers", lambda p: tamper(p, 1.1))
onnx_fault("a weight in ONNX off by less than the tolerance of answers", "checksum", lambda p: tamper(p, 1 + 1e-6))
onnx_fault("a batch frozen to 1 in ONNX", "onnx answers", lambda p: batch(p).__setattr__("dim_value", 1))
onnx_fault("an unnamed batch in ONNX", "onnx graph", lambda p: batch(p).Clear())
onnx_fault("an IR version that old runtimes refuse", "onnx graph", lambda p: p.__setattr__("ir_version", 10))
onnx_fault(
    "a height in ONNX that is not fixed",
    "onnx graph",
    lambda p: p.graph.input[0].type.tensor_type.shape.dim[2].__setattr__("dim_param", "height"),
)
onnx_fault("no tile_size for Deepness", "onnx metadata", lambda p: without(p, "tile_size"))
onnx_fault(
    "Deepness is told to feed values in 0..1", "onnx metadata", lambda p: entry(p, "standardization_std", [1, 1, 1])
)
onnx_fault("another threshold for Deepness", "onnx metadata", lambda p: entry(p, "seg_thresh", 0.9))
onnx_fault(
    "a wrong class count for Deepness",
    "onnx metadata",
    lambda p: entry(p, "class_names", {"0": "class0", "1": "class1", "2": "class2"}),
)
onnx_fault("another resolution for Deepness", "onnx metadata", lambda p: entry(p, "resolution", 10))
onnx_fault("ONNX without its contract", "onnx contract", lambda p: without(p, "contract"))


# Esri

json_fault("DataRange in the definition", "model.emd", "esri definition", lambda c: c.update(DataRange=[0, 1]))
json_fault(
    "another class value in the definition",
    "model.emd",
    "esri definition",
    lambda c: c["Classes"][1].update(Value=255),
)
json_fault(
    "the definition of a model of tiles asks for whole images",
    "model.emd",
    "esri definition",
    lambda c: c["Segmint"].update(fit="letterbox"),
)


def repack(folder: Path, **changed: Callable[[bytes], bytes]) -> None:
    """Write the package again with changed members: ``emd``, ``pt``, ``py`` by their ending; others are added."""
    path = folder / "best_model.dlpk"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, changed.get(Path(name).suffix[1:], lambda same: same)(content))


def redefine(content: bytes, **changed: Any) -> bytes:
    return json.dumps(json.loads(content) | changed).encode()


@fault("swapped bands in the package", "best_model.dlpk", "dlpk definition")
def _(folder: Path) -> None:
    repack(folder, emd=lambda emd: redefine(emd, ExtractBands=[2, 1, 0]))


@fault("the raster function imports what ArcGIS does not have", "best_model.dlpk", "dlpk layout")
def _(folder: Path) -> None:
    repack(folder, py=lambda source: b"import segmentation_models_pytorch\n" + source)


@fault("the class is not named like its file", "best_model.dlpk", "dlpk layout")
def _(folder: Path) -> None:
    repack(folder, py=lambda source: source.replace(b"class SegmintClassifier", b"class Classifier"))


@fault("another TorchScript inside the package", ".", "dlpk layout")
def _(folder: Path) -> None:
    for name in ("best_model.pth", "best_model.pt2", "best_model.onnx", "model.emd"):
        (folder / name).unlink()
    repack(folder, pt=lambda model: model + b" ")


@fault("two definitions in the package", "best_model.dlpk", "dlpk layout")
def _(folder: Path) -> None:
    with zipfile.ZipFile(folder / "best_model.dlpk", "a") as archive:
        archive.writestr("second.emd", "{}")


@fault("the raster function answers 255 for the foreground", "best_model.dlpk", "dlpk answers")
def _(folder: Path) -> None:
    wrong = b"\n\n_right = SegmintClassifier.updatePixels\n\n\ndef _wrong(self, *given, **blocks):\n"
    wrong += b"    answer = _right(self, *given, **blocks)\n    answer['output_pixels'] *= 255\n    return answer\n"
    wrong += b"\n\nSegmintClassifier.updatePixels = _wrong\n"
    repack(folder, py=lambda source: source + wrong)


# the STAC item


def item_fault(name: str, found_by: str, change: Callable[[Any], Any]) -> None:
    json_fault(name, "stac_item.json", found_by, change)


def source_of(item: Any) -> Any:
    return item["properties"]["mlm:input"][0]


item_fault("a required field is missing in the item", "item schemas", lambda c: c["properties"].pop("mlm:architecture"))
item_fault(
    "an accelerator that MLM does not know",
    "item schemas",
    lambda c: c["properties"].update({"mlm:accelerator": "cpu"}),
)
item_fault(
    "an extension whose schema cannot be had",
    "item schemas",
    lambda c: c["stac_extensions"].append("https://stac-extensions.github.io/nothing/v9/schema.json"),
)
item_fault("swapped bands in the item", "item statements", lambda c: source_of(c)["bands"].reverse())
item_fault(
    "a wrong mean in the item",
    "item statements",
    lambda c: c["properties"]["mlm:hyperparameters"]["normalisation_inside_the_graph"]["image"].update(mean=[0, 0, 0]),
)
item_fault(
    "a scaling that the graph does itself",
    "item statements",
    lambda c: source_of(c).update(value_scaling=[{"type": "scale", "value": 255}]),
)
item_fault(
    "the item of a model of tiles asks for whole images",
    "item statements",
    lambda c: source_of(c).update(resize_type="interpolation-linear"),
)
item_fault(
    "a wrong class count in the item",
    "item statements",
    lambda c: c["properties"]["mlm:output"][0]["result"]["shape"].__setitem__(1, 3),
)
item_fault(
    "a path of one machine in the item",
    "item statements",
    lambda c: c["assets"]["onnx"].update(href="/home/someone/best_model.onnx"),
)
item_fault("a wrong size in the item", "item files", lambda c: c["assets"]["onnx"].update({"file:size": 3}))
item_fault(
    "a link to a file that is not there", "item files", lambda c: c["assets"]["onnx"].update(href="../best_model.onnx")
)


@fault("a stale checksum", "stac_item.json", "item files")
def _(folder: Path) -> None:
    report = folder / "report.html"
    report.write_text(report.read_text().swapcase())


# the card


def card_fault(name: str, old: str, new: str) -> None:
    def plant(folder: Path) -> None:
        text = (folder / "model_card.md").read_text()
        assert old in text
        (folder / "model_card.md").write_text(text.replace(old, new))

    FAULTS[name] = Fault("model_card.md", "model card", plant)


card_fault("a wrong mean in the model card", "| 1 | red | – | 0.3 |", "| 1 | red | – | 0.4 |")  # noqa: RUF001
card_fault("a wrong class in the model card", "| 1 | class1 |", "| 1 | camp |")
card_fault("another tile in the model card", "in tiles of 64 x 64 pixels", "in tiles of 256 x 256 pixels")
card_fault("another licence in the model card", "license: apache-2.0", "license: mit")


# the unit form

FORMS = "finished_forms"
UNIT = "unit/best_model.onnx"


def swap_channels(proto: onnx.ModelProto) -> None:
    """Take the first channel for the second, behind the last node."""
    answer = proto.graph.output[0].name
    last = next(node for node in proto.graph.node if answer in node.output)
    last.output[list(last.output).index(answer)] = "in order"
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 0]), "the other way round"))
    proto.graph.node.append(onnx.helper.make_node("Gather", ["in order", "the other way round"], [answer], axis=1))


onnx_fault("swapped channels in the unit form", "onnx answers", swap_channels, UNIT, FORMS)
onnx_fault(
    "Deepness is told to feed the unit form stored values",
    "onnx metadata",
    lambda p: entry(p, "standardization_std", [1 / 255] * 3),
    UNIT,
    FORMS,
)
onnx_fault("a threshold for the unit form", "onnx metadata", lambda p: entry(p, "seg_thresh", 0.4), UNIT, FORMS)
onnx_fault("no overlap for GeoDeep", "onnx metadata", lambda p: without(p, "tiles_overlap"), UNIT, FORMS)
onnx_fault(
    "an IR version that old runtimes refuse in the unit form",
    "onnx graph",
    lambda p: p.__setattr__("ir_version", 10),
    UNIT,
    FORMS,
)
json_fault(
    "the contract of the unit form takes stored values",
    "unit/contract.json",
    "onnx answers",
    lambda c: c["inputs"][0].update(divisor=1.0),
    UNIT,
    FORMS,
)
json_fault(
    "the item of the unit form takes stored values",
    "unit/stac_item.json",
    "item statements",
    lambda c: source_of(c).update(value_scaling=None),
    model=FORMS,
)


@fault("the model itself in the place of its unit form", UNIT, "onnx answers", FORMS)
def _(folder: Path) -> None:
    (folder / UNIT).write_bytes((folder / "best_model.onnx").read_bytes())


@fault("a stale checksum of the unit form", "unit", "item files", FORMS)
def _(folder: Path) -> None:
    proto = onnx.load(folder / UNIT)
    tamper(proto, 1 + 1e-6)
    onnx.save(proto, folder / UNIT)


def reform(folder: Path, change: Callable[[ModelContract], ModelContract]) -> None:
    """Make the unit form again for another contract of the same weights: whole in itself, but not this model's."""
    contract = change(ModelContract.read(folder / "contract.json"))
    sample = ParitySample.read(folder / "parity_sample.npz")
    model = DeployedModel.from_contract(contract)
    model.load_state_dict(torch.load(folder / "best_model.pth", weights_only=True))
    staging = Staging(folder / "made again").made()
    unit.write(model.eval(), contract, sample, staging)
    for name in ("contract.json", "parity_sample.npz", "best_model.onnx"):
        (folder / "unit" / name).write_bytes(staging[name].read_bytes())
    shutil.rmtree(staging.root)


@fault("a unit form of another threshold, whole in itself", ".", "unit origin", FORMS)
def _(folder: Path) -> None:
    reform(folder, lambda c: c.model_copy(update={"output": c.output.model_copy(update={"threshold": 0.9})}))


@fault("the unit form of another training, whole in itself", ".", "unit origin", FORMS)
def _(folder: Path) -> None:
    reform(folder, lambda c: c.model_copy(update={"created": "2026-02-03T04:05:06Z"}))


# smaller files

HALF, INTEGER = "best_model_fp16.onnx", "best_model_int8.onnx"


def rescale(proto: onnx.ModelProto) -> None:
    """Round the first 8-bit activation as if its range were far wider."""
    step = next(node for node in proto.graph.node if node.op_type == "DequantizeLinear")
    scale = next(tensor for tensor in proto.graph.initializer if tensor.name == step.input[1])
    wide = (onnx.numpy_helper.to_array(scale) * 100).astype(np.float32)
    scale.CopyFrom(onnx.numpy_helper.from_array(wide, scale.name))


def answer_in_half(proto: onnx.ModelProto) -> None:
    """Hand the answer out in half precision."""
    answer = proto.graph.output[0]
    last = next(node for node in proto.graph.node if answer.name in node.output)
    last.output[list(last.output).index(answer.name)] = "in full"
    half = onnx.TensorProto.FLOAT16
    proto.graph.node.append(onnx.helper.make_node("Cast", ["in full"], [answer.name], to=half))
    answer.type.tensor_type.elem_type = half


onnx_fault("a tampered weight in fp16", "onnx_fp16 answers", lambda p: tamper(p, 1.5), HALF, FORMS)
onnx_fault("answers in half precision in fp16", "onnx_fp16 graph", answer_in_half, HALF, FORMS)
onnx_fault("fp16 without its contract", "onnx_fp16 contract", lambda p: without(p, "contract"), HALF, FORMS)
onnx_fault("another range in int8", "onnx_int8 answers", rescale, INTEGER, FORMS)
onnx_fault(
    "another threshold for Deepness in int8",
    "onnx_int8 metadata",
    lambda p: entry(p, "seg_thresh", 0.9),
    INTEGER,
    FORMS,
)


@fault("full precision under the name of fp16", HALF, "onnx_fp16 weights", FORMS)
def _(folder: Path) -> None:
    (folder / HALF).write_bytes((folder / "best_model.onnx").read_bytes())


@fault("fp16 under the name of int8", INTEGER, "onnx_int8 weights", FORMS)
def _(folder: Path) -> None:
    (folder / INTEGER).write_bytes((folder / HALF).read_bytes())


def proof_of(content: Any, name: str) -> Any:
    return next(proof for proof in content["formats"] if proof["format"] == name)


def proof_fault(name: str, change: Callable[[Any], Any], target: str = "parity.json") -> None:
    json_fault(name, "parity.json", "parity.json", change, target, FORMS)


proof_fault("int8 without a test IoU", lambda c: proof_of(c, "onnx_int8").update(iou_change=None))
proof_fault(
    "int8 with another test IoU that is called passed", lambda c: proof_of(c, "onnx_int8").update(iou_change=-0.05)
)
proof_fault(
    "the gate of int8 for fp16", lambda c: proof_of(c, "onnx_fp16").update(agreement=0.99, gate={"min_agreement": 0.98})
)
proof_fault("a smaller file that no proof speaks of", lambda c: c["formats"].remove(proof_of(c, "onnx_fp16")), ".")
proof_fault("a unit form that no proof speaks of", lambda c: c["formats"].remove(proof_of(c, "onnx_unit")), ".")


# the series form

SPREAD = "finished_spread"
SERIES = "series/best_model.onnx"


def time_axis(proto: onnx.ModelProto) -> Any:
    return next(value for value in proto.graph.input if value.name == "fire").type.tensor_type.shape.dim[1]


def swap_tensors(proto: onnx.ModelProto) -> None:
    """The wind's direction in the place of its speed."""
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([2, 1, 0]), "turned"))
    for node in proto.graph.node:
        for place, name in enumerate(node.input):
            if name == "wind":
                node.input[place] = "wind turned"
    turn = onnx.helper.make_node("Gather", ["wind", "turned"], ["wind turned"], axis=2)
    proto.graph.node.insert(0, turn)


onnx_fault("the parts of the wind in another order in the series form", "onnx answers", swap_tensors, SERIES, SPREAD)
onnx_fault(
    "a time axis of the series form frozen to 4",
    "onnx answers",
    lambda p: time_axis(p).__setattr__("dim_value", 4),
    SERIES,
    SPREAD,
)
onnx_fault(
    "a time axis of the series form without its name",
    "onnx graph",
    lambda p: time_axis(p).__setattr__("dim_param", "steps"),
    SERIES,
    SPREAD,
)
onnx_fault("the series form without its contract", "onnx contract", lambda p: without(p, "contract"), SERIES, SPREAD)
json_fault(
    "swapped tensors in the item of the series form",
    "series/stac_item.json",
    "item statements",
    lambda c: c["properties"]["mlm:input"].reverse(),
    model=SPREAD,
)


@fault("no sample of the series form", "series", "sample", SPREAD)
def _(folder: Path) -> None:
    (folder / "series" / "parity_sample.npz").unlink()


@fault("the series form of another training, whole in itself", ".", "series origin", SPREAD)
def _(folder: Path) -> None:
    path = folder / "series" / "contract.json"
    edit(path, lambda c: c.update(created="2026-02-03T04:05:06Z"))
    proto = onnx.load(folder / SERIES)
    entry(proto, "contract", json.loads(path.read_text()))
    onnx.save(proto, folder / SERIES)
