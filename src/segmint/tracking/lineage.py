"""The chips as MLflow dataset inputs, one per split, with their digest.

Example:
    >>> mlflow.log_input(SplitDataset("train", "data/chips", digest, profile), context="train")
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from mlflow.data.dataset import Dataset
from mlflow.data.dataset_source_registry import resolve_dataset_source


class SplitDataset(Dataset):
    """One split of a folder of chips.

    Args:
        split: ``train``, ``val`` or ``test``.
        folder: Folder of the chips.
        dataset_digest: SHA-256 of the whole dataset.
        profile: Figures of the split (tiles, pixels, chips).
    """

    def __init__(self, split: str, folder: str, dataset_digest: str, profile: dict[str, Any]) -> None:
        self._split, self._dataset_digest, self._profile = split, dataset_digest, profile
        path = Path(folder)
        super().__init__(
            source=resolve_dataset_source(str(path.resolve())),
            name=f"{path.parent.name}-{path.name}-{split}",
        )

    def _compute_digest(self) -> str:
        content = json.dumps([self._dataset_digest, self._split, self._profile], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    def to_dict(self) -> dict[str, str]:
        """What MLflow stores."""
        return {**super().to_dict(), "profile": json.dumps(self._profile)}

    @property
    def profile(self) -> dict[str, Any]:
        """Figures of the split."""
        return self._profile

    @property
    def schema(self) -> None:
        """Chips have no MLflow schema; the model's signature has one."""
        return
