"""What the server is shown, and which earlier run still has to be told of."""

from __future__ import annotations

from pathlib import Path

from imgvet.monitor.events import Event
from imgvet.monitor.facts import RunIdentity
from imgvet.monitor.history import HistoryRow, history_path
from imgvet.monitor.message import Naming
from imgvet.monitor.tally import Tally
from imgvet.tasks.alerting import labels_of, payload_of
from imgvet.tasks.artifacts import key_of, slug
from imgvet.tasks.watching import trend, was_cut_short
from imgvet.workdir import WorkDir

ROW = HistoryRow(
    identity=RunIdentity("r1", "2026-03-01T06:00:00+00:00", dataset="cats"),
    alarms=("dark_rate",),
    whole=Tally(200, 200, 0, 0, 0, 50, None, 0, 1),
    new=Tally(10, 10, 0, 0, 0, 5, None, 0, 0),
)
FAILED = HistoryRow(RunIdentity("r2", "2026-03-02T06:00:00+00:00"), "failed", alarms=("run",))


def test_the_trend_has_the_latest_run_first_and_no_number_that_was_not_taken() -> None:
    failed, finished = trend((ROW, FAILED))
    assert (finished["Run"], finished["Images"], finished["New"]) == ("2026-03-01 06:00", 200, 10)
    assert (finished["Dark rate"], finished["Bright rate"]) == ("25 %", "-")
    assert finished["Alarms"] == "dark_rate"
    assert (failed["Dark rate"], failed["Alarms"]) == ("-", "run")


def test_only_the_latest_runs_are_shown() -> None:
    assert len(trend((ROW,) * 50)) == 20


def test_keys_are_what_the_server_takes() -> None:
    assert key_of("My Cats & Dogs/2", "rates") == "imgvet-my-cats-dogs-2-rates"
    assert slug("日本") != slug("中国")
    assert slug("日本").startswith("dataset-")


def test_an_event_carries_in_labels_what_triggers_match() -> None:
    event = Event("imgvet.check.failed", "r", "My Cats", ("check:x",), "critical", False, "t", "b")
    labels = labels_of(event)
    assert labels["prefect.resource.id"] == "imgvet.dataset.my-cats"
    assert (labels["imgvet.severity"], labels["imgvet.all-clear"]) == ("critical", "false")
    assert all(isinstance(value, str) for value in labels.values())
    assert payload_of(event, Naming("My Cats", "file:///r"))["report"] == "file:///r"


def test_a_damaged_history_is_left_to_the_run_that_is_watched_next(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    assert not was_cut_short(work)
    history_path(work).write_bytes(b"no table")
    assert not was_cut_short(work)
