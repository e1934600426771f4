"""geoai's side of `tilers.py`: ``predict_geotiff`` with a network of one convolution, in an environment of its own.

PYTHON benchmarks/theirs/geoai_tiler.py first.tif scene.tif map.tif
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from geoai.inference import predict_geotiff
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from stopwatch import measured
from theirs.network import BATCH, OVERLAP, TILE, network


def predict(scene: str, result: str) -> None:
    """A float32 map, as the example of the function's docstring makes it."""
    model: nn.Module = network()
    predict_geotiff(
        model,
        scene,
        result,
        tile_size=TILE,
        overlap=OVERLAP,
        batch_size=BATCH,
        preprocess_fn=lambda tile: tile,  # the network takes values as they are stored
        device="cpu",
        verbose=False,
    )


if __name__ == "__main__":
    first, scene, result = sys.argv[1:]
    predict(first, result)  # loads what is loaded lazily
    print(json.dumps(asdict(measured(lambda: predict(scene, result)))))
