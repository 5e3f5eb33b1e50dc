"""Settings that must be there before Prefect is imported: an own home, no telemetry, no profile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Deadlines measure how busy a machine is.
settings.register_profile("imgvet", deadline=None)
settings.load_profile("imgvet")

_home = tempfile.TemporaryDirectory(prefix="imgvet-tests-", ignore_cleanup_errors=True)
os.environ.update(
    {
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": f"{_home.name}/prefect",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        "XDG_CACHE_HOME": f"{_home.name}/cache",
    }
)
os.environ.pop("PREFECT_API_URL", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests in tests/torture go on."""
    group = parser.getgroup("torture")
    group.addoption("--count", type=int, default=3, help="how often each thing is tried [3]")
    group.addoption("--seed", type=int, default=1, help="of what is left to chance [1]")
    group.addoption("--minutes", type=float, default=0.2, help="of faults of a bucket [0.2]")


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server for all tests of a session that need one: it costs some ten seconds."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    # The thread that sends heartbeats keeps a finished flow waiting for up to a second.
    without_heartbeats = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with prefect_test_harness(server_startup_timeout=120), without_heartbeats:
        yield
