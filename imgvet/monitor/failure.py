"""Tell of a run that failed, whatever is left of it: its parameters or its work dir may be lost."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from imgvet.errors import ImgvetError
from imgvet.format import redacted
from imgvet.monitor.compare import Comparison
from imgvet.monitor.events import with_events
from imgvet.monitor.history import Run, as_latest, open_history, save_run
from imgvet.monitor.messages import Links, links_of, message_of
from imgvet.monitor.metrics_file import write_metrics
from imgvet.monitor.notify import Sender, deliver, mark_told
from imgvet.monitor.options import MonitorOptions, make_monitor_options
from imgvet.opening import exclusive, require_allowed, send
from imgvet.options import RunOptions
from imgvet.workdir import WorkDir

TOLD = "This failure was told."
"""Note on an exception of which nobody has to be told again."""

_NEEDED = ("input_dir", "work_dir", "dataset_name", "notify", "report_url", "metrics_file")


def failed_run(
    run_id: str, options: MonitorOptions, why: str, started: datetime | None = None
) -> Run:
    """The row of a run that failed, with the first line of why; now begun if it never was."""
    return Run(
        run_id=run_id,
        started=(started or datetime.now(UTC)).isoformat(timespec="seconds"),
        status="failed",
        monitored=True,
        dataset=redacted(options.dataset),
        parameters=redacted(options.part(RunOptions).model_dump_json()),
        notice=next(iter(why.strip().splitlines()), ""),
    )


def tell_failure(
    run: Run, options: MonitorOptions, receivers: Mapping[str, Sender], runs: str = ""
) -> tuple[str, ...]:
    """Add a run that failed to the history and tell of it: once, or each time if it can't be.

    Returns one line for each receiver that was not reached; ``runs`` as in ``Links``.
    """
    with suppress(ImgvetError, OSError):
        work = require_allowed(options.work_dir, options.inputs)
        if work.path.is_dir():  # else a mount is gone, and nothing is written in its place
            with exclusive(work):
                write_metrics(options.metrics_file, watch_failed_run(work, run))
                send(work, results=False)
                _, problems = deliver(
                    work, receivers, links_of(work, options.report_url, runs), options
                )
                mark_told(work)
            return problems
    write_metrics(options.metrics_file, lost := with_events(Comparison(run)))
    message = message_of(lost, lost.events, None, Links("", "", runs))  # there is no report
    reasons = [sender(message, to) for to, sender in receivers.items()]
    return tuple(f"A failed run was not told of: {reason}" for reason in reasons if reason)


def watch_failed_run(work: WorkDir, run: Run) -> Run:
    """Add a run that failed to the history; raises as it is opened."""
    rows, _ = open_history(work)
    return save_run(work, with_events(Comparison(as_latest(rows, run))), last=True)


def usable(values: Any) -> MonitorOptions:
    """What of parameters is allowed, of those that say whose run it was and who is told."""
    kept: dict[str, Any] = {"input_dir": "unknown"}
    for name in _NEEDED if isinstance(values, Mapping) else ():
        if name in values:
            with suppress(ImgvetError):
                make_monitor_options({**kept, name: values[name]})
                kept[name] = values[name]
    return make_monitor_options(kept)
