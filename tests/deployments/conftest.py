"""A real Prefect server on the loopback interface, and commands against it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from imgvet.engine.server_process import create_tables
from support.receiver import free_port

START = 240.0
"""Seconds that a server may take to start on a busy machine."""

QUICK = (
    "PREFECT_API_DATABASE_MIGRATE_ON_START=false"
    " PREFECT_API_BLOCKS_REGISTER_ON_START=false PREFECT_UI_ENABLED=false"
)
"""What a server of which the database is new and the pages are not looked at need not do."""


def wait_for_text(file: Path, text: str, seconds: float) -> str:
    """What a file holds once that stands in it: a process tells later than the server knows."""
    deadline = time.monotonic() + seconds
    while text not in (found := file.read_text()):
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    return found


@dataclass
class Shell:
    """Runs commands as a person does in terminals: in one folder, with one environment."""

    folder: Path
    port: int
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
        programs = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{kept['PATH']}"
        return {
            **kept,
            "PATH": programs,
            "HOME": str(self.folder / "home"),
            "PREFECT_HOME": str(self.folder / "home" / "prefect"),
            "PREFECT_RUNNER_POLL_FREQUENCY": "2",
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_API_PORT": str(self.port),
            "DO_NOT_TRACK": "1",
        }

    def prepare(self) -> None:
        """The command imgvet as this interpreter would run it, installed or not."""
        (self.folder / "bin").mkdir(parents=True)
        (self.folder / "home").mkdir()
        command = self.folder / "bin" / "imgvet"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m imgvet "$@"\n')
        command.chmod(0o755)

    def run(self, command: str, seconds: float = 280) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment, capture_output=True,
            text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def start(self, command: str) -> Path:
        """Start what runs on, and return the file with what it prints."""
        log = self.folder / f"terminal{len(self.started)}.txt"
        with log.open("w") as stream:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.environment,
                stdout=stream, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )  # fmt: skip
        self.started.append(process)
        return log

    def wait_for_server(self) -> None:
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/health", timeout=5).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.3)
        raise AssertionError("the server did not start")

    def stop(self, process: subprocess.Popen[str]) -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def stop_all(self) -> None:
        for process in reversed(self.started):
            self.stop(process)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        for _ in range(20):
            answer = httpx.post(f"{self.url}{path}", json=body or {}, timeout=30)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:  # its database is busy
                break
            time.sleep(0.5)
        answer.raise_for_status()
        return answer.json()

    def wait_for_run(self, seconds: float = 240) -> dict[str, Any]:
        """The first run that ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for run in self.post("/flow_runs/filter"):
                if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
                    return dict(run)
            time.sleep(0.5)
        raise AssertionError([path.read_text() for path in self.folder.glob("terminal*.txt")])


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Terminals in an empty folder, with no server yet."""
    shell = Shell(tmp_path, free_port())
    shell.prepare()
    try:
        yield shell
    finally:
        shell.stop_all()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Terminals, with a server running that no other file of tests has put anything on."""
    shell = Shell(tmp_path_factory.mktemp("server"), free_port())
    shell.prepare()
    home = Path(shell.environment["PREFECT_HOME"])
    home.mkdir()
    create_tables(f"sqlite:///{home}/prefect.db")
    try:
        shell.start(f"env {QUICK} prefect server start --host 127.0.0.1")
        shell.wait_for_server()
        yield shell
    finally:
        shell.stop_all()
