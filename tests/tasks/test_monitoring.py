"""What the server is shown, and which earlier run still has to be told of."""

from __future__ import annotations

from pathlib import Path

from imgvet.monitor.history import Event, Run, history_path, save_run
from imgvet.tasks.artifacts import key_of, slug
from imgvet.tasks.monitoring import labels_of, payload_of, trend, untold_run
from imgvet.workdir import WorkDir

RUN = Run(
    run_id="r1", started="2026-03-01T06:00:00+00:00", dataset="My Cats", monitored=True,
    alarms=("dark_rate",), counts={"images": 200, "valid": 200, "dark": 50},
    new_counts={"images": 10},
)  # fmt: skip
FAILED = Run(
    run_id="r2", started="2026-03-02T06:00:00+00:00", status="failed", monitored=True,
    alarms=("run",),
)  # fmt: skip


def test_the_trend_has_the_latest_run_first_and_no_number_that_was_not_taken() -> None:
    failed, finished = trend((RUN, FAILED))
    assert (finished["Run"], finished["Images"], finished["New"]) == ("2026-03-01 06:00", 200, 10)
    assert (finished["Dark rate"], finished["Bright rate"]) == ("25 %", "-")
    assert finished["Alarms"] == "dark_rate"
    assert (failed["Dark rate"], failed["Alarms"]) == ("-", "run")


def test_only_the_latest_runs_are_shown() -> None:
    assert len(trend((RUN,) * 50)) == 20


def test_keys_are_what_the_server_takes() -> None:
    assert key_of("My Cats & Dogs/2", "rates") == "imgvet-my-cats-dogs-2-rates"
    assert slug("日本") != slug("中国")
    assert slug("日本").startswith("dataset-")


def test_an_event_carries_in_labels_what_triggers_match() -> None:
    event = Event(
        name="imgvet.check.failed", alarms=("check:x",), severity="critical", all_clear=False,
        title="t", body="b",
    )  # fmt: skip
    labels = labels_of(RUN, event)
    assert labels["prefect.resource.id"] == "imgvet.dataset.my-cats"
    assert (labels["imgvet.severity"], labels["imgvet.all-clear"]) == ("critical", "false")
    assert all(isinstance(value, str) for value in labels.values())
    assert payload_of(event, "file:///r")["report"] == "file:///r"


def test_only_the_last_monitored_run_may_still_have_to_be_told(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    assert untold_run(work) is None
    save_run(work, RUN)
    save_run(work, FAILED)
    save_run(work, Run(run_id="plain", started=""))
    assert untold_run(work) == FAILED
    save_run(work, FAILED.model_copy(update={"told": True}))
    assert untold_run(work) is None


def test_a_damaged_history_is_left_to_the_run_that_is_watched_next(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    history_path(work).write_bytes(b"no table")
    assert untold_run(work) is None
