"""The commands ``imgvet status | prune | datasets check``: many datasets, without a server."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imgvet.cli.arguments import read_config
from imgvet.errors import EXIT_CHECKS_FAILED, ImgvetError, WorkDirBusyError, written
from imgvet.format import counted, table_text
from imgvet.monitor.finished import forget_runs, old_runs
from imgvet.monitor.history import monitored_runs, read_history
from imgvet.monitor.messages import report_address
from imgvet.monitor.notify import check_addresses, without_secrets
from imgvet.monitor.options import make_monitor_options
from imgvet.opening import exclusive, place_outside, work_dir_at
from imgvet.parameters import address_in, place_in
from imgvet.reports.overview import Watched, digest, overview_page, verdict_of
from imgvet.store.compact import today, unused
from imgvet.store.store import Store
from imgvet.store.upkeep import collect_garbage, shown
from imgvet.tasks.blocks import post_to, with_addresses
from imgvet.workdir import UNUSED_DAYS, WorkDir, write_text

if TYPE_CHECKING:
    from imgvet.deployments.datasets import Served

_COLUMNS = ("Dataset", "Verdict", "Last run (UTC)", "Images", "Next run (UTC)", "Alarms on")


def status(options: argparse.Namespace) -> int:
    """Print each dataset with its verdict, last and next run, and the alarms that are on.

    Exit code 3 if the digest that was asked for did not arrive.
    """
    check_addresses(options.notify)
    datasets = [_watched(dataset) for dataset in _datasets(options.path)]
    print(table_text([_COLUMNS, *map(_row, datasets)], "<<<><<"))
    if options.html is not None:
        with written(options.html):
            write_text(options.html, overview_page(datasets, datetime.now(UTC)))
        print(f"Written: {options.html}")
    message = digest(datasets)
    lost = [(address, said) for address in options.notify if (said := post_to(message, address))]
    for address, said in lost:
        print(f"imgvet: not delivered to {without_secrets(address)} ({said})", file=sys.stderr)
    return EXIT_CHECKS_FAILED if lost else 0


def check(options: argparse.Namespace) -> None:
    """Say that a config file can be served; what is wrong with it is an error."""
    from imgvet.deployments.datasets import served_in

    datasets = served_in(read_config(options.path), str(options.path))
    for dataset in datasets:
        print(f"{dataset.name}: {dataset.schedule}")
    print(f"{counted(len(datasets), 'dataset')}: nothing is wrong.")


def prune(options: argparse.Namespace) -> None:
    """Print what is old enough to go, of one work dir or of many; with ``--yes`` remove it."""
    rows: list[tuple[str, ...]] = [("Dataset", "Runs", "To go", "Stored contents", "To go")]
    given = {} if options.keep_days is None else {"keep_days": options.keep_days}
    for dataset in _datasets(options.path):
        with with_addresses(make_monitor_options({**dataset.parameters, **given})) as kept:
            work = work_dir_at(kept.work_dir)
            rows.append(_pruned(dataset.name, work, kept.keep_days, yes=options.yes))
    print(table_text(rows, "<>>>>"))
    if not options.yes:
        print("Nothing is removed without --yes.")


def _pruned(name: str, work: WorkDir, days: int, *, yes: bool) -> tuple[str, ...]:
    if not work.store.is_dir():
        return name, "no run yet", "-", "-", "-"
    with suppress(WorkDirBusyError), exclusive(work):
        store, unused_days = Store(work), min(days, UNUSED_DAYS)
        runs, going = len(read_history(work)), len(old_runs(work, days, today()))
        contents = store.files.digests().union(*(packs.digests() for packs in store.all_packs()))
        idle = contents & (unused(work, today(), unused_days) - shown(store))
        if yes:
            forget_runs(work, days, today())
            collect_garbage(store, unused_days)
        return name, f"{runs:,}", f"{going:,}", f"{len(contents):,}", f"{len(idle):,}"
    return name, "a run writes", "-", "-", "-"


def _datasets(path: Path) -> tuple[Served, ...]:
    """Those of a config file, whose inputs need not be there now, or that of a work dir."""
    from imgvet.deployments.datasets import Served, served_in

    if path.is_dir() or address_in(path):
        parameters = {"input_dir": "unknown", "work_dir": place_outside(path, ())}
        return (Served(place_in(path), parameters, None, "UTC"),)
    return served_in(read_config(path), str(path), to_run=False)


def _watched(dataset: Served) -> Watched:
    coming = next_run(dataset.cron, dataset.timezone)
    try:
        with with_addresses(make_monitor_options(dataset.parameters)) as options:
            work = work_dir_at(options.work_dir)
        runs = monitored_runs(work)
    except ImgvetError as error:
        return Watched(dataset.name, (), coming, "", error.problem)
    work = WorkDir(work.path, runs[-1].part if runs else "")
    report = report_address(work, options.report_url) if work.report_index.is_file() else ""
    return Watched(dataset.name, runs, coming, report)


def _row(one: Watched) -> tuple[str, ...]:
    if not one.runs:
        said = "history unreadable" if one.problem else "not watched yet"
        return one.name, said, "-", "-", one.coming, one.problem or "none"
    last = one.runs[-1]
    alarms = ", ".join(last.alarms) or "none"
    images = f"{last.images:,}" if last.counts else "-"
    return one.name, verdict_of(last), last.minute, images, one.coming, alarms


def next_run(cron: str | None, timezone: str) -> str:
    """When a schedule is due next, in UTC, without seconds; ``-`` without one."""
    if cron is None:
        return "-"
    from prefect.server.schemas.schedules import CronSchedule

    dates = asyncio.run(CronSchedule(cron=cron, timezone=timezone).get_dates(1))
    return f"{datetime.fromtimestamp(dates[0].timestamp(), UTC):%Y-%m-%d %H:%M}"
