import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"
MODES = [Path("/sys/kernel/mm/transparent_hugepage", name) for name in ("enabled", "defrag")]
AT_ONCE = all(path.is_file() and "madvise]" in path.read_text() for path in MODES)
HOLD = "held = torch.ones(64 * 2**20 // 4); print(open('/proc/self/smaps_rollup').read())"


def large_pages(imports: str, **environment: str) -> int:
    """Bytes in large pages in a process that holds a tensor of 64 MiB."""
    kept = {key: value for key, value in os.environ.items() if key != "THP_MEM_ALLOC_ENABLE"}
    command = [sys.executable, "-c", f"import {imports}; {HOLD}"]
    given = kept | environment | {"PYTHONPATH": str(SRC)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=given)
    found = re.search(r"AnonHugePages:\s+(\d+) kB", done.stdout)
    assert found is not None
    return 1024 * int(found[1])


@pytest.mark.skipif(not AT_ONCE, reason="this kernel decides by itself")
class TestLargeTensors:
    @pytest.mark.parametrize("imports", ["segmint, torch", "torch, segmint.training.session, segmint.export.formats"])
    def test_lie_in_large_pages(self, imports):
        assert large_pages(imports) > 48 * 2**20

    def test_lie_in_small_ones_where_the_environment_says_so(self):
        assert large_pages("segmint, torch", THP_MEM_ALLOC_ENABLE="0") < 16 * 2**20
