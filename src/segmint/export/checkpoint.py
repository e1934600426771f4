"""``checkpoints/best.ckpt``, a training checkpoint as it leaves the machine that wrote it.

Lightning's callbacks keep where their files lie, from the root of the file system on: names of users and servers that a
checkpoint would carry along to whoever may read the run.

Example:
    >>> write_portable(folder.checkpoints / "best.ckpt", staging.root / "checkpoints" / "best.ckpt")
"""

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import torch


def write_portable(checkpoint: Path, target: Path) -> None:
    """Copy a checkpoint with the name of a file in place of every absolute path; weights and states are the same."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    torch.save(_without_paths(content), target)


def _without_paths(value: Any) -> Any:
    """The same, also inside plain dictionaries (keys too), lists and tuples; state dicts hold tensors alone."""
    if isinstance(value, str):
        is_path = PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute()
        return PureWindowsPath(value).name if is_path else value
    if type(value) is dict:
        return {_without_paths(key): _without_paths(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_without_paths(item) for item in value)
    return value
