"""Old runs are forgotten, and never one that a later run needs."""

from __future__ import annotations

import datetime as dt
import os

import pytest

from imgvet.monitor.baselines import baseline_path
from imgvet.monitor.finished import forget_runs
from imgvet.monitor.history import (
    Delivery,
    Event,
    Run,
    history_path,
    read_history,
    save_run,
    write_history,
)
from imgvet.workdir import WorkDir

TODAY = dt.date(2030, 4, 1)
ALARM = Event(
    name="e", alarms=("dark_rate",), severity="warning", all_clear=False, title="t", body=""
)


def run(name: str, day: str, **more: object) -> Run:
    fields = {"run_id": name, "started": f"{day}T06:00:00+00:00", "monitored": True, "told": True}
    return Run.model_validate({**fields, **more})


def kept(work: WorkDir, days: int = 60) -> list[str]:
    forget_runs(work, days, TODAY)
    return [row.run_id for row in read_history(work)]


def test_runs_go_by_age_alone(work: WorkDir) -> None:
    write_history(work, [run("a", "2030-01-30"), run("b", "2030-01-31"), run("c", "2030-03-01")])
    assert kept(work, 60) == ["b", "c"]
    assert kept(work, 20) == ["c"]  # the last stays, however old


@pytest.mark.parametrize(
    "needed",
    [
        {"events": (ALARM,), "told": False},
        {"events": (ALARM,), "deliveries": (Delivery(event="e", to="x", arrived=False),)},
        {"new_counts": {"images": 3}},
    ],
)
def test_what_is_to_be_told_and_the_last_with_new_images_stay(
    work: WorkDir, needed: dict[str, object]
) -> None:
    delivered = {"events": (ALARM,), "deliveries": (Delivery(event="e", to="x", arrived=True),)}
    write_history(
        work,
        [run("a", "2029-01-01", **delivered), run("b", "2029-01-02", **needed),
         run("c", "2029-01-03")],
    )  # fmt: skip
    assert kept(work) == ["b", "c"]


def test_a_run_whose_baseline_is_kept_stays(work: WorkDir) -> None:
    write_history(work, [run("a", "2029-01-01"), run("b", "2029-01-02"), run("c", "2029-01-03")])
    baseline_path(work, "a").parent.mkdir()
    baseline_path(work, "a").touch()
    assert kept(work) == ["a", "c"]
    baseline_path(work, "a").unlink()
    assert kept(work) == ["c"]


def test_histories_that_were_set_aside_go_too(work: WorkDir) -> None:
    save_run(work, run("a", "2030-03-30"))
    path = history_path(work)
    old, young = (path.with_stem(f"history.damaged-{number}") for number in (1, 2))
    for aside, day in ((old, dt.datetime(2030, 1, 1)), (young, dt.datetime(2030, 3, 1))):  # noqa: DTZ001
        aside.write_bytes(b"nonsense")
        os.utime(aside, (day.timestamp(),) * 2)
    assert kept(work) == ["a"]
    assert (old.exists(), young.exists(), path.exists()) == (False, True, True)


def test_a_history_that_cannot_be_read_is_left_as_it_is(
    work: WorkDir, caplog: pytest.LogCaptureFixture
) -> None:
    history_path(work).write_bytes(b"nonsense")
    forget_runs(work, 1, TODAY)
    assert history_path(work).read_bytes() == b"nonsense"
    assert "No run is forgotten" in caplog.text


def test_a_run_a_day_for_three_years_is_a_year_of_history(work: WorkDir) -> None:
    sizes = []
    for day in range(0, 3 * 365, 73):
        first = dt.date(2030, 1, 1) + dt.timedelta(days=day)
        fresh = [run(f"{first}-{n}", str(first + dt.timedelta(days=n))) for n in range(73)]
        write_history(work, [*read_history(work), *fresh])
        forget_runs(work, 365, first + dt.timedelta(days=72))
        sizes.append(len(read_history(work)))
    assert max(sizes) == sizes[-1] == 366


def test_of_a_run_a_minute_the_latest_are_kept(
    work: WorkDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgvet.monitor.finished.MOST_RUNS", 3)
    write_history(work, [run(str(number), "2030-03-31") for number in range(5)])
    assert kept(work) == ["2", "3", "4"]
