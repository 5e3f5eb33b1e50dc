"""Runs with planted truth: as images, and as finished work dirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.drawn_histories import (
    CENTRES,
    Batch,
    World,
    directions,
    draw,
    embeddings_of,
    tables_of,
)
from imgvet.metrics import METRICS
from imgvet.monitor.finished import run_of
from imgvet.monitor.history import Run, save_run
from imgvet.monitor.images import images_of
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.watch import watch_run
from imgvet.options import RunOptions, make_options
from imgvet.quality.result import write_results
from imgvet.summary import Counts, RunRecord, RunSummary, Verdict, read_record
from imgvet.tables import ALARMS, ITEMS, SIMILARITY, STATS, conform, read_table, write_table
from imgvet.workdir import WorkDir, write_text

Drawer = Callable[..., Batch]
Publisher = Callable[..., RunRecord]


def record_of(number: int, **parameters: object) -> RunRecord:
    """The record of a run; its number is also its day."""
    started = f"2030-01-{number + 1:02}T06:00:00"
    options = make_options({"input_dir": "in/photos", "threshold": 0.99, **parameters})
    return RunRecord(
        run_id=f"run-{number}",
        started=started,
        finished=started,
        seconds=1.0,
        parameters=options.model_dump(mode="json"),
        versions={"imgvet": "0"},
        model={"name": "drawn", "sha256": "0", "similarity_scale": 1.0},
        stages=(),
    )


def summary_of(images: int) -> RunSummary:
    """A summary that counts nothing but images."""
    counts = dict.fromkeys(Counts.model_fields, 0) | {"images": images}
    return RunSummary(
        verdict=Verdict.PASSED, counts=Counts(**counts), invalid_by_reason={}, inputs=("in",),
        model="m", threshold=0.9, cc_threshold=0.96, outlier_percentile=0.05, dark_threshold=1,
        bright_threshold=2, blur_threshold=0.5, median_similarity=None, neighbor_recall=None,
        checks_passed=1, checks_failed=0, checks_errored=0,
    )  # fmt: skip


@pytest.fixture
def images() -> Drawer:
    """Draws images: ``images(100, outlier=0.3)``; the same ones in the same order of calls."""
    rng = np.random.default_rng(11)
    centres = directions(rng, CENTRES)
    return lambda count, **rates: draw(rng, World(**rates), count, centres)


@pytest.fixture
def work(tmp_path: Path) -> WorkDir:
    folder = WorkDir(tmp_path / "out")
    folder.store.mkdir(parents=True)
    return folder


@pytest.fixture
def publish(work: WorkDir) -> Publisher:
    """Writes what a finished run leaves: ``publish(batch, 3, dark_threshold=90)``."""

    def write(batch: Batch, number: int, **parameters: object) -> RunRecord:
        record, frames = record_of(number, **parameters), tables_of(batch)
        whole = {metric.name: 0 for metric in METRICS if metric.integer}
        frames["stats"] = frames["stats"].round(whole)
        work.tables.mkdir(exist_ok=True)
        for table in (ITEMS, STATS, SIMILARITY):
            write_table(conform(frames[table.name], table), work.table(table.name))
        np.save(work.embeddings, embeddings_of(batch))
        write_results((), work.checks_json)
        write_text(work.run_json, record.model_dump_json())
        return record

    return write


def watch_published(work: WorkDir, options: WatchOptions) -> Run:
    """Watch the run whose results lie in a work dir, and add it to the history."""
    record = read_record(work)
    images = images_of(
        **{name: read_table(work.table(name)) for name in ("items", "stats", "similarity")},
        embeddings=np.load(work.embeddings), scale=1.0, options=record.options(RunOptions),
    )  # fmt: skip
    run = run_of(record, summary_of(len(images.items)), record.run_id)
    watched, alarms = watch_run(work, run, images, (), options)
    write_table(conform(alarms, ALARMS), work.table("alarms"))
    return save_run(work, watched, last=True)
