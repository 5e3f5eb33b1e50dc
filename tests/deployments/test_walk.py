"""Every command of the page, in its order, against a real server; only the ports are others."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from support.receiver import free_port

from .conftest import Shell, wait_for_text

PAGE = Path(__file__).parents[2] / "deployments" / "README.md"
RUNS_ON = ("prefect server start", "python -m imgvet", "imgvet serve", "prefect worker start")
"""Commands that run until they are stopped."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def commands() -> list[str]:
    """The commands of the page, without those that set a variable."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line]
    assert [line for line in lines if line.startswith("export PREFECT_API_URL=")] != []
    return [line for line in lines if not line.startswith("export ")]


class Walk:
    """Takes the steps of the page, one command after the other."""

    def __init__(self, shell: Shell) -> None:
        self.shell, self.left = shell, commands()
        self.ports = {"4200": str(shell.port), "8008": str(free_port())}

    def step(self, beginning: str) -> Path | str:
        """Take the next step: what it printed, or the file with what it prints."""
        command = self.left.pop(0)
        assert command.startswith(beginning)
        for written, free in self.ports.items():
            command = command.replace(written, free)
        if command.startswith(RUNS_ON):
            return self.shell.start(command)
        done = self.shell.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def test_from_nothing_to_an_alert_and_on_to_a_worker(shell: Shell) -> None:
    walk, began = Walk(shell), time.monotonic()
    walk.step("prefect server start")
    messages = walk.step("python -m imgvet.deployments.receiver")
    assert isinstance(messages, Path)
    shell.wait_for_server()
    walk.step("imgvet demo")
    assert "imgvet alarms         created, sends to 1" in walk.step("imgvet automations apply")
    walk.step("imgvet serve demo/pictures")
    told = wait_for_text(messages, "Report: ", 400)
    assert "[warning] demo: check failed:" in told
    assert time.monotonic() - began < 600
    print(f"The walk took {time.monotonic() - began:.0f} s")
    shell.stop(shell.started.pop())

    walk.step("imgvet deployments init")
    served = walk.step("imgvet serve --config datasets.toml")
    assert isinstance(served, Path)
    wait_for_deployments(shell, {"demo", "demo-nightly"})
    known = {run["id"] for run in shell.post("/flow_runs/filter")}
    walk.step("prefect deployment run")
    run = wait_for_new_run(shell, known, served)
    assert run["parameters"] == {"options": {"threshold": 0.95}}
    assert run["state_name"] == "ChecksFailed", served.read_text()
    shell.stop(shell.started.pop())

    known = {run["id"] for run in shell.post("/flow_runs/filter")}
    for _ in range(3):
        walk.step("prefect work-pool create")
    walk.step("prefect --no-prompt deploy")
    wait_for_deployments(shell, {"pictures-docker", "pictures-kubernetes", "demo-curation"})
    walk.step("prefect deployment run")
    log = walk.step("prefect worker start")
    assert isinstance(log, Path)
    run = wait_for_new_run(shell, known, log)
    assert run["state_name"] == "ChecksFailed", log.read_text()
    assert (shell.folder / "watched" / "worker" / "report" / "index.html").is_file()
    assert walk.left == []


def wait_for_deployments(shell: Shell, names: set[str]) -> None:
    deadline = time.monotonic() + 120
    while not names <= {entry["name"] for entry in shell.post("/deployments/filter")}:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def wait_for_new_run(shell: Shell, known: set[str], log: Path) -> dict[str, object]:
    ended = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        for run in shell.post("/flow_runs/filter"):
            if run["id"] not in known and run["state_type"] in ended:
                return dict(run)
        time.sleep(0.5)
    raise AssertionError(log.read_text())
