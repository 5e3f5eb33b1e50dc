"""The flow monitor_dataset: analyse, compare with earlier runs, add to the history, alert."""

from __future__ import annotations

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from imgvet.errors import ImgvetError
from imgvet.flows.analyze_dataset import analyze
from imgvet.flows.ending import end
from imgvet.flows.logs import told_to_server
from imgvet.flows.server_run import DeployedOptions, run_name
from imgvet.flows.stages import now
from imgvet.monitor.history import Run
from imgvet.monitor.notify import Monitored, check_addresses
from imgvet.monitor.options import MonitorOptions, all_addresses
from imgvet.options import RunOptions
from imgvet.quality.result import read_results
from imgvet.summary import RunSummary
from imgvet.tasks.context import RunContext
from imgvet.tasks.monitoring import alert, show_trend, untold_run, watch, watch_failure
from imgvet.workdir import CROPS_PART, exclusive, require_allowed


@flow(name="monitor_dataset", flow_run_name=run_name, persist_result=False)
def monitor_dataset(options: DeployedOptions) -> State[Monitored]:
    """Vet a dataset, compare it with earlier runs, and tell of what changed for the worse.

    Args:
        options: the parameters of the run.

    Returns:
        what was found, in a state whose name is the verdict: Completed, Alarms, Warnings,
        ChecksFailed or ChecksErrored; a failure if ``fail_on`` or ``fail_on_alarm`` says so.
    """
    check_addresses(all_addresses(options.notify))
    work = require_allowed(options.work_dir, options.input_dir, overwrite=True)
    options = options.model_copy(update={"work_dir": work.path})
    context = RunContext(work_dir=work.path, threads=options.num_threads)
    # What is asked of the server in here is only for people to see: a server that is gone must not
    # hold up every artifact for a minute. The state at the end is sent with Prefect's own patience.
    patience = temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1})
    with exclusive(work), told_to_server(), patience:
        untold = untold_run(work)
        if untold is not None:
            alert(context, untold, options)
        return _watched(context, options, _analyzed(context, options))


def _analyzed(context: RunContext, options: MonitorOptions) -> RunSummary:
    """Run analyze_dataset as part of this run; tell if it fails."""
    started = now()
    try:
        return analyze(options.part(RunOptions))
    except Exception as error:
        kind = "" if isinstance(error, ImgvetError) else f"{type(error).__name__}: "
        run = Run(
            run_id=str(flow_run.id),
            started=started.isoformat(timespec="seconds"),
            dataset=options.dataset,
            parameters=options.part(RunOptions).model_dump_json(),
            notice=f"{kind}{error}",
        )
        alert(context, watch_failure(context, run), options)
        raise


def _watched(context: RunContext, options: MonitorOptions, summary: RunSummary) -> State[Monitored]:
    """Compare, show, tell, and end in the state that says what was found."""
    part = CROPS_PART if summary.sources is not None else ""
    context = context.model_copy(update={"part": part})
    run = watch(context, options)
    show_trend(context, options)
    monitored = alert(context, run, options)
    failed = options.fails(read_results(context.work.checks_json), run.alarms)
    return end(summary.verdict, monitored, run.alarms, failed=failed)
