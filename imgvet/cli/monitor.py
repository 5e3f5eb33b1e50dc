"""The command ``imgvet monitor``: vet a dataset, compare it with earlier runs, tell what changed.

What it needs is imported when it runs, because every command of ``imgvet`` loads this module.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, cast

from imgvet.cli.arguments import add_group, add_run_arguments, run_parameters
from imgvet.errors import EXIT_CHECKS_FAILED, EngineError, HistoryError, ImgvetError
from imgvet.monitor.options import (
    MonitorOptions,
    NotifyOptions,
    WatchOptions,
    all_addresses,
    make_monitor_options,
)

if TYPE_CHECKING:
    from imgvet.monitor.history import Run
    from imgvet.tasks.monitoring import Monitored
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
    from imgvet.quality.result import fails, read_results
    from imgvet.summary import read_summary
    from imgvet.summary_text import summary_lines
    from imgvet.workdir import WorkDir

    parameters = make_monitor_options(monitor_parameters(options))
    with shown_progress():
        monitored = run_monitor(parameters)
    work = WorkDir(_work_dir(parameters).path, monitored.run.part)
    lines = summary_lines(read_summary(work), str(work.report_index))
    print("\n".join([*lines, *monitored_lines(monitored)]))
    for problem in monitored.problems:
        print(f"imgvet: {problem}", file=sys.stderr)
    failed = fails(read_results(work.checks_json), parameters.fail_on)
    return EXIT_CHECKS_FAILED if failed else 0


def run_monitor(options: MonitorOptions) -> Monitored:
    """Run the flow monitor_dataset once.

    If the server goes away before the run could be closed there, a line says so.

    Raises:
        ImgvetError: a bad request, or the analysis failed.
    """
    from imgvet.engine.run import run_in_engine
    from imgvet.flows.request import check_request
    from imgvet.monitor.notify import check_addresses

    check_addresses(all_addresses(options.notify))
    work, request = _work_dir(options), None
    before = _monitored_runs(work)
    # Of a dataset that is watched already, an input that is gone is worth an alarm: the flow's.
    with suppress(ImgvetError) if before else nullcontext():
        request = check_request(options)

    def monitor(options: MonitorOptions) -> Monitored:
        from imgvet.flows.monitor_dataset import monitor_dataset
        from imgvet.flows.states import ChecksFailedError

        try:
            state = monitor_dataset(options, return_state=True)
            return cast("Monitored", state.result())
        except ChecksFailedError as error:
            return error.result

    try:
        return run_in_engine(options, monitor, request)
    except EngineError as error:
        after = _monitored_runs(work)
        if not after or after[-1].status == "failed" or len(after) == len(before):
            raise
        print(f"imgvet: {error} The results are complete.", file=sys.stderr)
        from imgvet.tasks.monitoring import Monitored

        return Monitored(run=after[-1])


def _work_dir(options: MonitorOptions) -> WorkDir:
    from imgvet.workdir import WorkDir

    return WorkDir(options.work_dir.expanduser().absolute())


def _monitored_runs(work: WorkDir) -> list[Run]:
    """The monitored runs of a work dir; none if the history can't be read."""
    from imgvet.monitor.history import read_history

    try:
        return [run for run in read_history(work) if run.monitored]
    except HistoryError:
        return []


def monitored_lines(monitored: Monitored) -> list[str]:
    """What monitoring gave, for a terminal: compared with what, what is new, who was told."""
    run = monitored.run
    compared = f"run {run.baseline}" if run.baseline else "nothing"
    lines = ["", f"Compared with {compared}. {run.notice}".rstrip()]
    for event in run.events:
        lines.append(f"{'All-clear' if event.all_clear else 'ALARM'}  {event.title}")
        lines += [f"    {line}" for line in event.body.splitlines()]
    lines.append(f"Alarms on: {', '.join(run.alarms) or 'none'}")
    if monitored.arrived:
        lines.append(f"Messages sent: {monitored.arrived}")
    return lines
