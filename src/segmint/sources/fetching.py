"""Polite requests: named, rate-limited, tried again with growing pauses, never longer than somebody would wait.

Example:
    >>> fetcher = Fetcher(rate=4)
    >>> fetcher.get("https://tiles.example.org/1/0/0.png", lambda kind, body: body)
    b'...'
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import requests

from segmint import __version__
from segmint.addresses import shown
from segmint.errors import DataError, RecipeError

USER_AGENT = f"segmint/{__version__} (training chips for segmentation models)"

_ABSENT = (204, 404, 410)
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_LATER = "Run the same command again later: what was fetched is kept"

Result = TypeVar("Result")


class Damaged(Exception):  # noqa: N818 (a reason to try again, which no person sees)
    """An answer that arrived incomplete."""


@dataclass
class Fetcher:
    """One client of one or more servers.

    Attributes:
        rate: Most requests per second.
        attempts: Requests for one address before giving up.
        timeout: Seconds that an answer may take.
        pause: Seconds before the second attempt; doubled for each further one.
        patience: Longest pause in seconds, also where a server asks for more.
    """

    rate: float = 4.0
    attempts: int = 6
    timeout: float = 60.0
    pause: float = 1.0
    patience: float = 120.0
    _session: requests.Session = field(default_factory=requests.Session, repr=False)
    _last: float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise RecipeError(f"rate {self.rate:g}", "requests per second, more than 0")
        self._session.headers["User-Agent"] = USER_AGENT

    def get(self, address: str, read: Callable[[str, bytes], Result]) -> Result | None:
        """Fetch an address; see :meth:`_fetch`."""
        return self._fetch("GET", address, None, read)

    def post(self, address: str, form: dict[str, str], read: Callable[[str, bytes], Result]) -> Result | None:
        """Send a form to an address; see :meth:`_fetch`."""
        return self._fetch("POST", address, form, read)

    def _fetch(
        self, method: str, address: str, form: dict[str, str] | None, read: Callable[[str, bytes], Result]
    ) -> Result | None:
        """What ``read`` makes of the answer's content type and body; None where the server has nothing there.

        ``read`` raises :class:`Damaged` for a body that another attempt may bring whole.

        Raises:
            DataError: The server refuses, keeps failing, or asks for more patience than there is.
        """
        reason, wait = "", self.pause
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(min(wait, self.patience))
            wait = self.pause * 2**attempt
            try:
                status, headers, body = self._answer(method, address, form)
                if status in _ABSENT:
                    return None
                if status not in _BUSY:
                    _require_success(address, status)
                    return read(headers.get("Content-Type", ""), body)
                reason = f"status {status}"
                wait = max(wait, self._asked_for(address, headers.get("Retry-After")))
            except requests.Timeout:
                reason = f"no whole answer within {self.timeout:g} s"
            except (requests.exceptions.MissingSchema, requests.exceptions.InvalidURL) as error:
                found = f"address {shown(address)}: {shown(str(error))}"
                raise RecipeError(found, "http://... or https://...") from error
            except (requests.RequestException, Damaged) as error:
                reason = shown(str(error))
        found = f"{shown(address)} failed {self.attempts} times, the last time with: {reason}"
        raise DataError(found, "an answer", _LATER)

    def _answer(
        self, method: str, address: str, form: dict[str, str] | None
    ) -> tuple[int, requests.structures.CaseInsensitiveDict[str], bytes]:
        """Status, headers and body, the body within the timeout as a whole."""
        time.sleep(max(0.0, self._last + 1 / self.rate - time.monotonic()))
        self._last = time.monotonic()
        with self._session.request(method, address, data=form, timeout=self.timeout, stream=True) as answer:
            body = b""
            for part in answer.iter_content(65536):
                body += part
                if time.monotonic() - self._last > self.timeout:
                    raise requests.Timeout
            return answer.status_code, answer.headers, body

    def _asked_for(self, address: str, header: str | None) -> float:
        """Seconds that a Retry-After header asks for, a number or a date (RFC 9110, 10.2.3)."""
        if not header:
            return 0.0
        try:
            seconds = float(header) if header.strip().isdecimal() else _until(header)
        except ValueError:
            return 0.0
        if seconds > self.patience:
            found = f"{shown(address)} asks to wait {seconds:.0f} s"
            raise DataError(found, f"at most {self.patience:g} s", _LATER)
        return seconds


def excerpt(body: bytes) -> str:
    """The beginning of a text, for messages."""
    text = re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", body[:4000].decode("utf-8", "replace"), flags=re.DOTALL)
    return " ".join(text.split())[:120]


def _until(date: str) -> float:
    moment = parsedate_to_datetime(date)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _require_success(address: str, status: int) -> None:
    if status in (401, 403, 407):
        found = f"{shown(address)} answers {status}"
        raise DataError(found, "access", "Check the key in the address, and whether the provider allows downloads")
    if status >= 400:
        raise DataError(f"{shown(address)} answers {status}", "200", "Check the address and the zoom level")
