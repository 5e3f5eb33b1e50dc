"""Prefect's events are sent before the temporary server of a run is stopped."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from prefect.events import Event, emit_event
from prefect.events.clients import AssertingEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from imgvet.engine.run import deliver_events
from imgvet.flows.server_run import told_to_server


@pytest.fixture(autouse=True)
def no_server() -> Iterator[None]:
    """Events go to a client that only keeps them; nothing listens at the address."""
    EventsWorker.set_client_override(AssertingEventsClient)
    AssertingEventsClient.reset()
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        yield
    AssertingEventsClient.reset()
    EventsWorker.set_client_override(None)


def events_delivered() -> list[str]:
    emit_event("imgvet.test", resource={"prefect.resource.id": "imgvet.test"})
    deliver_events()
    client = AssertingEventsClient.last
    return [event.event for event in client.events] if client else []


def test_events_are_delivered() -> None:
    assert events_delivered() == ["imgvet.test"]


def test_events_are_delivered_where_a_loop_runs_as_in_a_notebook() -> None:
    async def cell() -> list[str]:
        return events_delivered()

    assert asyncio.run(cell()) == ["imgvet.test"]


def test_what_waits_for_a_server_that_is_gone_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_go_on, taken = threading.Event(), []

    async def take(_: object, event: Event) -> None:
        await asyncio.to_thread(may_go_on.wait, 20)
        taken.append(event.event)

    monkeypatch.setattr(AssertingEventsClient, "_emit", take)
    with told_to_server():
        for number in range(5):
            emit_event(f"imgvet.{number}", resource={"prefect.resource.id": "imgvet.test"})
        worker = EventsWorker.instance()
        assert wait_for(lambda: worker._queue.qsize() == 4)
    may_go_on.set()
    deliver_events()
    assert taken == ["imgvet.0"]


def wait_for(condition: Callable[[], bool]) -> bool:
    """Whether it holds within ten seconds."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()
