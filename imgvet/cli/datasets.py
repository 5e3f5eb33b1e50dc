"""The commands ``imgvet status | prune | datasets check``: many datasets, without a server."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imgvet.cli.arguments import read_config
from imgvet.errors import HistoryError
from imgvet.format import counted, table_text
from imgvet.monitor.history import Run, monitored_runs, read_history
from imgvet.monitor.options import make_monitor_options
from imgvet.monitor.retention import forget_runs, old_runs
from imgvet.options import make_options
from imgvet.store.compact import today, unused
from imgvet.store.store import Store
from imgvet.store.upkeep import collect_garbage, shown
from imgvet.workdir import UNUSED_DAYS, WorkDir, exclusive, work_dir_at

if TYPE_CHECKING:
    from imgvet.deployments.datasets import Served

_COLUMNS = ("Dataset", "Verdict", "Last run (UTC)", "Images", "Next run (UTC)", "Alarms on")


def status(options: argparse.Namespace) -> None:
    """Print each dataset with its verdict, last and next run, and the alarms that are on."""
    rows = [_COLUMNS, *map(_row, _datasets(options.config))]
    print(table_text(rows, "<<<><<"))


def check(options: argparse.Namespace) -> None:
    """Say that a config file can be served; what is wrong with it is an error."""
    datasets = _datasets(options.config)
    for dataset in datasets:
        print(f"{dataset.name}: {dataset.schedule}")
    print(f"{counted(len(datasets), 'dataset')}: nothing is wrong.")


def prune(options: argparse.Namespace) -> None:
    """Print what is old enough to go, of one work dir or of many; with ``--yes`` remove it."""
    rows: list[tuple[str, ...]] = [("Dataset", "Runs", "To go", "Stored contents", "To go")]
    rows += [_pruned(*dataset, yes=options.yes) for dataset in _kept(options)]
    print(table_text(rows, "<>>>>"))
    if not options.yes:
        print("Nothing is removed without --yes.")


def _kept(options: argparse.Namespace) -> Iterator[tuple[str, WorkDir, int]]:
    """The datasets with their work dirs, and how many days their runs are kept."""
    if options.path.is_dir():
        given = {} if options.keep_days is None else {"keep_days": options.keep_days}
        days = make_options({"input_dir": "unknown", **given}).keep_days
        yield str(options.path), work_dir_at(options.path), days
        return
    for dataset in _datasets(options.path):
        parameters = {**dataset.parameters}
        if options.keep_days is not None:
            parameters["keep_days"] = options.keep_days
        kept = make_monitor_options(parameters)
        yield dataset.name, WorkDir(kept.work_dir), kept.keep_days


def _pruned(name: str, work: WorkDir, days: int, *, yes: bool) -> tuple[str, ...]:
    if not work.store.is_dir():
        return name, "no run yet", "-", "-", "-"
    with exclusive(work):
        store, unused_days = Store(work), min(days, UNUSED_DAYS)
        runs, going = len(read_history(work)), len(old_runs(work, days, today()))
        contents = store.files.digests().union(*(packs.digests() for packs in store.all_packs()))
        idle = contents & (unused(work, today(), unused_days) - shown(store))
        if yes:
            forget_runs(work, days, today())
            collect_garbage(store, unused_days)
    return name, f"{runs:,}", f"{going:,}", f"{len(contents):,}", f"{len(idle):,}"


def _datasets(config: Path) -> tuple[Served, ...]:
    from imgvet.deployments.datasets import served_in

    return served_in(read_config(config), str(config))


def _row(dataset: Served) -> tuple[str, ...]:
    coming = next_run(dataset.cron, dataset.timezone)
    try:
        runs = monitored_runs(WorkDir(Path(dataset.parameters["work_dir"])))
    except HistoryError as error:
        return dataset.name, "history unreadable", "-", "-", coming, error.problem
    if not runs:
        return dataset.name, "no run yet", "-", "-", coming, "none"
    last = runs[-1]
    alarms = ", ".join(last.alarms) or "none"
    return dataset.name, _verdict(last), last.minute, f"{last.images:,}", coming, alarms


def _verdict(run: Run) -> str:
    return "run failed" if run.verdict is None else run.verdict.value


def next_run(cron: str | None, timezone: str) -> str:
    """When a schedule is due next, in UTC, without seconds; ``-`` without one."""
    if cron is None:
        return "-"
    from prefect.server.schemas.schedules import CronSchedule

    dates = asyncio.run(CronSchedule(cron=cron, timezone=timezone).get_dates(1))
    return f"{datetime.fromtimestamp(dates[0].timestamp(), UTC):%Y-%m-%d %H:%M}"
