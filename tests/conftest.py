"""Settings that must be there before Prefect is imported: an own home, no telemetry, no profile."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

from imgvet.engine.server import TemporaryServer

# Deadlines measure how busy a machine is; and what fails is to be what was changed, so each run
# tries the same examples. "make properties" searches on.
settings.register_profile("imgvet", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("imgvet")

# Connections of Prefect's events outlive their test, and complain when the machine is busy.
logging.getLogger("websockets").setLevel(logging.CRITICAL)

_home = tempfile.TemporaryDirectory(prefix="imgvet-tests-", ignore_cleanup_errors=True)
os.environ.update(
    {
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": f"{_home.name}/prefect",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    }
)
os.environ["XDG_CACHE_HOME"] = f"{_home.name}/cache"
os.environ.pop("PREFECT_API_URL", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests in tests/torture go on."""
    group = parser.getgroup("torture")
    group.addoption("--count", type=int, default=3, help="how often each thing is tried [3]")
    group.addoption("--seed", type=int, default=1, help="of what is left to chance [1]")
    group.addoption("--minutes", type=float, default=0.2, help="of faults of a bucket [0.2]")


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One Prefect server for all tests of a session that need one; events of Prefect's own runs,
    which nobody reads here, are not sent."""
    from prefect.context import _temporary_global_settings_context, get_settings_context
    from prefect.events.clients import NullEventsClient
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import (
        PREFECT_API_DATABASE_CONNECTION_URL,
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    server, home = TemporaryServer(), tmp_path_factory.mktemp("prefect")
    server.start(home)
    server.wait()
    changes = {
        PREFECT_API_URL: server.url,
        PREFECT_API_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{home}/prefect.db",
        # The thread that sends them keeps a finished flow waiting for up to a second.
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
    EventsWorker.set_client_override(NullEventsClient)
    try:
        with (
            temporary_settings(changes),
            _temporary_global_settings_context(get_settings_context()),
        ):
            yield
            APILogWorker.drain_all()  # else it complains of a server that is gone
    finally:
        EventsWorker.set_client_override(None)
        server.stop()
