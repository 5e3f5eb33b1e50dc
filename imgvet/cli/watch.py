"""The commands ``imgvet monitor | baseline | serve | deployments init | automations apply``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import cast
from uuid import uuid4

from imgvet.cli.arguments import run_parameters
from imgvet.engine.progress import shown_progress
from imgvet.engine.run import completed_anyway, run_in_engine
from imgvet.engine.server import TemporaryServer, configured_url, failures_of
from imgvet.errors import (
    EXIT_CHECKS_FAILED,
    ConfigFileError,
    EngineError,
    HistoryError,
    ImgvetError,
    InputEmptyError,
    InputNotFoundError,
    InputUnreadableError,
    InvalidParameterError,
    ListFileError,
    RunNotFoundError,
    failing_as,
    failures_of_machine,
)
from imgvet.flows.request import check_request
from imgvet.format import table_text
from imgvet.monitor.alarms import ends_with_baseline
from imgvet.monitor.failure import TOLD, failed_run, tell_failure, usable
from imgvet.monitor.history import Run, find_run, monitored_runs
from imgvet.monitor.messages import links_of
from imgvet.monitor.notify import SERVER, Monitored, Sender, check_addresses, deliver
from imgvet.monitor.options import (
    MonitorOptions,
    addresses_aside,
    all_addresses,
    is_baseline,
    make_monitor_options,
)
from imgvet.monitor.watch import baseline_lines, set_baseline
from imgvet.opening import edited, exclusive, require_allowed
from imgvet.quality.result import read_results
from imgvet.summary import read_summary, summary_lines
from imgvet.tasks.blocks import place_at, senders, with_addresses
from imgvet.workdir import WorkDir, write_text

_GONE = (InputNotFoundError, InputEmptyError, InputUnreadableError, ListFileError)


def monitor(options: argparse.Namespace) -> int:
    """Run and compare; the exit code says whether the checks allow what was found.

    A run that can't begin is told of: whatever calls this may show its output to nobody.
    """
    unknown = {"input_dir": "unknown"} if options.deliver else {}
    try:
        given = make_monitor_options(unknown | run_parameters(options, MonitorOptions))
        check_addresses(all_addresses(given.notify))
        with failures_of_machine(), with_addresses(given) as placed:
            return _deliver(placed) if options.deliver else _monitor(placed, options.server)
    except ImgvetError as error:
        if not options.deliver and TOLD not in getattr(error, "__notes__", ()):
            _tell_failure(options, error)
        raise


def _tell_failure(options: argparse.Namespace, error: ImgvetError) -> None:
    values = vars(options)
    with suppress(ImgvetError):
        values |= run_parameters(options, MonitorOptions)
    given = usable({name: value for name, value in values.items() if value not in (None, [])})
    with suppress(ImgvetError):
        given = given.model_copy(update={"work_dir": place_at(given.work_dir)})
    if receivers := _receivers(given):
        for problem in tell_failure(failed_run(str(uuid4()), given, str(error)), given, receivers):
            print(f"imgvet: {problem}", file=sys.stderr)


def _receivers(options: MonitorOptions) -> dict[str, Sender]:
    """Who is told by what is no flow: the addresses, and the server if one is set up."""
    receivers = senders(options)
    with suppress(EngineError):
        if configured_url() is not None:
            from imgvet.tasks.monitoring import emit

            receivers[SERVER] = emit
    return receivers


def _deliver(parameters: MonitorOptions) -> int:
    """Send what earlier runs could not deliver; 3 if some of it still waits."""
    work = require_allowed(parameters.work_dir)
    if not monitored_runs(work):
        raise RunNotFoundError(
            f"No watched dataset in {work.path}", "Give its work dir with --work-dir"
        )
    if not (receivers := _receivers(parameters)):
        raise InvalidParameterError(
            "There is nobody to be told", "Name an address with --notify or in IMGVET_NOTIFY"
        )
    with exclusive(work):
        links = links_of(work, parameters.report_url)
        arrived, problems = deliver(work, receivers, links, parameters)
    print(f"Messages sent: {arrived}")
    for problem in problems:
        print(f"imgvet: {problem}", file=sys.stderr)
    return EXIT_CHECKS_FAILED if problems else 0


def _monitor(parameters: MonitorOptions, launched: TemporaryServer | None) -> int:
    with shown_progress():
        monitored = _run_monitor(parameters, launched)
    work = require_allowed(parameters.work_dir, part=monitored.run.part)
    lines = summary_lines(read_summary(work), str(work.report_index))
    baseline = find_run(_monitored_runs(work), monitored.run.baseline or "")
    accept = links_of(work, None).accept
    print("\n".join([*lines, *_lines(monitored, baseline, accept)]))
    for problem in monitored.problems:
        print(f"imgvet: {problem}", file=sys.stderr)
    checks, alarms = read_results(work.checks_json), monitored.run.alarms
    failed = parameters.fails(checks, alarms, monitored.problems)
    return EXIT_CHECKS_FAILED if failed else 0


def _run_monitor(options: MonitorOptions, launched: TemporaryServer | None) -> Monitored:
    """Run the flow; a line says so if the server goes away before the run is closed there."""
    work, request = require_allowed(options.work_dir), None
    before = _monitored_runs(work)
    # Of a dataset that is watched already, an input that is gone is worth an alarm: the flow's.
    with suppress(*_GONE) if before else nullcontext():
        request = check_request(options)

    started = datetime.now(UTC)
    try:
        with addresses_aside(options) as told:
            found = run_in_engine("monitor_dataset", told, request, launched=launched)
            return cast("Monitored", found)
    except EngineError as error:
        return Monitored(run=completed_anyway(error, started, options.work_dir))


def _monitored_runs(work: WorkDir) -> list[Run]:
    """The monitored runs of a work dir; none if the history can't be read."""
    try:
        return monitored_runs(work)
    except HistoryError:
        return []


