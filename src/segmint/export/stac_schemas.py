"""The published JSON schemas of an item, found without a network where a folder of them is given.

``SEGMINT_STAC_SCHEMAS`` names a folder with an ``index.json`` (URL -> file); otherwise schemas are fetched once and
kept in the user's cache. A schema that cannot be had is reported, never skipped in silence.

Example:
    >>> report = validate(content, SchemaStore.default())
    >>> report.errors, report.missing
    ((), {})
"""

import hashlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema_specifications import REGISTRY
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource, Unresolvable
from referencing.jsonschema import DRAFT7

_SECONDS = 5.0


@dataclass(frozen=True)
class SchemaReport:
    """What validation found.

    Attributes:
        checked: URLs of the schemas that the item was held against.
        errors: What they refuse, as ``place: reason``.
        missing: URLs of schemas that could not be had, with the reason.
    """

    checked: tuple[str, ...]
    errors: tuple[str, ...]
    missing: dict[str, str]

    def sentence(self) -> str:
        """The outcome in one line."""
        if self.errors:
            return f"STAC item: {len(self.errors)} errors, first {self.errors[0]}"
        if self.missing:
            url, reason = next(iter(self.missing.items()))
            return f"STAC item: not checked against {len(self.missing)} schemas ({url}: {reason})"
        return f"STAC item: valid against {len(self.checked)} published schemas"


class SchemaStore:
    """Schemas by URL, from a folder or from the network.

    Args:
        index: URL -> file of schemas at hand.
        cache: Folder for fetched schemas, or None to never fetch.
    """

    def __init__(self, index: dict[str, Path], cache: Path | None) -> None:
        self._index, self._cache = index, cache
        self._offline: str | None = None

    @classmethod
    def default(cls) -> "SchemaStore":
        """The folder that ``SEGMINT_STAC_SCHEMAS`` names, and a cache in the user's home."""
        folder = os.environ.get("SEGMINT_STAC_SCHEMAS")
        home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
        return cls.of_folder(Path(folder)) if folder else cls({}, home / "segmint" / "schemas")

    @classmethod
    def of_folder(cls, folder: Path) -> "SchemaStore":
        """Only the schemas of a folder with an ``index.json``."""
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        return cls({url: folder / entry["file"] for url, entry in index.items()}, cache=None)

    def get(self, url: str) -> dict[str, Any]:
        """A schema.

        Raises:
            LookupError: It cannot be had; the message is the reason.
        """
        url = url.rstrip("#")
        if url in self._index:
            content: dict[str, Any] = json.loads(self._index[url].read_text(encoding="utf-8"))
            return content
        if self._cache is None:
            raise LookupError("not in the given folder")
        kept = self._cache / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
        if not kept.is_file():
            self._fetch(url, kept)
        self._index[url] = kept
        return self.get(url)

    def _fetch(self, url: str, kept: Path) -> None:
        if self._offline is not None:
            raise LookupError(self._offline)
        try:
            with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
                content = answer.read()
            json.loads(content)
        except (urllib.error.URLError, OSError, ValueError) as error:
            self._offline = f"cannot be fetched: {error}"  # one failure is enough: never stall on the next
            raise LookupError(self._offline) from error
        kept.parent.mkdir(parents=True, exist_ok=True)
        beside = kept.with_suffix(".part")
        beside.write_bytes(content)
        beside.replace(kept)


def validate(item: dict[str, Any], store: SchemaStore) -> SchemaReport:
    """Hold an item against its core schema and every extension that it names."""
    core = f"https://schemas.stacspec.org/v{item.get('stac_version')}/item-spec/json-schema/item.json"
    registry = REGISTRY.combine(Registry(retrieve=_retriever(store)))  # type: ignore[call-arg]
    checked: list[str] = []
    errors: list[str] = []
    missing: dict[str, str] = {}
    for url in (core, *item.get("stac_extensions", [])):
        try:
            found = list(Draft7Validator(store.get(url), registry=registry).iter_errors(item))
        except (LookupError, Unresolvable) as error:
            missing[url] = str(error)
            continue
        checked.append(url)
        errors += [
            f"{'/'.join(str(part) for part in error.absolute_path) or 'item'}: {error.message[:200]}" for error in found
        ]
    return SchemaReport(tuple(checked), tuple(errors), missing)


def _retriever(store: SchemaStore) -> Callable[[str], Resource[Any]]:
    def retrieve(url: str) -> Resource[Any]:
        try:
            return Resource.from_contents(store.get(url), default_specification=DRAFT7)
        except LookupError as error:
            raise NoSuchResource(ref=url) from error  # type: ignore[call-arg]

    return retrieve
