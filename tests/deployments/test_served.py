"""A served dataset on a real server: its run is picked up, and its alarm arrives once."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from imgvet.cli.main import main
from support.pictures import age, write_photographs
from support.receiver import Receiver, free_port

from .conftest import Shell, wait_for_text

pytestmark = pytest.mark.timeout(580)


def test_automations_are_applied_a_run_is_served_and_the_alarm_arrives_once(
    server: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = server.folder / "cats"
    write_photographs(pictures, 12)
    for number in range(6):
        (pictures / f"bad{number}.jpg").write_bytes(f"no picture {number}".encode())
    age(*pictures.iterdir())
    with Receiver() as receiver, temporary_settings({PREFECT_API_URL: server.url}):
        apply = ["automations", "apply", "--notify", receiver.address]
        assert main(apply) == 0
        assert capsys.readouterr().out.splitlines() == [
            "imgvet alarms         created, sends to 1",
            "imgvet all-clears     created, sends to 1",
            "imgvet dead runs      created, ends them",
            "imgvet stuck runs     created, ends them",
            "imgvet crashed runs   created, sends to 1",
            "imgvet late runs      created, sends to 1",
            "imgvet silence        created, sends to 1",
        ]
        assert main(apply) == 0
        assert capsys.readouterr().out.count("updated, sends to 1") == 5
        assert len(server.post("/automations/filter")) == 7

        log = server.start('imgvet serve cats --work-dir out --cron "0 6 * * *" --timezone UTC')
        (deployment,) = wait_for_deployments(server, 1)
        assert deployment["name"] == "cats"
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert deployment["entrypoint"] == "imgvet.flows.monitor_dataset.monitor_dataset"
        server.post(f"/deployments/{deployment['id']}/create_flow_run", {"state": SCHEDULED})
        run = server.wait_for_run()
        assert (run["state_type"], run["state_name"]) == ("FAILED", "ChecksFailed"), log.read_text()
        assert run["name"].startswith("cats 20")
        assert set(run["tags"]) >= {"imgvet", "cats"}
        receiver.wait_for(1, 60)
        time.sleep(1)
        assert receiver.titles() == ["cats: check failed: invalid files"]
        assert receiver.posted[0]["type"] == "warning"
        assert "33.3 %, allowed is at most 1 %" in receiver.posted[0]["message"]
        assert "Report: file://" in receiver.posted[0]["message"]
        told = wait_for_text(log, "Dataset failed: a critical check is over its limit", 30)
        assert "Traceback" not in told
        refuse_while_another_runs(server, deployment)
        stop(server, log, second_run(server, str(deployment["id"])))
    form = httpx.get(f"{server.url}/deployments/{deployment['id']}", timeout=30).json()
    fields = form["parameter_openapi_schema"]["definitions"]["MonitorOptions"]["properties"]
    assert "least drift that is worth an alarm" in fields["min_drift"]["description"]


SCHEDULED = {"type": "SCHEDULED"}


def second_run(server: Shell, deployment: str) -> str:
    """A run that has begun and not ended."""
    run = server.post(f"/deployments/{deployment}/create_flow_run", {"state": SCHEDULED})["id"]
    deadline = time.monotonic() + 120
    while state_of(server, run) != "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return str(run)


def refuse_while_another_runs(server: Shell, deployment: dict[str, Any]) -> None:
    """A run that is due while another runs is cancelled: the next one sees what it would have."""
    slot = {"names": [deployment["global_concurrency_limit"]["name"]], "slots": 1}
    server.post("/v2/concurrency_limits/increment", slot)
    created = f"/deployments/{deployment['id']}/create_flow_run"
    run = server.post(created, {"state": SCHEDULED})["id"]
    deadline = time.monotonic() + 60
    while (state := state_of(server, run)) in ("SCHEDULED", "PENDING", ""):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert state == "CANCELLED"
    server.post("/v2/concurrency_limits/decrement", slot)


def stop(server: Shell, log: Path, run: str) -> None:
    """SIGTERM in the middle of a run: it is ended on the server, too, without a traceback."""
    process, before = server.started[-1], len(log.read_text())
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert state_of(server, run) == "CANCELLED"
    assert_clean(log.read_text()[before:])


def assert_clean(said: str) -> None:
    assert "All deployments have been paused" in said
    assert [word for word in ("Traceback", "Warning", "ERROR") if word in said] == [], said


def state_of(server: Shell, run: object) -> str:
    answer = httpx.get(f"{server.url}/flow_runs/{run}", timeout=30)
    return str(answer.json()["state_type"]) if answer.is_success else ""


def test_serve_that_waits_ends_without_a_word(server: Shell) -> None:
    age(*write_photographs(server.folder / "idle", 2))
    port = free_port()
    health = f"env PREFECT_RUNNER_SERVER_ENABLE=true PREFECT_RUNNER_SERVER_PORT={port}"
    log = server.start(f"{health} imgvet serve idle --work-dir out-idle")
    deadline, well = time.monotonic() + 120, False
    while not well:
        assert time.monotonic() < deadline, log.read_text()
        # What it would answer before its first look at the server is an error of Prefect.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 5).close()
            well = True
        time.sleep(0.3)
    process = server.started[-1]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    assert_clean(log.read_text())


def wait_for_deployments(server: Shell, number: int) -> list[dict[str, object]]:
    deadline = time.monotonic() + 120
    while len(found := server.post("/deployments/filter")) < number:
        assert time.monotonic() < deadline, (server.folder / "terminal1.txt").read_text()
        time.sleep(0.3)
    return list(found)
