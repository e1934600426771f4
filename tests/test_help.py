"""Every entry point explains itself at once: it imports nothing heavy to do so."""

import subprocess
import sys

import pytest
from places import REPOSITORY

SCRIPTS = sorted(path.stem for path in (REPOSITORY / "src").glob("*.py"))
HEAVY = ("torch", "mlflow", "rasterio", "onnxruntime", "numpy")


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_lists_the_parameters_and_loads_nothing_heavy(script):
    path = REPOSITORY / "src" / f"{script}.py"
    code = (
        "import runpy, sys",
        f"sys.argv, sys.path[0] = ['{script}.py', '--help'], {str(path.parent)!r}",
        f"try: runpy.run_path({str(path)!r}, run_name='__main__')",
        f"finally: print('heavy:', sorted({set(HEAVY)} & set(sys.modules)))",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], capture_output=True, text=True, check=True)
    assert "--help" in done.stdout
    assert "\n  --" in done.stdout
    assert done.stdout.rstrip().endswith("heavy: []")
