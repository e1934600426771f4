"""HTTP servers on loopback that answer as they are told, and remember what they were asked."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from rasterio.io import MemoryFile


@dataclass(frozen=True)
class Asked:
    """A request."""

    path: str
    body: bytes
    agent: str
    at: float
    range: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer; ``cut`` bytes of the body are announced and not sent."""

    body: bytes = b""
    status: int = 200
    kind: str = "image/png"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    cut: int = 0


@dataclass
class Host:
    """A server's address and its memory."""

    address: str
    asked: list[Asked] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [item.path for item in self.asked]


@contextmanager
def hosted(answer: Callable[[Asked, int], Answer]) -> Iterator[Host]:
    """Serve ``answer(request, number of earlier requests for its path)``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            agent, part = self.headers["User-Agent"], self.headers.get("Range", "")
            asked = Asked(self.path, self.rfile.read(length), agent, time.monotonic(), part)
            before = sum(item.path == self.path for item in host.asked)
            host.asked.append(asked)
            given = answer(asked, before)
            time.sleep(given.seconds)
            try:
                self.send_response(given.status)
                self.send_header("Content-Type", given.kind)
                self.send_header("Content-Length", str(len(given.body)))
                for name, value in given.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(given.body[: len(given.body) - given.cut])
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            if given.cut:
                self.close_connection = True

        do_POST = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = Host(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def picture(values: np.ndarray, driver: str = "PNG") -> bytes:
    """``[C, H, W]`` as the bytes of an image file."""
    bands, height, width = values.shape
    with MemoryFile() as memory:
        with memory.open(driver=driver, count=bands, height=height, width=width, dtype=values.dtype) as target:
            target.write(values)
        return memory.read()


def part_of(content: bytes, asked: Asked) -> Answer:
    """A file, or the range of it that was asked for."""
    if not asked.range:
        return Answer(content, kind="image/tiff", headers={"Accept-Ranges": "bytes"})
    first, _, last = asked.range.removeprefix("bytes=").partition("-")
    end = min(int(last or len(content)), len(content) - 1)
    stated = {"Content-Range": f"bytes {first}-{end}/{len(content)}", "Accept-Ranges": "bytes"}
    return Answer(content[int(first) : end + 1], status=206, kind="image/tiff", headers=stated)
