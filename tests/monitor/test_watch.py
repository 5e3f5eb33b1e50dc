"""Watching whole runs on disk, from the first one on; and which of them is the baseline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from benchmarks.drawn_histories import Batch
from imgvet.errors import HistoryError, RunNotFoundError
from imgvet.monitor.baselines import baseline_path, forget_baselines, kept_baselines
from imgvet.monitor.failure import failed_run, watch_failed_run
from imgvet.monitor.history import Run, history_path, read_history, save_run
from imgvet.monitor.options import WatchOptions, make_monitor_options
from imgvet.monitor.watch import baseline_lines, choose, in_force, set_baseline
from imgvet.summary import RunRecord
from imgvet.tables import read_table
from imgvet.workdir import WorkDir

from .conftest import watch_published

Drawer = Callable[..., Batch]
Publisher = Callable[..., RunRecord]
JUMPED, RECOVERED = "imgvet.novelty-rate.jumped", "imgvet.novelty-rate.recovered"
OPTIONS = make_monitor_options({"input_dir": "in/photos"})
CALM = {"outlier": 0.03, "invalid": 0.0, "dark": 0.0}


@pytest.fixture
def run(work: WorkDir, publish: Publisher) -> Callable[..., Run]:
    """Publishes a run and watches it."""

    def start(batch: Batch, number: int, **parameters: object) -> Run:
        publish(batch, number, **parameters)
        return watch_published(work, OPTIONS)

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
    assert event.title.startswith("photos: novelty rate jumped from")
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
    assert [row.alarms for row in rows] == [(), (), ("novelty_rate",), ("novelty_rate",), (), ()]
    assert [row.new_images for row in rows] == [1500, 0, 120, 120, 0, 0]
    assert rows[2].images == 1620
    assert rows[2].baseline == "run-0"
    assert "embeddings" in rows[2].drift


def test_images_that_wait_to_be_judged_do_not_hide_that_none_come_any_more(
    work: WorkDir, images: Drawer, publish: Publisher
) -> None:
    first, few = images(100, **CALM), images(5, **CALM)
    options = OPTIONS.model_copy(update={"max_days_without_new": 3.0})
    alarms = []
    for number, batch in enumerate((first, *[first + few] * 4)):
        publish(batch, number)
        alarms.append(watch_published(work, options).alarms)
    assert [row.new_images for row in read_history(work)] == [100, 5, 5, 5, 5]
    assert alarms == [(), (), (), (), ("stale",)]


def test_a_retry_says_the_same_and_adds_nothing(
    work: WorkDir, images: Drawer, run: Callable[..., Run]
) -> None:
    good = images(400, **CALM)
    run(good, 0)
    batch = good + images(120, outlier=0.5, invalid=0, dark=0)
    told, history = run(batch, 1), read_history(work)
    assert run(batch, 1).events == told.events
    assert told.events
    assert read_history(work) == history


def test_the_table_of_alarms_lists_the_images_that_each_counts(
    work: WorkDir, images: Drawer, run: Callable[..., Run]
) -> None:
    good = images(1500, **CALM)
    run(good, 0)
    bad = images(120, outlier=0.5, invalid=0.3, dark=0)
    told = run(good + bad, 1)
    table = read_table(work.table("alarms"))
    assert set(told.alarms) <= set(table["alarm"])
    for event in told.events:
        for alarm in event.alarms:
            listed = table[table["alarm"] == alarm]
            assert set(listed["id"]) <= set(range(1500, 1620))
            if event.after is not None:
                of = 120 if alarm == "invalid_rate" else told.new_counts["valid"]
                assert len(listed) == round(event.after * of)
                names = read_table(work.table("items")).set_index("id")["filename"]
                assert event.examples == tuple(listed["id"].map(names))[:10]
    novel = table[table["alarm"] == "novelty_rate"]["value"]
    assert len(novel) > 30
    assert novel.is_monotonic_increasing
    assert table[table["alarm"] == "invalid_rate"]["value"].isna().all()
    run(good, 2)
    assert read_table(work.table("alarms")).empty


def test_the_limit_is_the_least_rate_that_raises_an_alarm(
    images: Drawer, run: Callable[..., Run]
) -> None:
    good = images(1500, **CALM)
    run(good, 0)
    watched = run(good + images(120, outlier=0.5, invalid=0, dark=0), 1)
    rates = [found for found in watched.compared if found.before is not None]
    over = {one.key for one in rates if one.limit is not None and one.after >= one.limit}
    assert over == {alarm for alarm in watched.alarms if not alarm.startswith("drift:")}
    limits = {(one.key, one.population): one.limit for one in rates}
    assert 0.05 < limits["novelty_rate", "new"] < 0.15
    assert limits["invalid_rate", "whole"] == pytest.approx(0.02, abs=1 / 1620)


def test_messages_call_the_dataset_as_it_was_named(
    work: WorkDir, images: Drawer, publish: Publisher
) -> None:
    good = images(400, **CALM)
    for number, batch in enumerate((good, good + images(120, outlier=0.5, invalid=0, dark=0))):
        publish(batch, number, dataset_name="birds")
        told = watch_published(work, OPTIONS)
    assert [event.title[:7] for event in told.events] == ["birds: "]
    assert told.dataset == "birds"


def test_other_parameters_end_no_alarm_and_repeat_none(
    work: WorkDir, images: Drawer, run: Callable[..., Run]
) -> None:
    good = images(1500, **CALM)
    bad = good + images(120, outlier=0.5, invalid=0, dark=0)
    run(good, 0)
    assert names(run(bad, 1)) == [JUMPED]
    custom = run(bad, 2, blur_threshold=0.7)
    assert (custom.baseline, names(custom), custom.alarms) == (None, [], ("novelty_rate",))
    assert names(run(bad, 3)) == []
    assert names(run(good, 4)) == [RECOVERED]


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
    assert "dark" not in watched.new_counts
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
    assert "kept as history.aside-1.parquet" in watched.notice
    assert [row.run_id for row in read_history(work)] == ["run-1"]
    monkeypatch.setattr("imgvet.monitor.history.SCHEMA_VERSION", 0)
    history_path(work).touch()  # what is as it was read is known
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
    failed = watch_failed_run(work, failed_run("run-1", OPTIONS, error))
    assert names(failed) == ["imgvet.run.failed"]
    assert failed.events[0].body == "No space left"
    watched = run(good, 2)
    assert names(watched) == ["imgvet.run.recovered"]
    assert watched.baseline == "run-0"


def test_only_as_many_baselines_as_wanted_are_kept(
    work: WorkDir, images: Drawer, publish: Publisher
) -> None:
    good = images(60, **CALM)
    for number in range(6):
        publish(good, number)
        watch_published(work, OPTIONS.model_copy(update={"keep_baselines": 2}))
    assert kept_baselines(work) == {"run-0", "run-4", "run-5"}


@pytest.mark.parametrize("count", [1, 5, 30])
def test_tiny_datasets_are_watched_without_alarm(
    count: int, images: Drawer, run: Callable[..., Run]
) -> None:
    few = images(count, **CALM)
    run(few, 0)
    assert names(run(few, 1)) == []
    assert JUMPED not in names(run(images(count, invalid=1.0), 2))


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
    assert "run a, was deleted; run b of 2030-01-02 06:00 UTC is the first" in notice


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
        watch_published(work, OPTIONS)
    text = "\n".join(baseline_lines(work))
    assert "Run        run-0 of 2030-01-01 06:00 UTC, 100 images" in text
    assert "invalid rate 0 %" in text
    assert "dark rate 0 %" in text
    assert "Alarms on  invalid_rate" in text
    assert "  run-1  2030-01-02 06:00 UTC  200 images, alarms: invalid_rate" in text
    set_baseline(work, "run-1")
    assert "Run        run-1 of 2030-01-02 06:00 UTC, 200 images" in "\n".join(baseline_lines(work))


def test_a_renamed_dataset_keeps_baseline_history_and_alarms(
    work: WorkDir, images: Callable[..., Batch], publish: Callable[..., RunRecord]
) -> None:
    good = images(200, outlier=0, dark=0, invalid=0)
    publish(good, 0, dataset_name="cats")
    watch_published(work, OPTIONS)
    spoilt = good + images(100, outlier=0, dark=0, invalid=0.5)
    publish(spoilt, 1, dataset_name="cats")
    assert watch_published(work, OPTIONS).alarms == ("invalid_rate",)
    publish(spoilt, 2, dataset_name="lions")
    renamed = watch_published(work, OPTIONS)
    assert (renamed.baseline, renamed.alarms, renamed.events) == ("run-0", ("invalid_rate",), ())
    publish(good, 3, dataset_name="lions")
    (event,) = watch_published(work, OPTIONS).events
    assert (event.all_clear, event.title.partition(":")[0]) == (True, "lions")
