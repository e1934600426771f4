"""A headless browser that looks at pages; pictures are kept where SEGMINT_SCREENSHOTS names a folder."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import HttpCredentials, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def window(person: HttpCredentials | None = None) -> Iterator[Page]:
    """An empty page of a browser that signs in as a person where a server asks."""
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1500, "height": 1400}, http_credentials=person)
        yield context.new_page()
        browser.close()


def look(page: Page, address: str, words: list[str], picture: Path) -> None:
    """Open a page, wait until it holds every word, and keep a picture of it.

    Args:
        page: Where it is opened.
        address: Of the page.
        words: What a person expects to read.
        picture: Where it goes, unless SEGMINT_SCREENSHOTS says otherwise.
    """
    page.goto(address)
    for word in words:
        page.wait_for_function("word => document.body.outerHTML.includes(word)", arg=word, timeout=180_000)
    page.wait_for_timeout(2000)  # the page goes on asking its server, and is never at rest
    folder = Path(os.environ.get("SEGMINT_SCREENSHOTS", picture.parent))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / picture.name)
