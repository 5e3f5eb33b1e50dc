"""Which run is the baseline, and what is said if there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from benchmarks.watching import Batch
from imgvet.errors import RunNotFoundError
from imgvet.monitor.baselines import baseline_path
from imgvet.monitor.history import Run, save_run
from imgvet.monitor.options import WatchOptions, make_monitor_options
from imgvet.monitor.watch import baseline_lines, choose, in_force, set_baseline, watch_run
from imgvet.summary import RunRecord
from imgvet.workdir import WorkDir

OLD, NEW = {"model": "1", "dark_threshold": "82.0"}, {"model": "1", "dark_threshold": "90.0"}


def _run(run_id: str, settings: dict[str, str], *, in_order: bool = True) -> Run:
    started = f"2030-01-0{ord(run_id) - 96}T06:00"
    return Run(run_id=run_id, started=started, settings=settings, in_order=in_order)


HISTORY = (
    _run("a", OLD),
    Run(run_id="x", started="", status="failed"),
    _run("b", OLD),
    _run("c", OLD, in_order=False),
    _run("d", OLD),
)
KEPT = frozenset("abcd")


@pytest.mark.parametrize(
    ("wanted", "run_id"),
    [("first", "a"), ("last:1", "d"), ("last:2", "b"), ("last:9", "a"), ("c", "c")],
)
def test_the_baseline_is_the_one_that_is_wanted(wanted: str, run_id: str) -> None:
    run, notice = choose(HISTORY, KEPT, wanted, OLD)
    assert (run.run_id if run else None, notice) == (run_id, "")


def test_the_first_run_has_none() -> None:
    run, notice = choose((), frozenset(), "first", OLD)
    assert run is None
    assert notice.startswith("The first run")


@pytest.mark.parametrize("wanted", ["first", "last:3", "a"])
def test_changed_parameters_are_named(wanted: str) -> None:
    run, notice = choose(HISTORY, KEPT, wanted, NEW)
    assert run is None
    assert "dark_threshold was 82.0 and is 90.0" in notice


def test_going_back_to_old_parameters_finds_the_old_baseline() -> None:
    history = (*HISTORY, _run("e", NEW))
    assert choose(history, KEPT | {"e"}, "first", OLD)[0] is HISTORY[0]


def test_a_parameter_of_a_later_version_parts_no_runs() -> None:
    assert choose(HISTORY, KEPT, "first", {**OLD, "new_parameter": "1"})[0] is HISTORY[0]


def test_a_deleted_baseline_is_stood_in_for_and_that_is_said() -> None:
    run, notice = choose(HISTORY, KEPT - {"a"}, "first", OLD)
    assert run is HISTORY[2]
    assert "run a, was deleted; run b of 2030-01-02 stands in" in notice


@pytest.mark.parametrize(
    ("wanted", "why"), [("b", "was deleted"), ("nowhere", "is not in the history")]
)
def test_a_named_baseline_is_never_replaced_silently(wanted: str, why: str) -> None:
    run, notice = choose(HISTORY, frozenset("a"), wanted, OLD)
    assert run is None
    assert why in notice
    assert "imgvet baseline OUT --set RUN" in notice


def test_what_was_set_is_in_force_until_an_option_says_otherwise(work: WorkDir) -> None:
    assert in_force(work, None) == "first"
    set_baseline(work, "last:3")
    assert in_force(work, None) == "last:3"
    assert in_force(work, "first") == "first"


def test_only_a_run_that_is_kept_can_be_set(work: WorkDir) -> None:
    save_run(work, HISTORY[0])
    with pytest.raises(RunNotFoundError, match="Watch a run first"):
        set_baseline(work, "a")
    baseline_path(work, "a").parent.mkdir()
    baseline_path(work, "a").touch()
    with pytest.raises(RunNotFoundError, match="Kept are a"):
        set_baseline(work, "b")
    set_baseline(work, "a")
    assert in_force(work, None) == "a"


@pytest.mark.parametrize("text", ["../a", "last:0", "", ".hidden", "a/b", str(Path("/"))])
def test_what_can_be_no_baseline_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="first, last:N or a run id"):
        WatchOptions(baseline=text)


def test_before_the_first_run_there_is_nothing_to_show(work: WorkDir) -> None:
    assert baseline_lines(work) == ["No run was watched yet: the first one becomes the baseline."]


def test_the_baseline_its_rates_and_the_others_are_shown(
    work: WorkDir, images: Callable[..., Batch], publish: Callable[..., RunRecord]
) -> None:
    good = images(100, outlier=0, dark=0, invalid=0)
    for number, batch in enumerate((good, good + images(100, outlier=0, dark=0, invalid=0.5))):
        publish(batch, number)
        watch_run(work, make_monitor_options({"input_dir": "photos"}))
    text = "\n".join(baseline_lines(work))
    assert "Run        run-0 of 2030-01-01, 100 images" in text
    assert "invalid rate 0 %" in text
    assert "dark rate 0 %" in text
    assert "Alarms on  invalid_rate" in text
    assert "  run-1  2030-01-02 06:00  200 images, alarms: invalid_rate" in text
    set_baseline(work, "run-1")
    assert "Run        run-1 of 2030-01-02, 200 images" in "\n".join(baseline_lines(work))
