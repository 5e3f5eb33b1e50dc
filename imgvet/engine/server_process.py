"""The process of the temporary server: Prefect's API, for as long as its parent lives.

Started with the socket that its parent bound, and with standard input connected to it. When the
parent ends, however it ends, that pipe closes and the server stops, so a killed run leaves no
server behind.
"""

from __future__ import annotations

import gc
import socket
import sys
import threading

import uvicorn

APPLICATION = "prefect.server.api.server:create_app"


def serve(descriptor: int) -> None:
    """Serve on a socket's file descriptor until told to stop or until standard input closes."""
    config = uvicorn.Config(APPLICATION, factory=True, log_level="error", lifespan="on")
    gc.disable()  # nothing that an import makes is garbage, and looking for it takes a fifth
    config.load()
    gc.freeze()
    gc.enable()
    server = uvicorn.Server(config)
    threading.Thread(target=_stop_with_parent, args=(server,), daemon=True).start()
    server.run(sockets=[socket.socket(fileno=descriptor)])


def _stop_with_parent(server: uvicorn.Server) -> None:
    sys.stdin.read()
    server.should_exit = True


if __name__ == "__main__":
    serve(int(sys.argv[1]))
