"""Print the messages that are posted to a port of this machine, to see alerts arrive.

    python -m imgvet.deployments.receiver 8008

receives what is sent to ``json://127.0.0.1:8008/``.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer


class Printer(BaseHTTPRequestHandler):
    """Prints title and text of each message."""

    def do_POST(self) -> None:
        """Take one message."""
        length = int(self.headers.get("Content-Length", "0"))
        message = json.loads(self.rfile.read(length))
        text = f"[{message['type']}] {message['title']}\n{message['message']}"
        print(f"\n{text}", flush=True)  # noqa: T201
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print messages only."""


def main() -> None:
    """Receive until stopped."""
    with (
        HTTPServer(("127.0.0.1", int(sys.argv[1])), Printer) as server,
        suppress(KeyboardInterrupt),
    ):
        server.serve_forever()


if __name__ == "__main__":
    main()
