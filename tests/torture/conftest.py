"""Figures of reliability: each test of this folder tells what it tried and what was lost.

Without options a few of everything, for ``make test-slow``; ``make torture COUNT=500`` prints the
rows of docs/reliability.md.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from imgvet.engine.server import TemporaryServer
from support.command import environment_of

ROWS = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if rows := config.stash[ROWS]:
        terminalreporter.section("figures of reliability")
        terminalreporter.write_line("| tried | how often | lost or wrong | command |")
        terminalreporter.write_line("|---|---|---|---|")
        for row in rows:
            terminalreporter.write_line(row)


@dataclass
class Torture:
    """How often things are tried, and with which chance; it collects what was found."""

    count: int
    seconds: float
    chance: random.Random
    name: str
    rows: list[str]
    wrong: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def goes_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() - self.started < self.seconds

    def found(self, tried: str, how_often: object, wrong: int | str | None = None) -> None:
        """Print a row of the table of figures, and fail if something was lost or wrong."""
        lost = wrong if wrong is not None else (len(self.wrong) or "nothing")
        how = f"MINUTES={self.seconds / 60:g}" if "s3" in self.name else f"COUNT={self.count}"
        command = f"`make torture ONLY={self.name} {how}`"
        self.rows.append(f"| {tried} | {how_often} | {lost} | {command} |")
        assert not self.wrong, "\n".join(self.wrong)


@pytest.fixture
def torture(request: pytest.FixtureRequest) -> Torture:
    """The counts and the chance that the command line gives."""
    option, name = request.config.getoption, request.node.originalname.removeprefix("test_")
    chance = random.Random(f"{option('--seed')} {request.node.name}")
    rows = request.config.stash[ROWS]
    return Torture(option("--count"), 60 * option("--minutes"), chance, name, rows)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """That of a person with a new home."""
    return environment_of(tmp_path_factory.mktemp("torture") / "home")


@pytest.fixture(scope="session")
def at_server(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The same, with a server that stays: starting one takes longer than a run."""
    server = TemporaryServer()
    server.start(tmp_path_factory.mktemp("server"))
    try:
        server.wait()
        yield {**environment, "PREFECT_API_URL": server.url}
    finally:
        server.stop()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where a command writes what it prints."""
    return tmp_path / "log"
