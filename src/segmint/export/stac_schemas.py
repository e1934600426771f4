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
import logging
import os
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema_specifications import REGISTRY
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource, Unresolvable
from referencing.jsonschema import DRAFT7

REMEDY = "Set SEGMINT_STAC_SCHEMAS to a folder that has it, or go online"
"""What to do where a schema cannot be had."""

_SECONDS = 5.0
"""Longest wait for all that one store fetches, in seconds."""


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

    @property
    def unchecked(self) -> tuple[str, ...]:
        """A sentence for each schema that could not be had."""
        return tuple(f"not checked against {url}: {reason}" for url, reason in self.missing.items())

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
        self._read: dict[str, dict[str, Any]] = {}
        self._waited = 0.0
        self._refusal: str | None = None if cache else "not in the given folder"

    @classmethod
    def default(cls) -> "SchemaStore":
        """The folder that ``SEGMINT_STAC_SCHEMAS`` names, and a cache in the user's home."""
        folder = os.environ.get("SEGMINT_STAC_SCHEMAS")
        home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
        return cls.of_folder(Path(folder)) if folder else cls({}, home / "segmint" / "schemas")

    @classmethod
    def of_folder(cls, folder: Path) -> "SchemaStore":
        """Only the schemas of a folder with an ``index.json``; without it, every schema is missing for that reason."""
        try:
            index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            return cls({url: folder / entry["file"] for url, entry in index.items()}, cache=None)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            store = cls({}, cache=None)
            store._refusal = f"{folder / 'index.json'} cannot be read: {error}"
            return store

    def get(self, url: str) -> dict[str, Any]:
        """A schema.

        Raises:
            LookupError: It cannot be had; the message is the reason.
        """
        url = url.rstrip("#")
        if url not in self._read:
            self._read[url] = self._given(url) if url in self._index else self._kept(url) or self._fetched(url)
        return self._read[url]

    def _given(self, url: str) -> dict[str, Any]:
        try:
            return _parsed(self._index[url].read_bytes())
        except (OSError, ValueError) as error:
            raise LookupError(f"cannot be read: {error}") from error

    def _place(self, url: str) -> Path | None:
        return self._cache / f"{hashlib.sha256(url.encode()).hexdigest()}.json" if self._cache else None

    def _kept(self, url: str) -> dict[str, Any] | None:
        place = self._place(url)
        try:
            return _parsed(place.read_bytes()) if place else None
        except (OSError, ValueError):
            return None  # absent or damaged: fetched again

    def _fetched(self, url: str) -> dict[str, Any]:
        if self._refusal is not None:
            raise LookupError(self._refusal)
        started = time.monotonic()
        answer = _answer(url, _SECONDS - self._waited)
        self._waited += time.monotonic() - started
        try:
            if isinstance(answer, Exception):
                raise answer
            schema = _parsed(answer)
        except (OSError, HTTPException, ValueError) as error:
            self._refusal = f"cannot be fetched: {error}"  # one failure is enough: never stall on the next
            raise LookupError(self._refusal) from error
        self._keep(url, answer)
        return schema

    def _keep(self, url: str, content: bytes) -> None:
        place = self._place(url)
        if place is None:
            return
        beside = place.with_name(f"{place.stem}.{os.getpid()}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(content)
            beside.replace(place)
        except OSError as error:
            logging.getLogger(__name__).warning("schema not kept in %s: %s", place.parent, error)


def _parsed(content: bytes) -> dict[str, Any]:
    schema = json.loads(content)
    if not isinstance(schema, dict):
        raise ValueError("not a JSON schema")
    return schema


def _answer(url: str, seconds: float) -> bytes | Exception:
    """The content behind a URL, or why there is none, after so many seconds at most."""
    outcome: list[bytes | Exception] = []

    def fetch() -> None:
        try:
            with urllib.request.urlopen(url, timeout=_SECONDS) as response:
                outcome.append(response.read())
        except (OSError, HTTPException, ValueError) as error:
            outcome.append(error)

    # in a thread of its own, because neither looking up a name nor a trickling answer obeys the timeout
    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(max(seconds, 0.0))
    return outcome[0] if outcome else TimeoutError(f"no answer in {_SECONDS:g} s")


def validate(item: dict[str, Any], store: SchemaStore) -> SchemaReport:
    """Hold an item or a collection against its core schema and every extension that it names."""
    kind = "collection" if item.get("type") == "Collection" else "item"
    core = f"https://schemas.stacspec.org/v{item.get('stac_version')}/{kind}-spec/json-schema/{kind}.json"
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
