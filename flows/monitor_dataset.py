"""The flow monitor_dataset: analyse, compare with earlier runs, add to the history, alert."""

from __future__ import annotations

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict

from imgvet.errors import ImgvetError
from imgvet.flows.analyze_dataset import analyze_dataset
from imgvet.flows.record import now
from imgvet.flows.states import final_state
from imgvet.monitor.deliver import Delivery
from imgvet.monitor.facts import RunIdentity
from imgvet.monitor.message import Naming, report_address
from imgvet.monitor.monitor_options import MonitorOptions, all_addresses
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.send import check_addresses
from imgvet.options import RunOptions
from imgvet.quality.result import fails, read_results
from imgvet.summary import RunSummary
from imgvet.tasks.alerting import alert
from imgvet.tasks.context import RunContext
from imgvet.tasks.watching import Seen, show_trend, watch, watch_again, watch_failure
from imgvet.workdir import CROPS_PART, WorkDir, exclusive, require_allowed


class Monitored(BaseModel):
    """What a monitored run gave.

    Attributes:
        summary: what the analysis found.
        seen: what comparing gave.
        delivery: who could be told.
    """

    model_config = ConfigDict(frozen=True)

    summary: RunSummary
    seen: Seen
    delivery: Delivery


def _run_name() -> str:
    """Name of a run: dataset and time."""
    options = flow_run.parameters["options"]
    called = options.called if isinstance(options, MonitorOptions) else "monitor"
    return f"{called} {now():%Y-%m-%d %H:%M}"


@flow(
    name="monitor_dataset",
    flow_run_name=_run_name,
    # As for analyze_dataset, whose stages run in this flow.
    task_runner=ThreadPoolTaskRunner(max_workers=1),  # type: ignore[arg-type]
    persist_result=False,
)
def monitor_dataset(options: MonitorOptions) -> State[Monitored]:
    """Vet a dataset, compare it with earlier runs, and tell of what changed for the worse.

    Args:
        options: the parameters of the run.

    Returns:
        what was found, in a state whose name is the verdict: Completed, Alarms, Warnings,
        ChecksFailed or ChecksErrored; failed if ``fail_on`` says so.
    """
    check_addresses(all_addresses(options.notify))
    work = require_allowed(options.work_dir, options.input_dir, overwrite=True)
    options = options.model_copy(update={"work_dir": work.path})
    # What is asked of the server in here is only for people to see: a server that is gone must not
    # hold up every artifact for a minute. The state at the end is sent with Prefect's own patience.
    with exclusive(work), temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1}):
        _tell_what_was_left(work, options)
        summary = _analyzed(work, options)
        return _watched(work, options, summary)


def _analyzed(work: WorkDir, options: MonitorOptions) -> RunSummary:
    """Run analyze_dataset as part of this run; tell if it fails."""
    started = now()
    try:
        return analyze_dataset.fn(options.part(RunOptions))
    except Exception as error:
        identity = RunIdentity(
            run_id=str(flow_run.id),
            started=started.isoformat(timespec="seconds"),
            dataset=options.called,
            parameters=options.part(RunOptions).model_dump_json(),
        )
        reason = (
            str(error) if isinstance(error, ImgvetError) else f"{type(error).__name__}: {error}"
        )
        context = _context(work, options)
        _alert(context, options, watch_failure(context, identity, reason))
        raise


def _watched(work: WorkDir, options: MonitorOptions, summary: RunSummary) -> State[Monitored]:
    """Compare, show, tell, and end in the state that says what was found."""
    part = CROPS_PART if summary.sources is not None else ""
    context = _context(WorkDir(work.path, part), options)
    seen = watch(context, options.part(WatchOptions))
    show_trend(context, _naming(context, options))
    delivery = _alert(context, options, seen)
    failed = fails(read_results(context.work.checks_json), options.fail_on)
    result = Monitored(summary=summary, seen=seen, delivery=delivery)
    return final_state(result, summary, seen.alarms, failed=failed)


def _tell_what_was_left(work: WorkDir, options: MonitorOptions) -> None:
    """Tell what an earlier run found but was killed before it could tell."""
    for part in ("", CROPS_PART):
        context = _context(WorkDir(work.path, part), options)
        seen = watch_again(context, options.part(WatchOptions))
        if seen is not None:
            _alert(context, options, seen)


def _alert(context: RunContext, options: MonitorOptions, seen: Seen) -> Delivery:
    return alert(context, seen, _naming(context, options), options.notify)


def _context(work: WorkDir, options: MonitorOptions) -> RunContext:
    return RunContext(work_dir=work.path, threads=options.num_threads, part=work.part)


def _naming(context: RunContext, options: MonitorOptions) -> Naming:
    return Naming(options.called, report_address(context.work, options.report_url))
