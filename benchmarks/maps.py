"""The map that ``predict`` makes of a scene, for other benchmarks to compare with.

Example:
    >>> classes = predicted(Path("meta"), Path("scene.tif"))
    >>> classes.shape, classes.dtype
    ((700, 900), dtype('uint8'))
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

SCRIPT = Path(__file__).resolve().parents[1] / "src" / "predict.py"


def predicted(model: Path, scene: Path) -> NDArray[np.uint8]:
    """Class values ``[H, W]``, 255 where the scene is empty, by the command line."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, str(SCRIPT), f"--model={model}", f"--input={scene}", f"--output_dir={scratch}"]
        subprocess.run(command, check=True, stdout=sys.stderr)
        with rasterio.open(Path(scratch, f"{scene.stem}_classes.tif")) as found:
            return np.asarray(found.read(1))
