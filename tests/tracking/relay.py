"""A stretch of network between a client and a real server, which can fail in the ways that networks do."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator


class Relay:
    """Passes bytes on, on a port of loopback.

    Attributes:
        address: What clients use.
        swallows: The answer to a request that holds these bytes is lost, once the server has given it; None: no answer.
        cuts: A connection ends when this many bytes of a request have gone through; None: never.
        lost: How many answers were lost.
    """

    def __init__(self, server: str) -> None:
        host, port = server.removeprefix("http://").split(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.swallows: bytes | None = None
        self.cuts: int | None = None
        self.lost = 0
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """The server cannot be reached: connections break, new ones are refused."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for side in list(self._open):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def reopen(self) -> None:
        """It is back, at the same address."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Closed for a while."""
        self.close()
        try:
            yield
        finally:
            self.reopen()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._server) as server:
            self._open |= {client, server}
            try:
                self._talk(client, server)
            finally:
                self._open -= {client, server}

    def _talk(self, client: socket.socket, server: socket.socket) -> None:
        asked = b""
        with selectors.DefaultSelector() as either:
            either.register(client, selectors.EVENT_READ)
            either.register(server, selectors.EVENT_READ)
            while True:
                for key, _ in either.select():
                    said = key.fileobj.recv(65536)
                    if not said:
                        return
                    if key.fileobj is client:
                        asked += said
                        if self.cuts is not None and len(asked) > self.cuts:
                            self.lost += 1
                            return
                        server.sendall(said)
                    elif self.swallows is not None and self.swallows in asked:
                        self.lost += 1
                        return
                    else:
                        asked = b""
                        client.sendall(said)
