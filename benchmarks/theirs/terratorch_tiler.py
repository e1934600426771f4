"""TerraTorch's side of `tilers.py`: ``tiled_inference`` between reading and writing, in an environment of its own.

PYTHON benchmarks/theirs/terratorch_tiler.py first.tif scene.tif map.tif
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import rasterio
import torch
from terratorch.tasks.tiled_inference import tiled_inference

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from stopwatch import measured
from theirs.network import BATCH, OVERLAP, TILE, network


def predict(scene: str, result: str) -> None:
    """A float32 map: the scene goes in as one tensor, which is what the function takes."""
    with rasterio.open(scene) as source:
        values = torch.from_numpy(source.read().astype(np.float32))[None]
        profile = source.profile | {"count": 1, "dtype": "float32", "compress": "lzw"}
    answer = tiled_inference(network(), values, crop=TILE, stride=TILE - OVERLAP, batch_size=BATCH)
    with rasterio.open(result, "w", **profile) as target:
        target.write(answer[0].numpy())


if __name__ == "__main__":
    first, scene, result = sys.argv[1:]
    predict(first, result)  # loads what is loaded lazily
    print(json.dumps(asdict(measured(lambda: predict(scene, result)))))
