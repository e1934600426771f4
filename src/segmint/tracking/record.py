"""What a run says about itself when it starts and when it ends.

Example:
    >>> open_record(run, records, recipe, prepared, session.facts(), information())
    >>> close_record(run, contract, staging, counts)
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from segmint.contract import ModelContract
from segmint.data.preparation import PreparedData
from segmint.data.splits import SPLITS
from segmint.evaluation.baselines import Standing
from segmint.recipe import Recipe
from segmint.records import Recorder
from segmint.tracking.lineage import SplitDataset
from segmint.tracking.run import TrackedRun


def open_record(
    run: TrackedRun,
    records: Recorder,
    recipe: Recipe,
    prepared: PreparedData,
    facts: Mapping[str, str],
    environment: Mapping[str, str],
) -> None:
    """Log recipe, choices, environment, dataset figures and lineage before training starts.

    Args:
        run: Receives tags and lineage.
        records: Receives the parameters.
        recipe: The recipe.
        prepared: The data.
        facts: Choices that the recipe left open.
        environment: The machine.
    """
    bands = [*(band.name for band in prepared.bands), *(band.name for band in recipe.data.derived)]
    figures = {f"dataset.{name}": value for name, value in prepared.statistics.flat(bands).items()}
    system = {f"system.{name}": value for name, value in environment.items()}
    digest = {"dataset.digest": prepared.fingerprint.digest, "split.rule": prepared.split.rule}
    records.log_params(recipe.flat() | dict(facts) | system | digest | figures | documented(recipe, prepared))
    run.log_tags({"recipe": recipe.recipe, "weights": facts["network.weights_origin"]})
    for split in SPLITS:
        profile = {
            "tiles": len(prepared.split.tiles[split]),
            "chips": prepared.statistics.chips[split],
            "pixels": prepared.statistics.pixels[split],
        }
        lineage = SplitDataset(split, recipe.data.chips_dir, prepared.fingerprint.digest, profile)
        run.log_input(lineage, context=split)


def documented(recipe: Recipe, prepared: PreparedData) -> dict[str, int]:
    """Parameters under the names of the source documents; a sample is a tile, which is what the network sees."""
    samples = {f"{split}_samples": len(prepared.split.tiles[split]) for split in SPLITS}
    return samples | {
        "total_samples": sum(samples.values()),
        "num_classes": len(recipe.data.classes),
        "image_channels": sum(len(band.channels) for band in prepared.bands) + len(recipe.data.derived),
        "image_height": recipe.data.tile_size,
        "image_width": recipe.data.tile_size,
    }


def stage_dataset(recipe: Recipe, prepared: PreparedData, folder: Path) -> None:
    """Put manifest, split and statistics into ``folder``; the chips and labels only where the recipe asks."""
    _write_json(folder / "manifest.json", prepared.fingerprint.manifest())
    _write_json(folder / "statistics.json", asdict(prepared.statistics))
    tiles = {
        split: [
            asdict(tile) | {"chip": prepared.chips[tile.chip].stem, "file": prepared.chips[tile.chip].files[0][0]}
            for tile in prepared.split.tiles[split]
        ]
        for split in SPLITS
    }
    _write_json(folder / "split.json", {"rule": prepared.split.rule, "tiles": tiles})
    if recipe.log_dataset:
        shutil.copytree(recipe.data.chips_dir, folder / "chips")
        if recipe.data.labels_dir:
            shutil.copytree(recipe.data.labels_dir, folder / "labels")


def describe(run: TrackedRun, contract: ModelContract, proofs: int) -> str:
    """Markdown for the run's page and the model version's."""
    metrics, standing = contract.metrics, Standing.of(contract.metrics)
    below = f" **Below a baseline:** {standing.sentence()}." if standing.below else ""
    classes = ", ".join(contract.class_names[1:])
    text = (
        f"**{contract.title}**: finds {classes}.\n\n"
        f"Test IoU **{metrics['test_iou']:.3f}**, F1 {metrics['test_f1']:.3f}; a constant answer scores "
        f"{metrics['test_baseline_iou']:.3f}.{below}\n\n"
        f"Input: raw {contract.input.source_dtype} values of {', '.join(contract.band_names)}, tiles of "
        f"{contract.width} px. Output: probabilities. {proofs} formats proven equal to the trained network.\n\n"
        f"Data: {sum(contract.dataset.chips.values())} chips, split {contract.dataset.split_rule}. "
        f"Report: artifact `evaluation/report.html`."
    )
    run.log_tags({"mlflow.note.content": text})
    return text


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
