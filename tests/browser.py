"""A headless browser that looks at pages; pictures are kept where SEGMINT_SCREENSHOTS names a folder."""

import os
import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1500,1400",
)


def look(address: str, name: str, room: Path) -> tuple[str, Path]:
    """The page as a person gets it, once its scripts have run: its text with tags, and a picture.

    Args:
        address: Of the page, with name and password where it wants them.
        name: Of the picture.
        room: Where the browser keeps its profile, and the picture unless SEGMINT_SCREENSHOTS says otherwise.
    """
    pictures = Path(os.environ.get("SEGMINT_SCREENSHOTS", room))
    pictures.mkdir(parents=True, exist_ok=True)
    picture = pictures / f"{name}.png"
    base = [str(CHROMIUM), *QUIET, f"--user-data-dir={room / 'profile'}", "--virtual-time-budget=60000"]
    seen = subprocess.run([*base, "--dump-dom", address], capture_output=True, text=True, timeout=180, check=True)
    subprocess.run([*base, f"--screenshot={picture}", address], capture_output=True, timeout=180, check=True)
    return seen.stdout, picture
