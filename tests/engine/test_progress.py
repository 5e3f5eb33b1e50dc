"""Progress: bars in a terminal, lines elsewhere, nothing when nobody listens."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from imgvet.engine.progress import _line, moving, shown_progress
from imgvet.progress import LOGGER_NAME, Progress, listening, report_progress, tracked


def test_items_pass_through_unchanged() -> None:
    assert list(tracked(iter(range(45)), "embed", 0, 45)) == list(range(45))


def test_plain_lines_say_the_end_of_each_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress():
        list(tracked(range(45), "embed", 0, 90))
        list(tracked(range(45), "embed", 45, 90))
        report_progress("some_stage", 1, 1)
    printed = capsys.readouterr()
    assert printed.err == "Embedding: 90 of 90\nSome stage: 1 of 1\n"
    assert printed.out == ""


def test_a_log_whose_disk_is_full_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr("sys.stderr", io.TextIOWrapper(full, write_through=True))
        with shown_progress():
            report_progress("embed", 1, 1)


def test_where_nobody_knows_how_many_what_is_done_is_told_now_and_then() -> None:
    told: list[Progress] = []
    with listening(told.append, every=3600):
        list(tracked(range(100), "sync_s3_to_local", 0, 0))
    assert told == []
    bars = Bars(console=Console(file=io.StringIO(), force_terminal=True))
    with moving(bars):
        report_progress("decode_videos", 5, 0)
    assert [(task.completed, task.total) for task in bars.tasks] == [(5, None)]
    assert _line(Progress("decode_videos", 1500, 0)) == "Frames of videos: 1,500"


def test_nothing_is_said_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress():
        pass
    report_progress("embed", 1, 1)
    assert capsys.readouterr().err == ""
    assert logging.getLogger(LOGGER_NAME).handlers == []


def test_a_bar_follows_its_stage() -> None:
    bars = Bars(console=Console(file=io.StringIO(), force_terminal=True))
    with moving(bars):
        for stage, done in (("compute_stats", 3), ("embed", 1), ("compute_stats", 5)):
            report_progress(stage, done, 10)
    assert [(task.description, task.completed) for task in bars.tasks] == [
        ("Reading and measuring", 5),
        ("Embedding", 1),
    ]


def test_a_stage_is_told_now_and_then_and_at_its_end() -> None:
    told: list[Progress] = []
    with listening(told.append, every=3600):
        list(tracked(range(100), "embed", 0, 100))
    assert told == [Progress("embed", 100, 100)]


def test_what_two_tell_of_a_stage_is_told_once() -> None:
    told: list[Progress] = []
    with listening(told.append):
        for done in (20, 40, 40):
            report_progress("embed", done, 40)
    assert told == [Progress("embed", 20, 40), Progress("embed", 40, 40)]
