"""Did `make train` learn more than colour? Its test IoU beside the constant class and a per-pixel colour classifier.

    make train && python benchmarks/sample.py

The colour classifier is the share of shelter per bin of a 16 x 16 x 16 RGB histogram of the training tiles, with the
threshold of highest IoU on the validation tiles; all three are measured on the same test tiles.
"""

import sys
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "src"))

from segmint.command_line import parse  # noqa: E402
from segmint.contract import ModelContract  # noqa: E402
from segmint.data.preparation import PreparedData, prepare  # noqa: E402


def pixels(prepared: PreparedData, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Colour bin and class of every pixel of a split."""
    bins, classes = [], []
    for tile in prepared.split.tiles[split]:
        chip = prepared.chips[tile.chip]
        window = (tile.row, tile.col, tile.height, tile.width)
        values, label = chip.read(window)
        red, green, blue = values.astype(int) // 16
        bins.append((red * 256 + green * 16 + blue).ravel())
        classes.append(label.ravel())
    return np.concatenate(bins), np.concatenate(classes)


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two boolean maps."""
    return float((found & truth).sum() / max((found | truth).sum(), 1))


def main() -> None:
    """Print the three figures and the margin."""
    recipe = parse([])
    prepared = prepare(recipe)
    bins, classes = pixels(prepared, "train")
    share = np.bincount(bins[classes == 1], minlength=4096) / np.maximum(np.bincount(bins, minlength=4096), 1)
    bins, classes = pixels(prepared, "val")
    threshold = max(np.linspace(0, 1, 41), key=lambda level: iou(share[bins] >= level, classes == 1))
    bins, classes = pixels(prepared, "test")
    colour = iou(share[bins] >= threshold, classes == 1)
    metrics = ModelContract.read(Path("meta/contract.json")).metrics
    margin = metrics["test_iou"] - max(colour, metrics["test_baseline_iou"])
    print(
        f"test IoU: model {metrics['test_iou']:.3f}, colour {colour:.3f}, constant {metrics['test_baseline_iou']:.3f}"
    )
    print(f"margin over the better of the two: {margin:+.3f}")


if __name__ == "__main__":
    main()
