"""Which run is the baseline, and what is said if there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from imgvet.errors import RunNotFoundError
from imgvet.monitor.choice import choose, in_force, set_baseline
from imgvet.monitor.facts import RunIdentity
from imgvet.monitor.history import History, HistoryRow, append_row
from imgvet.monitor.options import WatchOptions
from imgvet.workdir import WorkDir

OLD, NEW = {"model": "1", "dark_threshold": "82.0"}, {"model": "1", "dark_threshold": "90.0"}


def _row(run_id: str, settings: dict[str, str], *, in_order: bool = True) -> HistoryRow:
    identity = RunIdentity(run_id, f"2030-01-0{ord(run_id) - 96}T06:00")
    return HistoryRow(identity, settings=settings, in_order=in_order)


HISTORY = History(
    (
        _row("a", OLD),
        HistoryRow(RunIdentity("x", ""), "failed"),
        _row("b", OLD),
        _row("c", OLD, in_order=False),
        _row("d", OLD),
    )
)
KEPT = frozenset("abcd")


@pytest.mark.parametrize(
    ("wanted", "run_id"),
    [("first", "a"), ("last:1", "d"), ("last:2", "b"), ("last:9", "a"), ("c", "c")],
)
def test_the_baseline_is_the_one_that_is_wanted(wanted: str, run_id: str) -> None:
    choice = choose(HISTORY, KEPT, wanted, OLD)
    assert (choice.run_id, choice.notice) == (run_id, "")


def test_the_first_run_has_none() -> None:
    choice = choose(History(), frozenset(), "first", OLD)
    assert choice.run_id is None
    assert choice.notice.startswith("The first run")


@pytest.mark.parametrize("wanted", ["first", "last:3", "a"])
def test_changed_parameters_are_named(wanted: str) -> None:
    choice = choose(HISTORY, KEPT, wanted, NEW)
    assert choice.run_id is None
    assert "dark_threshold was 82.0 and is 90.0" in choice.notice


def test_going_back_to_old_parameters_finds_the_old_baseline() -> None:
    history = History((*HISTORY.rows, _row("e", NEW)))
    assert choose(history, KEPT | {"e"}, "first", OLD).run_id == "a"


def test_a_parameter_of_a_later_version_parts_no_runs() -> None:
    assert choose(HISTORY, KEPT, "first", {**OLD, "new_parameter": "1"}).run_id == "a"


def test_a_deleted_baseline_is_stood_in_for_and_that_is_said() -> None:
    choice = choose(HISTORY, KEPT - {"a"}, "first", OLD)
    assert choice.run_id == "b"
    assert "run a, was deleted; run b of 2030-01-02 stands in" in choice.notice


@pytest.mark.parametrize(
    ("wanted", "why"), [("b", "was deleted"), ("nowhere", "is not in the history")]
)
def test_a_named_baseline_is_never_replaced_silently(wanted: str, why: str) -> None:
    choice = choose(HISTORY, frozenset("a"), wanted, OLD)
    assert choice.run_id is None
    assert why in choice.notice
    assert "imgvet baseline OUT --set RUN" in choice.notice


def test_what_was_set_is_in_force_until_an_option_says_otherwise(work: WorkDir) -> None:
    assert in_force(work, None) == "first"
    set_baseline(work, "last:3")
    assert in_force(work, None) == "last:3"
    assert in_force(work, "first") == "first"


def test_only_a_run_that_is_kept_can_be_set(work: WorkDir) -> None:
    append_row(work, HISTORY.rows[0])
    with pytest.raises(RunNotFoundError, match="Watch a run first"):
        set_baseline(work, "a")
    folder = work.path / "baselines" / "a"
    folder.mkdir(parents=True)
    (folder / "about.json").touch()
    with pytest.raises(RunNotFoundError, match="Kept are a"):
        set_baseline(work, "b")
    set_baseline(work, "a")
    assert in_force(work, None) == "a"


@pytest.mark.parametrize("text", ["../a", "last:0", "", ".hidden", "a/b", str(Path("/"))])
def test_what_can_be_no_baseline_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="first, last:N or a run id"):
        WatchOptions(baseline=text)
