"""What the server is shown and told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.events.filters import EventFilter, EventResourceFilter
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from imgvet.monitor.history import Event, Run, save_run
from imgvet.monitor.messages import Links
from imgvet.monitor.notify import SERVER, deliver
from imgvet.tasks.artifacts import key_of, register
from imgvet.tasks.monitoring import emit, labels_of, payload_of, trend
from imgvet.workdir import WorkDir
from support.receiver import free_port

LINKS = Links("file:///r", "imgvet explore out")
RUN = Run(
    run_id="r1", started="2026-03-01T06:00:00+00:00", dataset="My Cats", monitored=True,
    alarms=("dark_rate",), counts={"images": 200, "valid": 200, "dark": 50},
    new_counts={"images": 10},
)  # fmt: skip
FAILED = Run(
    run_id="r2", started="2026-03-02T06:00:00+00:00", status="failed", monitored=True,
    alarms=("run",),
)  # fmt: skip
EVENT = Event(
    name="imgvet.check.failed", alarms=("check:x",), severity="critical", all_clear=False,
    title="t", body="b",
)  # fmt: skip


def test_the_trend_has_the_latest_run_first_and_no_number_that_was_not_taken() -> None:
    failed, finished = trend((RUN, FAILED), "cats")
    assert (finished["Run (UTC)"], finished["Images"], finished["New"]) == (
        "2026-03-01 06:00",
        200,
        10,
    )
    assert (finished["Dark rate"], finished["Bright rate"]) == ("25 %", "-")
    assert finished["Alarms"] == "dark_rate"
    assert (failed["Dark rate"], failed["Alarms"]) == ("-", "run")
    assert (failed["Dataset"], failed["Verdict"]) == ("cats", "run failed")


def test_only_the_latest_runs_are_shown() -> None:
    assert len(trend((RUN,) * 50, "cats")) == 20


def test_keys_are_what_the_server_takes() -> None:
    assert key_of("My Cats & Dogs/2", "rates") == "imgvet-my-cats-dogs-2-rates"


def test_a_server_is_asked_once_for_what_people_see() -> None:
    retries = PREFECT_CLIENT_MAX_RETRIES.value()
    asked: list[int] = []
    assert register("report", lambda: asked.append(PREFECT_CLIENT_MAX_RETRIES.value()))
    assert (asked, PREFECT_CLIENT_MAX_RETRIES.value()) == ([0], retries)
    assert retries > 0


def test_an_event_carries_in_labels_what_triggers_match() -> None:
    labels = labels_of(RUN, EVENT)
    assert labels["prefect.resource.id"] == "imgvet.dataset.my-cats"
    assert (labels["imgvet.severity"], labels["imgvet.all-clear"]) == ("critical", "false")
    assert all(isinstance(value, str) for value in labels.values())
    assert payload_of(EVENT)["title"] == "t"


def events_on_the_server(dataset: str) -> list[str]:
    wanted = EventFilter(resource=EventResourceFilter(id=[f"imgvet.dataset.{dataset}"]))
    with get_client(sync_client=True) as client:
        return [event.event for event in client.read_events(wanted, limit=50).events]


def test_an_event_is_told_when_the_server_has_it_and_tried_again_until_then(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgvet.tasks.monitoring.PATIENCE", 0)
    work, run = WorkDir(tmp_path), RUN.model_copy(update={"dataset": "told", "events": (EVENT,)})
    save_run(work, run)
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        _, (problem,) = deliver(work, {SERVER: emit}, LINKS)
    assert problem.startswith("1 message was not delivered to the Prefect server (")
    save_run(work, RUN.model_copy(update={"run_id": "later"}))
    assert deliver(work, {SERVER: emit}, LINKS) == (1, ())
    assert deliver(work, {SERVER: emit}, LINKS) == (0, ())
    deadline = time.monotonic() + 30  # it writes them every few seconds
    while len(found := events_on_the_server("told")) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert sorted(found) == [EVENT.name, "imgvet.run.alarms"]
