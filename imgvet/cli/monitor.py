"""The commands ``imgvet monitor``, which vets a dataset again and again, and ``imgvet baseline``.

What they need is imported when they run, because every command of ``imgvet`` loads this module.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from imgvet.cli.arguments import add_group, add_run_arguments, run_parameters
from imgvet.errors import (
    EXIT_CHECKS_FAILED,
    EngineError,
    HistoryError,
    ImgvetError,
    InvalidParameterError,
    RunNotFoundError,
)
from imgvet.monitor.options import (
    MonitorOptions,
    NotifyOptions,
    WatchOptions,
    all_addresses,
    is_baseline,
    make_monitor_options,
)
from imgvet.workdir import WorkDir

if TYPE_CHECKING:
    from imgvet.monitor.history import Run
    from imgvet.monitor.notify import Monitored


def add_monitor_commands(commands: Any) -> None:
    """Add ``imgvet monitor`` and ``imgvet baseline`` to the commands."""
    monitor = commands.add_parser(
        "monitor",
        help="vet a dataset again and again, and tell what changed",
        description="Vet a dataset, compare it with earlier runs in the same work dir, and send "
        "alarms and all-clears.",
    )
    add_monitor_arguments(monitor)
    monitor.set_defaults(command=_monitor)
    baseline = commands.add_parser(
        "baseline",
        help="show or choose what monitored runs are compared with",
        description="Show which run later runs are compared with, or choose another.",
    )
    baseline.add_argument("work_dir", type=Path, metavar="WORK_DIR", help="the watched work dir")
    baseline.add_argument(
        "--set", dest="wanted", metavar="RUN", help="first, last:N, or the id of a run"
    )
    baseline.set_defaults(command=_baseline)


def add_monitor_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an argument for every parameter of a monitored run, and ``--config``."""
    add_run_arguments(parser)
    add_group(parser, "when to raise an alarm", (WatchOptions,))
    add_group(parser, "who is told", (NotifyOptions,))


def _monitor(options: argparse.Namespace) -> int:
    from imgvet.engine.progress import shown_progress
    from imgvet.quality.result import fails, read_results
    from imgvet.summary import read_summary
    from imgvet.summary_text import summary_lines

    parameters = make_monitor_options(run_parameters(options, MonitorOptions))
    with shown_progress():
        monitored = run_monitor(parameters)
    work = WorkDir(_work_dir(parameters.work_dir).path, monitored.run.part)
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
    from imgvet.monitor.notify import Monitored, check_addresses

    check_addresses(all_addresses(options.notify))
    work, request = _work_dir(options.work_dir), None
    before = _monitored_runs(work)
    # Of a dataset that is watched already, an input that is gone is worth an alarm: the flow's.
    with suppress(ImgvetError) if before else nullcontext():
        request = check_request(options)

    def monitor(options: MonitorOptions) -> Monitored:
        from imgvet.flows.monitor_dataset import ChecksFailedError, monitor_dataset

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
        return Monitored(run=after[-1])


def _work_dir(path: Path) -> WorkDir:
    return WorkDir(path.expanduser().absolute())


def _monitored_runs(work: WorkDir) -> list[Run]:
    """The monitored runs of a work dir; none if the history can't be read."""
    from imgvet.monitor.history import monitored_runs

    try:
        return monitored_runs(work)
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


def _baseline(options: argparse.Namespace) -> int:
    from imgvet.monitor.watch import baseline_lines, set_baseline

    work, wanted = _work_dir(options.work_dir), options.wanted
    if not work.path.is_dir():
        raise RunNotFoundError(
            f"No watched dataset in {options.work_dir}",
            f"Start with 'imgvet monitor INPUT --work-dir {options.work_dir}'",
        )
    if wanted is not None:
        if not is_baseline(wanted):
            raise InvalidParameterError(
                f"--set {wanted!r} is no baseline", "Use first, last:N or a run id"
            )
        set_baseline(work, wanted)
    print("\n".join(baseline_lines(work)))
    return 0
