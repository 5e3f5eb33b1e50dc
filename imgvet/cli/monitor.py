"""The command ``imgvet monitor``: vet a dataset, compare it with earlier runs, tell what changed.

What it needs is imported when it runs, because every command of ``imgvet`` loads this module.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, cast

from imgvet.cli.arguments import add_group, add_run_arguments, run_parameters
from imgvet.errors import EXIT_CHECKS_FAILED, EngineError, HistoryDamagedError, ImgvetError
from imgvet.monitor.monitor_options import MonitorOptions, NotifyOptions, make_monitor_options
from imgvet.monitor.options import WatchOptions

if TYPE_CHECKING:
    from imgvet.flows.monitor_dataset import Monitored
    from imgvet.summary import RunSummary
    from imgvet.workdir import WorkDir


def add_monitor_command(commands: Any) -> None:
    """Add ``imgvet monitor`` to the commands."""
    monitor = commands.add_parser(
        "monitor",
        help="vet a dataset again and again, and tell what changed",
        description="Vet a dataset, compare it with earlier runs in the same work dir, and send "
        "alarms and all-clears.",
    )
    add_monitor_arguments(monitor)
    monitor.set_defaults(command=_monitor)


def add_monitor_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an argument for every parameter of a monitored run, and ``--config``."""
    add_run_arguments(parser)
    add_group(parser, "when to raise an alarm", (WatchOptions,))
    add_group(parser, "who is told", (NotifyOptions,))


def monitor_parameters(options: argparse.Namespace) -> dict[str, Any]:
    """The parameters of the config file and of the command line, which wins."""
    return run_parameters(options, MonitorOptions)


def _monitor(options: argparse.Namespace) -> int:
    from imgvet.engine.progress import shown_progress

    parameters = make_monitor_options(monitor_parameters(options))
    with shown_progress():
        work, monitored = run_monitor(parameters)
    for line in _lines(work, monitored):
        print(line)
    for problem in monitored.delivery.problems if monitored is not None else ():
        print(f"imgvet: {problem}", file=sys.stderr)
    return _exit_code(work, parameters)


def run_monitor(options: MonitorOptions) -> tuple[WorkDir, Monitored | None]:
    """Run the flow monitor_dataset once.

    Returns:
        the work dir with the results, and what watching gave: None if the server went away before
        the run could be closed there, of which a line is printed.

    Raises:
        ImgvetError: a bad request, or the analysis failed.
    """
    from imgvet.engine.run import run_in_engine
    from imgvet.flows.request import check_request
    from imgvet.monitor.history import history_path
    from imgvet.monitor.monitor_options import all_addresses
    from imgvet.monitor.send import check_addresses
    from imgvet.workdir import WorkDir

    check_addresses(all_addresses(options.notify))
    work = WorkDir(options.work_dir.expanduser().absolute())
    request = None
    # Of a dataset that is watched already, an input that is gone is worth an alarm: the flow's.
    with suppress(ImgvetError) if history_path(work).exists() else nullcontext():
        request = check_request(options)
    before = _runs(work)

    def monitor(options: MonitorOptions) -> Monitored:
        from imgvet.flows.monitor_dataset import Monitored, monitor_dataset
        from imgvet.flows.states import ChecksFailedError

        try:
            state = monitor_dataset(options, return_state=True)
            return cast("Monitored", state.result())
        except ChecksFailedError as error:
            return Monitored.model_validate(error.result)

    try:
        monitored = run_in_engine(options, monitor, request)
    except EngineError as error:
        if _runs(work) == before:
            raise
        print(f"imgvet: {error} The results are complete.", file=sys.stderr)
        return _latest(work), None
    return _part(work, monitored.summary), monitored


def _runs(work: WorkDir) -> int:
    """How many finished runs the history knows, none if it is damaged."""
    from imgvet.monitor.history import read_history

    try:
        return sum(row.status == "finished" for row in read_history(work).rows)
    except HistoryDamagedError:
        return 0


def _part(work: WorkDir, summary: RunSummary) -> WorkDir:
    from imgvet.workdir import CROPS_PART, WorkDir

    return WorkDir(work.path, CROPS_PART if summary.sources is not None else "")


def _latest(work: WorkDir) -> WorkDir:
    """The work dir with the results of the latest run: those of whole images or of crops."""
    from imgvet.workdir import CROPS_PART, WorkDir

    parts = [part for part in (work, WorkDir(work.path, CROPS_PART)) if part.is_finished()]
    return max(parts, key=lambda part: part.run_json.stat().st_mtime_ns)


def _lines(work: WorkDir, monitored: Monitored | None) -> list[str]:
    from imgvet.summary import read_summary
    from imgvet.summary_text import summary_lines

    lines = summary_lines(read_summary(work), str(work.report_index))
    return lines if monitored is None else [*lines, *watching_lines(monitored)]


def watching_lines(monitored: Monitored) -> list[str]:
    """What watching gave, for a terminal: compared with what, what is new, who was told."""
    seen, delivery = monitored.seen, monitored.delivery
    compared = f"run {seen.baseline}" if seen.baseline else "nothing"
    lines = ["", f"Compared with {compared}. {seen.notice}".rstrip()]
    for event in seen.events:
        lines.append(f"{'All-clear' if event.all_clear else 'ALARM'}  {event.title}")
        lines += [f"    {line}" for line in event.body.splitlines()]
    lines.append(f"Alarms on: {', '.join(seen.alarms) or 'none'}")
    if delivery.arrived:
        lines.append(f"Messages sent: {delivery.arrived}")
    return lines


def _exit_code(work: WorkDir, options: MonitorOptions) -> int:
    from imgvet.quality.result import fails, read_results

    failed = fails(read_results(work.checks_json), options.fail_on)
    return EXIT_CHECKS_FAILED if failed else 0
