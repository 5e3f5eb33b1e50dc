"""The commands ``imgvet status | datasets check``: datasets of a config file, without a server."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imgvet.cli.arguments import read_config
from imgvet.errors import HistoryError
from imgvet.format import counted, table_text
from imgvet.monitor.history import Run, monitored_runs
from imgvet.workdir import WorkDir

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