def _lines(monitored: Monitored, baseline: Run | None, accept: str) -> list[str]:
    """What monitoring gave, for a terminal: compared with what, what is new, who was told."""
    run = monitored.run
    compared = f"run {baseline.run_id} of {baseline.minute} UTC" if baseline else "nothing"
    lines = ["", f"Compared with {compared}. {run.notice}".rstrip()]
    for event in run.events:
        lines.append(f"{'All-clear' if event.all_clear else 'ALARM'}  {event.title}")
        lines += [f"    {line}" for line in event.body.splitlines()]
    lines.append(f"Alarms on: {', '.join(run.alarms) or 'none'}")
    if any(map(ends_with_baseline, run.alarms)):
        lines.append(f"If it is meant to be so: {accept} {run.run_id}")
    if monitored.arrived:
        lines.append(f"Messages sent: {monitored.arrived}")
    return lines


def baseline(options: argparse.Namespace) -> None:
    """Show or choose the baseline of a watched dataset."""
    work, wanted = require_allowed(options.work_dir), options.wanted
    if not work.store.is_dir():
        raise RunNotFoundError(
            f"No watched dataset in {options.work_dir}",
            f"Start with 'imgvet monitor INPUT --work-dir {options.work_dir}'",
        )
    if wanted is not None:
        if not is_baseline(wanted):
            raise InvalidParameterError(
                f"--set {wanted!r} is no baseline", "Use first, last:N or a run id"
            )
        with edited(work):
            set_baseline(work, wanted)
    print("\n".join(baseline_lines(work)))


def serve(options: argparse.Namespace) -> None:
    """Register datasets on the server and monitor them until stopped."""
    with _server("imgvet serve") as url:
        from imgvet.deployments.datasets import deploy_datasets, serve_datasets, served, served_in

        values = run_parameters(options, MonitorOptions, many=True)
        schedule = {"cron": options.cron, "timezone": options.timezone}
        values |= {name: value for name, value in schedule.items() if value is not None}
        if "datasets" in values and "input_dir" in values:
            raise InvalidParameterError(
                "INPUT and a config file with datasets exclude each other", "Leave out one of them"
            )
        many = "datasets" in values
        datasets = served_in(values, str(options.config)) if many else (served(values),)
        if options.image is not None and options.pool is None:
            raise InvalidParameterError("--image is of no use here", "Give --pool too")
        where = f"for workers of the pool {options.pool}" if options.pool else "here"
        ending = "" if options.pool else ", until stopped with Ctrl-C"
        print(f"Monitoring on {url}, {where}{ending}:")
        rows = [("", one.name, one.schedule, one.parameters["work_dir"]) for one in datasets]
        print(table_text(rows, "<<<<"), flush=True)
        if options.pool is None:
            serve_datasets(datasets)
        else:
            deploy_datasets(datasets, options.pool, options.image)


def init(options: argparse.Namespace) -> None:
    """Write the examples of what ``imgvet serve`` and ``prefect deploy`` read; replaces nothing."""
    names, package = ("datasets.toml", "prefect.yaml"), files("imgvet.deployments")
    examples = {options.folder / name: package / name for name in names}
    for path in filter(Path.exists, examples):
        raise ConfigFileError(f"{path} exists already", "Move it away, or name another folder")
    for path, example in examples.items():
        with failing_as(ConfigFileError, f"{path} can't be written", "Name another folder"):
            write_text(path, example.read_text(encoding="utf-8"))
        print(f"Written: {path}")


def apply(options: argparse.Namespace) -> None:
    """Create or update the automations of the server."""
    with _server("imgvet automations apply"):
        from imgvet.deployments.automations import apply_automations

        addresses = all_addresses(tuple(options.notify))
        for name, done in apply_automations(addresses, options.silent_hours).items():
            print(f"{name:<20}  {done}")


@contextmanager
def _server(command: str) -> Iterator[str]:
    """The address of the server; EngineError if there is none, or it fails."""
    url = configured_url()
    if url is None:
        raise EngineError(
            f"'{command}' needs a Prefect server",
            "Start one with 'prefect server start' and set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api",
        )
    remedy = "Check that it runs and that PREFECT_API_URL ends in /api"
    with failures_of(f"The Prefect server {url}", remedy):
        yield url
