"""The explorer as a server in a thread of this process: start, address, stop."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Self

import uvicorn

from imgvet.errors import InvalidParameterError
from imgvet.explorer.guard import KEY, Secrets
from imgvet.explorer.run import current_run
from imgvet.explorer.site import PAGE, make_site

LOOPBACK = "127.0.0.1"


class Explorer:
    """A run that is explored in the browser, until it is stopped or the process ends.

    Use it as a context manager, or call :meth:`stop`. Whoever has its ``url`` may see the images:
    it holds a key. ``path`` is a work dir, or that of the results of crops in one; port 0 takes a
    free one. Raises RunNotFoundError, or InvalidParameterError if the port may not be used.
    """

    def __init__(self, path: Path, port: int = 0) -> None:
        current = current_run(path)
        self._socket = _listen(port)
        self.port = int(self._socket.getsockname()[1])
        known = Secrets(f"imgvet-explorer-{self.port}")
        self.url = f"http://{LOOPBACK}:{self.port}{PAGE}?{KEY}={known.key}"
        config = uvicorn.Config(
            make_site(current, known),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="imgvet-explorer", daemon=True
        )
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop answering; may be called twice."""
        self._server.should_exit = True
        self._thread.join(10.0)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Explorer({self.url!r})" if self.running else "Explorer(stopped)"

    def _repr_html_(self) -> str:
        """A link, for notebooks."""
        if not self.running:
            return "The explorer is stopped."
        return f'<a href="{self.url}" target="_blank" rel="noopener">Explore the run</a>'


def _listen(port: int) -> socket.socket:
    """A socket on loopback; who asks before the server has started waits for it."""
    listening = socket.socket()
    try:
        # A port that was just let go of may be taken again, but never one that is in use.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        why = getattr(error, "strerror", None) or str(error)
        raise InvalidParameterError(
            f"Port {port} can't be used ({why})", "Choose another, or 0 for a free one"
        ) from None
    return listening
