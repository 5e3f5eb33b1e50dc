"""Watching whole runs: on disk, from the first one on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.watching import Batch
from imgvet.errors import HistoryError
from imgvet.monitor.baselines import baseline_path, forget_baselines, kept_baselines
from imgvet.monitor.history import Run, history_path, read_history
from imgvet.monitor.options import make_monitor_options
from imgvet.monitor.watch import set_baseline, watch_failed_run, watch_run
from imgvet.summary import RunRecord
from imgvet.workdir import WorkDir

Drawer = Callable[..., Batch]
Publisher = Callable[..., RunRecord]
JUMPED, RECOVERED = "imgvet.outlier-rate.jumped", "imgvet.outlier-rate.recovered"
OPTIONS = make_monitor_options({"input_dir": "in/photos"})
CALM = {"outlier": 0.03, "invalid": 0.0, "dark": 0.0}


@pytest.fixture
def run(work: WorkDir, publish: Publisher) -> Callable[..., Run]:
    """Publishes a run and watches it."""

    def start(batch: Batch, number: int, **parameters: object) -> Run:
        publish(batch, number, **parameters)
        return watch_run(work, OPTIONS)

    return start


def names(watched: Run) -> list[str]:
    return [event.name for event in watched.events]


def test_a_bad_batch_is_told_once_and_so_is_the_end_of_it(
    work: WorkDir, images: Drawer, run: Callable[..., Run]
) -> None:
    good = images(1500, **CALM)
    bad = images(120, outlier=0.5, invalid=0, dark=0)
    first = run(good, 0)
    assert first.notice.startswith("The first run")
    assert names(first) == []
    assert first.in_order
    assert names(run(good, 1)) == []
    told = run(good + bad, 2)
    assert names(told) == [JUMPED]
    (event,) = told.events
    assert event.title.startswith("photos: outlier rate jumped from")
    assert event.title.endswith("among new images")
    assert event.before is not None
    assert event.after is not None
    assert event.before < 0.06
    assert 0.35 < event.after < 0.6
    assert {int(name.removesuffix(".jpg")) for name in event.examples} <= set(range(1500, 1620))
    assert not told.in_order
    assert names(run(good + bad, 3)) == []  # it goes on
    assert names(run(good, 4)) == [RECOVERED]
    assert names(run(good, 5)) == []
    rows = read_history(work)
    assert [row.alarms for row in rows] == [(), (), ("outlier_rate",), ("outlier_rate",), (), ()]
    assert [row.new_images for row in rows] == [1500, 0, 120, 120, 0, 0]
    assert rows[2].images == 1620
    assert rows[2].baseline == "run-0"
    assert set(rows[0].quantiles) >= {"sharpness", "mean", "width"}
    assert "embeddings" in rows[2].drift


def test_a_retry_says_the_same_and_adds_nothing(
    work: WorkDir, images: Drawer, run: Callable[..., Run]
) -> None:
    good = images(400, **CALM)
    run(good, 0)
    batch = good + images(120, outlier=0.5, invalid=0, dark=0)
    told, history = run(batch, 1), read_history(work)
    again = watch_run(work, OPTIONS)
    assert again.events == told.events
    assert again.events
    assert read_history(work) == history


def test_a_batch_of_copies_and_one_of_broken_files_are_new_images(
    images: Drawer, run: Callable[..., Run]
) -> None:
    good = images(600, **CALM)
    run(good, 0)
    copies = Batch(*(values[:100] for values in vars(good).values()))
    watched = run(good + copies, 1)
    assert watched.new_counts["images"] == watched.new_counts["exact_duplicate_surplus"] == 100
    assert "imgvet.duplicate-rate.jumped" in names(watched)
    broken = images(100, outlier=0, invalid=0.4)
    assert "imgvet.invalid-rate.jumped" in names(run(good + broken, 2))


def test_a_trickle_of_new_images_is_gathered(images: Drawer, run: Callable[..., Run]) -> None:
    every = images(600, **CALM)
    assert run(every, 0).in_order
    for number, new in ((1, 40), (2, 80), (3, 120), (4, 40)):
        every = every + images(40, outlier=0.0, invalid=0, dark=0)
        row = run(every, number)
        assert row.new_images == new
        assert row.in_order == (new >= 100)


def test_other_parameters_are_not_compared_and_raise_no_alarm(
    images: Drawer, run: Callable[..., Run]
) -> None:
    good = images(400, **CALM)
    run(good, 0)
    watched = run(good, 1, blur_threshold=0.7)
    assert watched.counts["blurry"] > 50
    assert names(watched) == []
    assert "blur_threshold was 0.5 and is 0.7" in watched.notice
    assert run(good, 2, blur_threshold=0.7).baseline == "run-1"
    assert run(good, 3).baseline == "run-0"


def test_without_statistics_the_rest_is_watched(images: Drawer, run: Callable[..., Run]) -> None:
    good = images(400, **CALM)
    run(good, 0, run_stats=False)
    watched = run(good + images(120, outlier=0.5), 1, run_stats=False)
    assert ("dark" in watched.new_counts, watched.quantiles) == (False, {})
    assert JUMPED in names(watched)
    assert set(watched.drift) == {"embeddings"}


def test_a_deleted_baseline_stops_nothing(
    work: WorkDir, images: Drawer, run: Callable[..., Run]
) -> None:
    good = images(400, **CALM)
    run(good, 0)
    run(good, 1)
    baseline_path(work, "run-0").unlink()
    watched = run(good, 2)
    assert watched.baseline == "run-1"
    assert "run run-0, was deleted; run run-1" in watched.notice
    for run_id in ("run-1", "run-2"):
        baseline_path(work, run_id).write_bytes(b"")
    assert "can't be read" in run(good, 3).notice
    forget_baselines(work, frozenset())
    assert "The baselines were deleted" in run(good, 4).notice


def test_a_new_baseline_makes_what_it_shows_the_usual(
    work: WorkDir, images: Drawer, run: Callable[..., Run]
) -> None:
    good = images(400, **CALM)
    run(good, 0)
    every = good + images(200, outlier=0.4, invalid=0, dark=0)
    assert JUMPED in names(run(every, 1))
    set_baseline(work, "run-1")
    watched = run(every, 2)
    assert watched.baseline == "run-1"
    assert RECOVERED in names(watched)


def test_a_damaged_history_is_set_aside_and_one_of_a_later_version_is_not(
    work: WorkDir, images: Drawer, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = images(100, **CALM)
    run(good, 0)
    history_path(work).write_bytes(b"nonsense")
    watched = run(good, 1)
    assert "is damaged" in watched.notice
    assert "kept as history.damaged-1.parquet" in watched.notice
    assert [row.run_id for row in read_history(work)] == ["run-1"]
    monkeypatch.setattr("imgvet.monitor.history.SCHEMA_VERSION", 0)
    before = history_path(work).read_bytes()
    with pytest.raises(HistoryError, match="later version"):
        run(good, 2)
    assert history_path(work).read_bytes() == before


def test_a_failed_run_is_told_and_so_is_the_next_that_finishes(
    work: WorkDir, images: Drawer, run: Callable[..., Run]
) -> None:
    good = images(100, **CALM)
    run(good, 0)
    error = "No space left\nTraceback"
    failed = watch_failed_run(work, Run(run_id="run-1", started="2030-01-02", notice=error))
    assert names(failed) == ["imgvet.run.failed"]
    assert failed.events[0].body.splitlines()[0] == "No space left"
    watched = run(good, 2)
    assert names(watched) == ["imgvet.run.recovered"]
    assert watched.baseline == "run-0"


def test_only_as_many_baselines_as_wanted_are_kept(
    work: WorkDir, images: Drawer, publish: Publisher
) -> None:
    good = images(60, **CALM)
    for number in range(6):
        publish(good, number)
        watch_run(work, OPTIONS.model_copy(update={"keep_baselines": 2}))
    assert kept_baselines(work) == {"run-0", "run-4", "run-5"}


@pytest.mark.parametrize("count", [1, 5, 30])
def test_tiny_datasets_are_watched_without_alarm(
    count: int, images: Drawer, run: Callable[..., Run]
) -> None:
    few = images(count, **CALM)
    run(few, 0)
    assert names(run(few, 1)) == []
    assert JUMPED not in names(run(images(count, invalid=1.0), 2))
