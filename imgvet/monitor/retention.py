"""Which runs of a work dir are forgotten: the old ones that no later run needs.

A row of the history stays, whatever its age, if its baseline is kept, if somebody still has to be
told of it, or if it is the last that had new images, by which the age of a dataset is told.
"""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

from imgvet.errors import HistoryError
from imgvet.monitor.baselines import kept_baselines
from imgvet.monitor.history import Run, history_path, read_history, write_history
from imgvet.monitor.notify import RETRIED
from imgvet.workdir import WorkDir

MOST_RUNS = 2000
"""Runs that are kept whatever their age; a thousand take a run 0.3 s to read and 0.1 s to write."""

_logger = logging.getLogger(__name__)


def old_runs(work: WorkDir, days: int, today: dt.date) -> list[Run]:
    """The runs that began more than so many days, or runs, ago and can be forgotten.

    HistoryError if the history can't be read.
    """
    runs = read_history(work)
    fresh = [run for run in runs if run.new_images][-1:]
    needed = {run.run_id for run in (*runs[-1:], *fresh)} | kept_baselines(work)
    needed |= {run.run_id for run in [run for run in runs if run.waiting][-RETRIED:]}
    limit = (today - dt.timedelta(days=days)).isoformat()
    old = [
        run
        for place, run in enumerate(runs)
        if run.started < limit or place < len(runs) - MOST_RUNS
    ]
    return [run for run in old if run.run_id not in needed]


def old_files(work: WorkDir, days: int, today: dt.date) -> list[Path]:
    """Histories that could not be read and were set aside more than so many days ago."""
    path = history_path(work)
    limit = dt.datetime.combine(today, dt.time(), dt.UTC) - dt.timedelta(days=days)
    aside = path.parent.glob(f"{path.stem}.*{path.suffix}")
    return [one for one in aside if one.stat().st_mtime < limit.timestamp()]


def forget_runs(work: WorkDir, days: int, today: dt.date) -> None:
    """Remove :func:`old_runs` and :func:`old_files`; the caller holds the work dir.

    A history that can't be read stays as it is, and that is logged.
    """
    try:
        if old := {run.run_id for run in old_runs(work, days, today)}:
            write_history(work, [run for run in read_history(work) if run.run_id not in old])
    except HistoryError as error:
        _logger.warning("No run is forgotten: %s", error)
    for path in old_files(work, days, today):
        path.unlink(missing_ok=True)
