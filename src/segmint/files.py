"""Files that are either whole or as they were before.

Example:
    >>> replace_file(Path("meta/contract.json"), b"{}")
"""

from pathlib import Path


def replace_file(path: Path, content: str | bytes) -> None:
    """Write text (UTF-8) or bytes beside ``path``, then rename over it."""
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(content.encode() if isinstance(content, str) else content)
    beside.replace(path)
