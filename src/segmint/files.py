"""Files that are either whole or as they were before.

Example:
    >>> replace_file(Path("meta/contract.json"), b"{}")
"""

import os
import threading
from pathlib import Path


def replace_file(path: Path, content: str | bytes) -> None:
    """Write text (UTF-8) or bytes beside ``path``, then rename over it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
