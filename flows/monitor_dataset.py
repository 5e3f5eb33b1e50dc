"""The flow monitor_dataset: analyse, compare with earlier runs, add to the history, alert."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from imgvet.errors import ImgvetError
from imgvet.flows.analyze_dataset import analyze
from imgvet.flows.ending import end
from imgvet.flows.server_run import DeployedOptions, run_name, told_to_server
from imgvet.flows.stages import now
from imgvet.monitor.history import Run, monitored_runs
from imgvet.monitor.notify import Monitored, check_addresses
from imgvet.monitor.options import MonitorOptions, WatchOptions, all_addresses
from imgvet.options import RunOptions
from imgvet.quality.result import read_results
from imgvet.tasks.context import RunContext
from imgvet.tasks.monitoring import alert, alert_failure, show_trend
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
    with ExitStack() as held:
        held.enter_context(told_to_server())
        with _telling_failure(options):
            work = require_allowed(options.work_dir, options.input_dir, overwrite=True)
            held.enter_context(exclusive(work))
            # What is asked of the server in here is only for people to see: a server that is gone
            # must not hold up every artifact for a minute. The state at the end is sent with
            # Prefect's own patience.
            held.enter_context(temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1}))
            options = options.model_copy(update={"work_dir": work.path})
            context = RunContext(work_dir=work.path, threads=options.num_threads)
            summary = analyze(options.part(RunOptions), options.part(WatchOptions))
            part = CROPS_PART if summary.sources is not None else ""
            context = context.model_copy(update={"part": part})
            run = monitored_runs(work)[-1]
        show_trend(context, options)
        monitored = alert(context, run, options)
        failed = options.fails(read_results(context.work.checks_json), run.alarms)
        return end(summary.verdict, monitored, run.alarms, failed=failed)


@contextmanager
def _telling_failure(options: MonitorOptions) -> Iterator[None]:
    """Tell if what happens inside fails."""
    started = now()
    try:
        yield
    except Exception as error:
        kind = "" if isinstance(error, ImgvetError) else f"{type(error).__name__}: "
        run = Run(
            run_id=str(flow_run.id),
            started=started.isoformat(timespec="seconds"),
            dataset=options.dataset,
            parameters=options.part(RunOptions).model_dump_json(),
            notice=f"{kind}{error}",
        )
        alert_failure(run, options)
        raise
