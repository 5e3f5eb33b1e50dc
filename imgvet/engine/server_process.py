"""The process of the temporary server: Prefect's API, for as long as its parent lives.

Started with the socket that its parent bound, and with standard input connected to it. It imports
what it needs, and waits for its settings there. When the parent ends, however it ends, that pipe
closes and the server stops, so a killed run leaves no server behind.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import create_engine, make_url

from imgvet.engine.server import ADDRESS, LOG

APPLICATION = "prefect.server.api.server:create_app"

_ASKED = ("/flows", "/flow_runs", "/artifacts", "/admin")
"""What a run asks for, by the prefixes of Prefect's routers."""


def serve(descriptor: int) -> None:
    """Serve on a socket's file descriptor until told to stop or until standard input closes."""
    os.chdir(Path(__file__).parent)  # away from where files may have settings for Prefect
    gc.disable()  # nothing that an import makes is garbage, and looking for it takes a fifth
    try:
        api: Any = importlib.import_module(APPLICATION.partition(":")[0])
        # FastAPI makes the routes of a router as soon as it looks for one there.
        api.API_ROUTERS = sorted(api.API_ROUTERS, key=lambda router: router.prefix not in _ASKED)
    finally:
        is_wanted = _take_settings()
    if not is_wanted:
        return
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()
    create_tables(os.environ[ADDRESS])
    config = uvicorn.Config(APPLICATION, factory=True, log_level="error", lifespan="on")
    config.load()
    gc.freeze()
    gc.enable()
    server = uvicorn.Server(config)
    threading.Thread(target=_stop_with_parent, args=(server,), daemon=True).start()
    server.run(sockets=[socket.socket(fileno=descriptor)])


def _take_settings() -> bool:
    """Wait for the environment and where to say what goes wrong; whether there is a run at all."""
    told = sys.stdin.readline()
    if told:
        os.environ.update(json.loads(told))
        log = os.open(Path(os.environ["PREFECT_HOME"], LOG), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
    return bool(told)


def create_tables(address: str) -> None:
    """Make the tables of a new SQLite database, which an address of SQLAlchemy's names.

    They are as Prefect's models have them, for which its migrations from the first one on take
    several seconds.
    """
    from prefect.server.database.orm_models import Base

    for table in Base.metadata.tables.values():  # some name an index twice
        table.indexes.intersection_update({each.name: each for each in table.indexes}.values())
    engine = create_engine(make_url(address).set(drivername="sqlite"))
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA synchronous = OFF")
        Base.metadata.create_all(connection)
    engine.dispose()


def _stop_with_parent(server: uvicorn.Server) -> None:
    sys.stdin.read()
    server.should_exit = True


if __name__ == "__main__":
    serve(int(sys.argv[1]))
