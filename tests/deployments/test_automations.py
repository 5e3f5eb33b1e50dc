"""What nobody can tell any more, the server tells: runs that were killed, are late, or never end.

A server is shown old events, so that what it waits for is due at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from imgvet.deployments.automations import apply_automations, rules
from imgvet.flows.ending import ALARMS, STATE_NAMES
from support.receiver import Receiver

from .conftest import Shell

pytestmark = pytest.mark.timeout(580)


class Watched:
    """A deployment of the flow monitor_dataset, and events of its runs."""

    def __init__(self, server: Shell, flow: str, name: str) -> None:
        self.server, self.flow, self.name = server, flow, name
        self.flow_id = server.post("/flows/", {"name": flow})["id"]
        self.id = server.post("/deployments/", {"name": name, "flow_id": self.flow_id})["id"]

    def run(self, name: str, kind: str = "RUNNING", state: str = "Running") -> str:
        """A run that seems to be in a state."""
        body = {
            "name": name,
            "flow_id": self.flow_id,
            "deployment_id": self.id,
            "state": {"type": kind, "name": state},
        }
        return str(self.server.post("/flow_runs/", body)["id"])

    def emit(self, run: str, event: str, ago: timedelta, *tags: str) -> None:
        """An event of a run, as Prefect words it."""
        related = [
            (f"prefect.flow.{self.flow_id}", "flow", self.flow),
            (f"prefect.deployment.{self.id}", "deployment", self.name),
            *((f"prefect.tag.{tag}", "tag", tag) for tag in tags),
        ]
        names = ("prefect.resource.id", "prefect.resource.role", "prefect.resource.name")
        shown = {
            "id": str(uuid4()),
            "occurred": (datetime.now(UTC) - ago).isoformat(),
            "event": f"prefect.flow-run.{event}",
            "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
            "related": [dict(zip(names, values, strict=True)) for values in related],
        }
        httpx.post(f"{self.server.url}/events", json=[shown], timeout=30).raise_for_status()

    def state(self, run: str) -> tuple[str, str]:
        """Type and message of a run's state."""
        found = httpx.get(f"{self.server.url}/flow_runs/{run}", timeout=30).json()["state"]
        return found["type"], found["message"] or ""


@pytest.fixture(scope="module")
def receiver(server: Shell) -> Iterator[Receiver]:
    """Who is told by the automations of the server."""
    with Receiver() as receiver:
        with temporary_settings({PREFECT_API_URL: server.url}):
            apply_automations((receiver.address,), 26)
        yield receiver


@pytest.fixture
def cats(server: Shell, receiver: Receiver) -> Watched:
    receiver.posted.clear()
    return Watched(server, "monitor_dataset", f"cats{uuid4().hex[:6]}")


def until(server: Shell, condition: Callable[[], bool], emit: Callable[[], None]) -> None:
    """Emit events until a condition holds; a busy server with SQLite loses one now and then."""
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        emit()
        for automation in server.post("/automations/filter"):
            # One that is loaded anew looks at once, not when its time is over.
            url = f"{server.url}/automations/{automation['id']}"
            httpx.patch(url, json={"enabled": True}, timeout=30)
        pause = time.monotonic() + 15
        while not condition() and time.monotonic() < pause:
            time.sleep(0.3)


def test_a_run_without_heartbeats_is_marked_as_crashed_and_told(
    cats: Watched, receiver: Receiver
) -> None:
    killed, alive = cats.run("killed"), cats.run("alive")
    other = Watched(cats.server, "make_coffee", "kitchen")
    coffee = other.run("espresso")
    other.emit(coffee, "heartbeat", timedelta(minutes=9, seconds=1))
    cats.emit(alive, "heartbeat", timedelta(minutes=1))
    until(
        cats.server,
        lambda: cats.state(killed)[0] != "RUNNING",
        lambda: cats.emit(killed, "heartbeat", timedelta(minutes=9, seconds=1)),
    )
    kind, said = cats.state(killed)
    assert (kind, "heartbeats have ended" in said) == ("CRASHED", True)
    receiver.wait_for(1, 60)
    assert receiver.titles() == [f"{cats.name}: the run crashed"]
    assert str(receiver.posted[0]["message"]).startswith("killed: Its heartbeats")
    assert [cats.state(run)[0] for run in (alive, coffee)] == ["RUNNING", "RUNNING"]


def test_a_run_that_was_taken_and_never_began_is_marked_as_crashed(
    cats: Watched, receiver: Receiver
) -> None:
    taken, begun = cats.run("taken", "PENDING", "Submitting"), cats.run("begun")
    long_ago = timedelta(minutes=15, seconds=1)
    cats.emit(begun, "Pending", long_ago)
    cats.emit(begun, "heartbeat", timedelta(minutes=1))
    until(
        cats.server,
        lambda: cats.state(taken)[0] != "PENDING",
        lambda: cats.emit(taken, "Pending", long_ago),
    )
    kind, said = cats.state(taken)
    assert (kind, "ended before it began" in said) == ("CRASHED", True)
    receiver.wait_for(1, 60)
    assert receiver.titles() == [f"{cats.name}: the run crashed"]
    assert cats.state(begun)[0] == "RUNNING"


def test_a_late_run_and_a_dataset_without_runs_are_told(cats: Watched, receiver: Receiver) -> None:
    run = cats.run("nightly")
    late, silent = f"{cats.name}: a run is late", f"{cats.name}: no run has finished for 26 hours"

    def emit() -> None:
        cats.emit(
            run, "Completed", timedelta(hours=26, seconds=1)
        )  # by hand: nobody waits for another
        if late not in receiver.titles():
            cats.emit(run, "Late", timedelta(minutes=15, seconds=1))
        if silent not in receiver.titles():
            cats.emit(run, "Alarms", timedelta(hours=26, seconds=1), "auto-scheduled")

    until(cats.server, lambda: {late, silent} <= set(receiver.titles()), emit)
    assert set(receiver.titles()) == {late, silent}
    assert "The last one was nightly." in {str(post["message"]) for post in receiver.posted}


def test_every_way_to_end_ends_the_waiting_for_heartbeats() -> None:
    expected = {rule.name: rule.trigger.expect for rule in rules(26)}
    for name in (*STATE_NAMES.values(), ALARMS):
        assert f"prefect.flow-run.{name}" in expected["imgvet dead runs"]
        assert f"prefect.flow-run.{name}" in expected["imgvet silence"]
