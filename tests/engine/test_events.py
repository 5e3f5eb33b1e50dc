"""Prefect's events are sent before the temporary server of a run is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from prefect.events import emit_event
from prefect.events.clients import AssertingEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from imgvet.engine.run import deliver_events


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
