"""What a registered version brings to the gate: the small artifacts of the run that trained it.

Example:
    >>> evidence = Evidence.of("refugee-camp", "3", scratch)
    >>> evidence.contract.metrics["test_iou"], len(evidence.counts.chips)
    (0.7712, 6)
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from segmint.contract import ModelContract
from segmint.errors import ContractError, TrackingError
from segmint.evaluation.baselines import Standing
from segmint.evaluation.held_out import HeldOutCounts
from segmint.registry.store import answering

CONTRACT, PARITY, ITEM = "metadata/contract.json", "metadata/parity.json", "metadata/stac_item.json"
COUNTS = "evaluation/test_chips.csv"
MANIFEST, SPLIT = "datasets/manifest.json", "datasets/split.json"


@dataclass(frozen=True)
class Evidence:
    """A version and what its run recorded.

    Attributes:
        name: Registered model.
        version: Version number.
        run_id: Run that trained it.
        contract: Its contract.
        sizes: Path -> bytes of every artifact of the run.
        parity: Content of ``parity.json``, or None where the run has none.
        stac_item: Content of ``stac_item.json``, or None.
        counts: Counts of the test split, or None where the run has none.
        learned: SHA-256 of every file of the dataset -> where it stood there.
        held_out: Files of the chips of which no part was trained on or tuned on.
    """

    name: str
    version: str
    run_id: str
    contract: ModelContract
    sizes: dict[str, int]
    parity: dict[str, Any] | None
    stac_item: dict[str, Any] | None
    counts: HeldOutCounts | None
    learned: dict[str, set[str]]
    held_out: frozenset[str]

    @classmethod
    def of(cls, name: str, version: str, scratch: Path) -> "Evidence":
        """Fetch it into the folder ``scratch``.

        Raises:
            TrackingError: The store cannot be reached, or the version has no run.
            ContractError: The run has no contract, or one that cannot be used.
        """
        client, folder = MlflowClient(), scratch / version
        folder.mkdir()
        with answering(f"{name} version {version}"):
            run_id = client.get_model_version(name, version).run_id
            if not run_id:
                raise TrackingError(f"{name} version {version} names no run", "one that segmint trained")
            sizes = dict(_artifacts(client, run_id, ""))
            wanted = [path for path in (CONTRACT, PARITY, ITEM, COUNTS, MANIFEST, SPLIT) if path in sizes]
            files = {path: Path(client.download_artifacts(run_id, path, str(folder))) for path in wanted}
        if CONTRACT not in files:
            raise ContractError(f"run {run_id} of {name} version {version} has no {CONTRACT}", remedy="Train it again")
        contract = ModelContract.read(files[CONTRACT])
        split: dict[str, list[dict[str, Any]]] = (_json(files.get(SPLIT)) or {"tiles": {}})["tiles"]
        sides = {side: {tile["file"] for tile in tiles} for side, tiles in split.items()}
        learned: dict[str, set[str]] = {}
        for entry in _json(files.get(MANIFEST)) or []:
            learned.setdefault(entry["sha256"], set()).add(entry["path"])
        tested = _digest(split.get("test", []))
        return cls(
            name=name,
            version=version,
            run_id=run_id,
            contract=contract,
            sizes=sizes,
            parity=_json(files.get(PARITY)),
            stac_item=_json(files.get(ITEM)),
            counts=HeldOutCounts.read(files[COUNTS], contract, tested) if COUNTS in files else None,
            learned=learned,
            held_out=frozenset(sides.get("test", set()) - sides.get("train", set()) - sides.get("val", set())),
        )

    @property
    def standing(self) -> Standing:
        """Test IoU beside the baselines, as training measured them."""
        return Standing.of(self.contract.metrics)

    def knows(self, sha256: str) -> bool:
        """Whether the model was trained or tuned on a chip of this content, whatever it is called now."""
        return not self.learned.get(sha256, set()) <= self.held_out


def _artifacts(client: MlflowClient, run_id: str, folder: str) -> Iterator[tuple[str, int]]:
    for item in client.list_artifacts(run_id, folder or None):
        if item.is_dir:
            yield from _artifacts(client, run_id, item.path)
        else:
            yield item.path, int(item.file_size or 0)


def _digest(tiles: list[dict[str, Any]]) -> str:
    """SHA-256 over the names of chips and the windows of them that make up a split."""
    places = sorted([tile[key] for key in ("chip", "row", "col", "height", "width")] for tile in tiles)
    return hashlib.sha256(json.dumps(places).encode()).hexdigest()


def _json(path: Path | None) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path else None
