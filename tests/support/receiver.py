"""A receiver of JSON on the loopback interface, and free ports."""

from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Receiver:
    """Takes what is posted to it while it is entered; hangs up where :meth:`answer` says so.

    Attributes:
        posted: the JSON of each post, in order.
    """

    def answer(self) -> bool:
        """Whether to answer a post that was taken."""
        return True

    def __init__(self) -> None:
        posted: list[dict[str, Any]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                if not owner.answer():
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.posted = posted
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """Its address as Apprise writes it."""
        return f"json://127.0.0.1:{self.port}/alerts"

    def titles(self) -> list[str]:
        """The titles of what was posted, in order."""
        return [str(entry["title"]) for entry in self.posted]

    def wait_for(self, number: int, seconds: float) -> None:
        """Wait until so much was posted."""
        deadline = time.monotonic() + seconds
        while len(self.posted) < number:
            assert time.monotonic() < deadline, f"only {len(self.posted)} arrived"
            time.sleep(0.1)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
