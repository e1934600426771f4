"""``model_card.md``: what the model is, how good it is and how it is used, derived from the contract.

The front matter is what the Hugging Face hub reads from a model card. :func:`onnx_example` and :func:`serving_example`
are complete programs; the report shows them too.

Example:
    >>> write(Path("meta/model_card.md"), contract, evaluation, [asdict(proof) for proof in proofs])
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from segmint.contract import ModelContract
from segmint.evaluation.baselines import Standing
from segmint.export import whole
from segmint.export.tolerance import MAX_ABS, MIN_AGREEMENT
from segmint.files import replace_file

if TYPE_CHECKING:
    from segmint.evaluation.results import Evaluation
    from segmint.export.tolerance import Proof

_REDUCED, _AFTER = "## Smaller files", "## Environment"
"""Headings of the section that an export adds, and of the one behind it."""

HEADLINES = {"iou": "IoU", "f1": "F1", "precision": "Precision", "recall": "Recall", "acc": "Accuracy"}
"""Headline scores of an evaluation -> what people call them."""


def write(path: Path, contract: ModelContract, evaluation: Evaluation, parity: list[dict[str, Any]]) -> None:
    """Write the card, beside the target first, then renamed over it.

    Args:
        path: Where to.
        contract: The contract.
        evaluation: Scores on the test split.
        parity: One record per proven format: ``format``, ``file``, ``runtime``, ``max_abs`` (None for class maps),
            ``agreement``, ``passed``, ``seconds``, ``bytes``.
    """
    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page.filters |= {"text": _escape, "score": score, "size": size}
    content = page.get_template("card.md.j2").render(
        front_matter=_front_matter(contract, evaluation),
        contract=contract,
        found=found(contract),
        evaluation=evaluation,
        standing=Standing.of(contract.metrics),
        headlines=HEADLINES,
        parity=parity,
        sizing=whole.sizing(contract),
        tolerance={"max_abs": MAX_ABS, "agreement": MIN_AGREEMENT},
        onnx_example=onnx_example(contract),
        serving_example=serving_example(contract),
    )
    replace_file(path, content)


def add_reduced(path: Path, proofs: Sequence[Proof]) -> None:
    """State the measured size, agreement and speed of the reduced files in a card that is there.

    Args:
        path: The card; what an earlier export stated is replaced.
        proofs: All proofs of the model; those with a speed are of reduced files.
    """
    reduced = [proof for proof in proofs if proof.speed is not None]
    if not path.is_file() or not reduced:
        return
    rows = [
        f"| {proof.file} | {100 * proof.agreement:.3f} % | {proof.max_abs:.1e} "
        f"| {'not measured' if proof.iou_change is None else f'{proof.iou_change:+.4f}'} "
        f"| {proof.speed:.2f} | {size(proof.bytes)} |"
        for proof in reduced
    ]
    section = "\n".join(
        [
            _REDUCED,
            "",
            "Beside `best_model.onnx`, on the chips of the proof; the speed is that of the machine that exported them.",
            "",
            "| File | Same class | Largest difference | Test IoU | Times as fast | Size |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            "",
        ]
    )
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(_REDUCED)
    after = rest[rest.index(_AFTER) :] if rest else ""
    head, _, tail = before.partition(_AFTER)
    replace_file(path, head + section + (after or _AFTER + tail))


def facts(contract: ModelContract) -> tuple[str, ...]:
    """Lines of a card that state the licence, the way of an image into the tile, every class, and every band."""
    classes = [f"| {item.value} | {_escape(item.name)} | {_escape(item.color)} |" for item in contract.output.classes]
    figures = contract.normalisation
    bands = [
        f"| {number} | {_escape(band.name)} | {f'{band.wavelength_um:g} µm' if band.wavelength_um else '–'} "  # noqa: RUF001
        f"| {mean:.6g} | {std:.6g} |"
        for number, (band, mean, std) in enumerate(
            zip(contract.input.bands, figures.mean, figures.std, strict=False), start=1
        )
    ]
    return (f"| Licence | {_escape(contract.license)} |", whole.sizing(contract), *bands, *classes)


def found(contract: ModelContract) -> str:
    """What the model finds: every class but the background, in words."""
    return enumeration(contract.class_names[1:])


def enumeration(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([*filter(None, [", ".join(words[:-1])]), *words[-1:]])


def score(value: float | None) -> str:
    """A score in 0..1 with three digits, or ``n/a`` where it is not defined."""
    return "n/a" if value is None or not math.isfinite(value) else f"{value:.3f}"


def size(count: float) -> str:
    """A number of bytes in kB or MB (powers of 1000)."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def pooled(evaluation: Evaluation) -> list[str]:
    """Scores that are neither headlines nor of one class."""
    single = {f"{name}_{label}" for name in HEADLINES for label in evaluation.classes}
    return [name for name in evaluation.scores if name not in single | set(HEADLINES)]


