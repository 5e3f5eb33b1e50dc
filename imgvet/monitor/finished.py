"""Runs in the history: the row of one, the earlier ones beside it, and which are forgotten."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import logging
from contextlib import suppress

from imgvet.errors import HistoryError
from imgvet.metrics import ADVANCED_VERSION, MEASURE_VERSION
from imgvet.monitor.baselines import kept_baselines
from imgvet.monitor.history import (
    Run,
    as_latest,
    find_run,
    history_path,
    open_history,
    read_history,
    save_run,
    write_history,
)
from imgvet.monitor.notify import RETRIED
from imgvet.options import (
    CropOptions,
    FlagOptions,
    MediaOptions,
    RunOptions,
    SimilarityOptions,
    VideoOptions,
)
from imgvet.store.references import digest_file
from imgvet.summary import RunRecord, RunSummary, read_record, read_summary
from imgvet.workdir import WorkDir

COMPARED_PARAMETERS: tuple[str, ...] = (
    *(name for part in (VideoOptions, MediaOptions, CropOptions, FlagOptions, SimilarityOptions)
      for name in part.model_fields),
    "data_type", "model_path", "high_accuracy", "distance", "nearest_neighbors_k", "min_file_size",
)  # fmt: skip
"""Parameters that change what a rate means; where they differ, runs are not compared."""

MOST_RUNS = 2000
"""Runs that are kept whatever their age; a thousand take a run 0.3 s to read and 0.1 s to write."""

_logger = logging.getLogger(__name__)


def add_run(work: WorkDir, run: Run) -> None:
    """Add a finished run to the history; one that can't be read is set aside, and that is logged.

    The caller holds the work dir.
    """
    try:
        rows, notice = open_history(work)
    except HistoryError as error:
        _logger.warning("The run is not added to the history: %s", error)
        return
    if notice:
        _logger.warning(notice)
    save_run(work, as_latest(rows, run.model_copy(update={"notice": notice})), last=True)


def run_of(record: RunRecord, summary: RunSummary, results: str, part: str = "") -> Run:
    """The row of a finished run that is not monitored; ``results`` is the digest of its summary."""
    return Run(
        run_id=record.run_id,
        started=record.started,
        part=part,
        version=record.versions.get("imgvet", ""),
        dataset=record.dataset,
        model=str(record.model.get("name", "")),
        parameters=json.dumps(record.parameters, sort_keys=True),
        settings=settings_of(record),
        verdict=summary.verdict,
        results=results,
        counts=summary.counts.model_dump(exclude_none=True),
    )


def settings_of(record: RunRecord) -> dict[str, str]:
    """What has to be equal for runs to be compared, as JSON."""
    given, fields = record.parameters, RunOptions.model_fields
    values = {name: given.get(name, fields[name].default) for name in COMPARED_PARAMETERS}
    return {name: json.dumps(value) for name, value in values.items()} | {
        "model": str(record.model.get("sha256", "")),
        "measures": f"{MEASURE_VERSION}.{ADVANCED_VERSION}",
    }


def earlier_runs(
    work: WorkDir, run_id: str, results: str, *, monitored: bool = False
) -> tuple[Run, ...]:
    """The runs before one that found something else, oldest first; of equal ones the first.

    So repeating a run without a change (``results``, the digest of its summary) leaves its report
    the same. Before a monitored one all stay, those that failed, too.
    """
    try:
        runs = [run for run in read_history(work) if run.run_id != run_id]
    except HistoryError as error:
        _logger.info("Earlier runs are left out of the report: %s", error)
        return ()
    if monitored:
        return tuple(run for run in runs if run.part == work.part or run.status == "failed")
    finished = (run for run in runs if run.part == work.part and run.verdict is not None)
    found = [next(same) for _, same in itertools.groupby(finished, key=lambda run: run.results)]
    return tuple(found[:-1] if found and found[-1].results == results else found)


def runs_of(work: WorkDir) -> tuple[Run, ...]:
    """The run whose results a work dir holds, and before it its :func:`earlier_runs`."""
    record, results = read_record(work), digest_file(work.summary_json)
    this = None
    with suppress(HistoryError):
        this = find_run(read_history(work), record.run_id)
    if this is None or not this.monitored:
        this = run_of(record, read_summary(work), results, work.part)
    return (*earlier_runs(work, this.run_id, results, monitored=this.monitored), this)


def old_runs(work: WorkDir, days: int, today: dt.date) -> list[Run]:
    """The runs that began more than so many days, or runs, ago and can be forgotten.

    A row stays, whatever its age, if its baseline is kept, if somebody still has to be told of it,
    or if it is the last that had new images, by which the age of a dataset is told.
    HistoryError if the history can't be read.
    """
    runs = read_history(work)
    fresh = [run for run in runs if run.unseen_images][-1:]
    needed = {run.run_id for run in (*runs[-1:], *fresh)} | kept_baselines(work)
    needed |= {run.run_id for run in [run for run in runs if run.waiting][-RETRIED:]}
    limit = (today - dt.timedelta(days=days)).isoformat()
    old = [
        run
        for place, run in enumerate(runs)
        if run.started < limit or place < len(runs) - MOST_RUNS
    ]
    return [run for run in old if run.run_id not in needed]


def forget_runs(work: WorkDir, days: int, today: dt.date) -> None:
    """Remove :func:`old_runs`, and as old histories that were set aside as they can't be read.

    A history that can't be read stays as it is, and that is logged. The caller holds the work dir.
    """
    try:
        if old := {run.run_id for run in old_runs(work, days, today)}:
            write_history(work, [run for run in read_history(work) if run.run_id not in old])
    except HistoryError as error:
        _logger.warning("No run is forgotten: %s", error)
    path = history_path(work)
    limit = dt.datetime.combine(today, dt.time(), dt.UTC) - dt.timedelta(days=days)
    for aside in path.parent.glob(f"{path.stem}.*{path.suffix}"):
        if aside.stat().st_mtime < limit.timestamp():
            aside.unlink(missing_ok=True)
