"""What earlier runs counted is kept, and a run that found the same adds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgvet.past_runs import KEPT_RUNS, add_run, past_runs
from imgvet.summary import Counts, RunSummary, Verdict
from imgvet.workdir import WorkDir


def summary(images: int) -> RunSummary:
    counts = dict.fromkeys(Counts.model_fields, 0) | {"images": images}
    return RunSummary(
        verdict=Verdict.PASSED, counts=Counts(**counts), invalid_by_reason={}, inputs=("in",),
        model="m", threshold=0.9, cc_threshold=0.96, outlier_percentile=0.05, dark_threshold=1,
        bright_threshold=2, blur_threshold=0.5, median_similarity=None, neighbor_recall=None,
        checks_passed=1, checks_failed=0, checks_errored=0,
    )  # fmt: skip


def add(work: WorkDir, number: int, results: str) -> None:
    add_run(work, f"run {number}", f"2026-01-0{number % 9 + 1}", summary(number), results)


def images(work: WorkDir, results: str) -> list[int]:
    return [run.counts.images for run in past_runs(work, results)]


def test_equal_runs_are_one_and_the_present_one_is_not_past(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    assert images(work, "a") == []
    for number, results in enumerate("aabbab"):
        add(work, number, results)
    assert images(work, "c") == [0, 2, 4, 5]
    assert images(work, "b") == [0, 2, 4]


def test_only_the_last_runs_are_kept(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    add(work, 1, "a")
    rows = past_runs(work, "")
    text = "[" + ",".join(rows[0].model_dump_json() for _ in range(KEPT_RUNS)) + "]"
    work.runs_json.write_text(text)
    add(work, 2, "b")
    assert len(past_runs(work, "")) == KEPT_RUNS
    assert past_runs(work, "")[-1].results == "b"


def test_a_damaged_file_is_begun_anew_and_said_to_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    work = WorkDir(tmp_path)
    work.runs_json.write_text("[{]")
    assert past_runs(work, "a") == ()
    assert "begun anew" in caplog.text
    add(work, 1, "a")
    assert images(work, "") == [1]