def onnx_example(contract: ModelContract) -> str:
    """A Python program that runs the ONNX file on the first tile of ``scene.tif``, or on all of it."""
    return whole.carrying(f"""import numpy as np
import onnxruntime
import rasterio
{_tools(contract)}
{_reading(contract)}
session = onnxruntime.InferenceSession("best_model.onnx")
probability = session.run(None, {{{json.dumps(contract.input.name)}: tile[np.newaxis]}})[0]
{_deciding(contract)}
""")


def serving_example(contract: ModelContract) -> str:
    """The same for ``mlflow models serve`` on port 5001."""
    return whole.carrying(f"""import json
from urllib.request import Request, urlopen

import numpy as np
import rasterio
{_tools(contract)}
{_reading(contract)}
question = json.dumps({{"inputs": tile[np.newaxis].tolist()}}).encode()
request = Request("http://127.0.0.1:5001/invocations", question, {{"Content-Type": "application/json"}})
with urlopen(request) as answer:
    probability = np.array(json.load(answer)["predictions"], np.float32)
{_deciding(contract)}
""")


def _tools(contract: ModelContract) -> str:
    """What a program imports to read an image."""
    return "from rasterio.windows import Window\n" if contract.fit == "tile" else f"\n{whole.IMPORT}"


def _reading(contract: ModelContract) -> str:
    width, height, bands = contract.width, contract.height, contract.band_names
    positions = json.dumps(list(range(1, len(bands) + 1)))
    if contract.fit != "tile":
        nodata = contract.input.nodata
        empty = "" if nodata is None else f"valid &= ~(image == {nodata!r}).all(axis=0)\n"
        return f"""# raw values as stored; bands: {json.dumps(bands)}; a photograph is turned as EXIF says
with rasterio.open("scene.tif") as scene:
    turn = int(scene.tags().get("EXIF_Orientation", 1)) if scene.crs is None else 1
    image = upright(scene.read({positions}), turn)
    valid = upright(scene.dataset_mask()[np.newaxis], turn)[0] > 0
{empty}fit = Fit.of({json.dumps(contract.fit)}, valid.shape, ({height}, {width}))
tile = fit.into_tile(lambda row, count: (image[:, row : row + count], valid[row : row + count]))
"""
    return f"""# raw values as stored; bands: {json.dumps(bands)}
with rasterio.open("scene.tif") as scene:
    tile = scene.read({positions}, window=Window(0, 0, {width}, {height})).astype(np.float32)
"""


def _deciding(contract: ModelContract) -> str:
    back = "" if contract.fit == "tile" else "probability = fit.onto_image(probability[0], 0, len(valid))[np.newaxis]\n"
    return back + _choosing(contract)


def _choosing(contract: ModelContract) -> str:
    if contract.output.activation == "sigmoid":
        return f"class_map = (probability[0, 0] >= {contract.output.threshold!r}).astype(np.uint8)"
    return "class_map = probability[0].argmax(axis=0).astype(np.uint8)"


def _front_matter(contract: ModelContract, evaluation: Evaluation) -> str:
    """YAML that the Hugging Face hub reads: licence, tags, metrics and the measured results."""
    types = {name: name for name in HEADLINES} | {"acc": "accuracy"}
    if len(evaluation.classes) > 2:
        types["iou"] = "mean_iou"  # with two classes it is the foreground's
    measured = [
        {"type": types[name], "name": f"{evaluation.split} {label}", "value": evaluation.scores[name]}
        for name, label in HEADLINES.items()
        if math.isfinite(evaluation.scores[name])
    ]
    dataset = {"name": f"{contract.recipe} chips", "type": contract.recipe, "split": evaluation.split}
    task = {"type": "image-segmentation"}
    content = {
        "license": contract.license.lower(),
        "pipeline_tag": task["type"],
        "tags": list(dict.fromkeys(["semantic-segmentation", "onnx", "mlflow", *contract.keywords])),
        "metrics": list(types.values()),
        "model-index": [{"name": contract.name, "results": [{"task": task, "dataset": dataset, "metrics": measured}]}],
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _escape(text: object) -> str:
    """Plain text in one line of Markdown, with nothing that Markdown or HTML would read as markup."""
    return re.sub(r"([\\`*_\[\]<>|#&~])", r"\\\1", " ".join(str(text).split()))
