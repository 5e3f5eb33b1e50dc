"""The flow monitor_dataset: analyse, compare with earlier runs, add to the history, alert."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from prefect import Flow, State, flow
from prefect.client.schemas.objects import FlowRun
from prefect.runtime import deployment
from prefect.runtime import flow_run as this_run

from imgvet.errors import ImgvetError
from imgvet.flows.analyze_dataset import analyze
from imgvet.flows.ending import end
from imgvet.flows.server_run import (
    REFUSED,
    DeployedOptions,
    over_deployment,
    require_lasting,
    run_name,
    told_to_server,
)
from imgvet.flows.stages import now
from imgvet.monitor.failure import TOLD, failed_run, usable
from imgvet.monitor.history import monitored_runs
from imgvet.monitor.notify import Monitored, check_addresses
from imgvet.monitor.options import MonitorOptions, WatchOptions, all_addresses
from imgvet.opening import exclusive, require_allowed, send
from imgvet.options import RunOptions
from imgvet.quality.result import read_results
from imgvet.tasks.blocks import require_blocks, with_addresses
from imgvet.tasks.context import RunContext
from imgvet.tasks.monitoring import alert, alert_failure, show_trend


def tell_refused(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001
    """Tell of a run that a server started and whose parameters are not allowed: a state hook."""
    _, refused, why = (state.message or "").partition(REFUSED)
    if not refused:
        return
    given = over_deployment(flow_run.parameters.get("options"))
    options = usable({"dataset_name": deployment.name, **given} if given else {})
    said = f"Its parameters are not allowed: {' '.join(why.split())}"
    alert_failure.fn(failed_run(str(flow_run.id), options, said), options)


@flow(
    name="monitor_dataset", flow_run_name=run_name, persist_result=False, on_failure=[tell_refused]
)
def monitor_dataset(options: DeployedOptions) -> Monitored:
    """Vet a dataset, compare it with earlier runs, and tell of what changed for the worse.

    Args:
        options: the parameters of the run.

    Returns:
        what was found, in a state whose name is the verdict: Completed, Alarms, Warnings,
        ChecksFailed or ChecksErrored; a failure if ``fail_on`` or ``fail_on_alarm`` says so.
    """
    check_addresses(addresses := all_addresses(options.notify))
    with ExitStack() as held:
        held.enter_context(told_to_server())
        with _telling_failure(options):
            require_blocks(addresses)
            options = held.enter_context(with_addresses(options))
            work = require_allowed(options.work_dir, options.inputs)
            require_lasting(work.path)
            held.enter_context(exclusive(work))
            summary, work = analyze(options.part(RunOptions), options.part(WatchOptions))
            run = monitored_runs(work)[-1]
            send(work)
        context = RunContext(work_dir=work.path, threads=options.num_threads, part=work.part)
        show_trend(context, options)
        monitored = alert(context, run, options)
        checks, lost = read_results(context.work.checks_json), monitored.problems
        failed = options.fails(checks, run.alarms, lost)
        return end(summary.verdict, monitored, run.alarms, lost, failed=failed)


@contextmanager
def _telling_failure(options: MonitorOptions) -> Iterator[None]:
    """Tell if what happens inside fails."""
    started = now()
    try:
        yield
    except Exception as error:
        kind = "" if isinstance(error, ImgvetError) else f"{type(error).__name__}: "
        alert_failure(failed_run(str(this_run.id), options, f"{kind}{error}", started), options)
        error.add_note(TOLD)
        raise
