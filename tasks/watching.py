"""Tasks of watching: compare a run with its baseline, add it to the history, show the trend."""

from __future__ import annotations

from dataclasses import dataclass

from prefect.artifacts import create_link_artifact, create_table_artifact

from imgvet.errors import HistoryDamagedError
from imgvet.monitor.events import Event
from imgvet.monitor.facts import RunIdentity
from imgvet.monitor.history import HistoryRow, read_history
from imgvet.monitor.message import Naming
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.record import read_alerts
from imgvet.monitor.tally import RATES
from imgvet.monitor.watch import Watched, watch_failed_run, watch_run
from imgvet.monitor.words import percent
from imgvet.summary import read_record
from imgvet.tasks.artifacts import key_of, register
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import uncached_stage
from imgvet.workdir import WorkDir

SHOWN_RUNS = 20
"""Runs in the table of the trend, latest first."""


@dataclass(frozen=True)
class Seen:
    """What watching a run gave, as far as it is told.

    Attributes:
        run_id: the run.
        events: alarms that are new, and all-clears.
        alarms: alarms that are on after it.
        notice: what a person should know, such as why nothing was compared.
        baseline: the run that it was compared with, None if with none.
    """

    run_id: str
    events: tuple[Event, ...] = ()
    alarms: tuple[str, ...] = ()
    notice: str = ""
    baseline: str | None = None


@uncached_stage
def watch(context: RunContext, options: WatchOptions) -> Seen:
    """Compare the run whose results lie in the work dir, and add it to the history."""
    return _seen(watch_run(context.work, options))


@uncached_stage
def watch_failure(context: RunContext, identity: RunIdentity, error: str) -> Seen:
    """Add a run that failed to the history."""
    return _seen(watch_failed_run(context.work, identity, error))


@uncached_stage
def watch_again(context: RunContext, options: WatchOptions) -> Seen | None:
    """What an earlier run was killed before it could tell; None if everything was told."""
    work = context.work
    if not was_cut_short(work):
        return None
    return _seen(watch_run(work, options))


def was_cut_short(work: WorkDir) -> bool:
    """Whether the last run is in the history, but its events were not handed over for sending."""
    try:
        last = read_history(work).rows[-1:]
    except HistoryDamagedError:
        return False  # it is set aside when this run is watched
    untold = [row.run_id for row in last if row.run_id != read_alerts(work).told]
    return work.is_finished() and untold == [read_record(work).run_id]


@uncached_stage
def show_trend(context: RunContext, naming: Naming) -> None:
    """Register the rates of the latest runs and the link to the report.

    Their keys stay the same from run to run, so the server shows their history.
    """
    rows = trend(read_history(context.work).rows)
    title = f"Rates of {naming.dataset}, latest run first"
    register(
        "rates",
        lambda: create_table_artifact(rows, key=key_of(naming.dataset, "rates"), description=title),
    )
    register(
        "report",
        lambda: create_link_artifact(
            naming.report, f"Report of {naming.dataset}", key=key_of(naming.dataset, "report")
        ),
    )


def trend(rows: tuple[HistoryRow, ...]) -> list[dict[str, str | int]]:
    """The latest runs as rows of a table: when, how many images, each rate, alarms."""
    return [_trend_row(row) for row in rows[-SHOWN_RUNS:][::-1]]


def _trend_row(row: HistoryRow) -> dict[str, str | int]:
    portions = {rate.title: row.whole.portion(rate) for rate in RATES}
    finished = row.status == "finished"
    rates = {
        title: percent(portion.rate) if finished and portion is not None else "-"
        for title, portion in portions.items()
    }
    return {
        "Run": row.identity.started[:16].replace("T", " "),
        "Images": row.whole.images,
        "New": row.new.images,
        **rates,
        "Alarms": ", ".join(row.alarms) or "none",
    }


def _seen(watched: Watched) -> Seen:
    about = watched.comparison.baseline
    return Seen(
        run_id=watched.row.run_id,
        events=watched.events,
        alarms=watched.row.alarms,
        notice=watched.comparison.notice,
        baseline=about.run_id if about is not None else None,
    )
