"""A flow run on the server: the parameters of its deployment, its name and tags, and its logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Any
from uuid import UUID

from httpx import TransportError
from prefect.client.orchestration import get_client
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogHandler
from prefect.runtime import deployment, flow_run
from pydantic import BeforeValidator

from imgvet.errors import ImgvetError, InvalidParameterError
from imgvet.flows.stages import now
from imgvet.monitor.options import MonitorOptions, merged
from imgvet.progress import heard
from imgvet.tasks.artifacts import asking_once, register
from imgvet.tasks.context import RUN_LOGGER

REFUSED = "Flow run received invalid parameters:"
"""What Prefect says of a run whose parameters are not allowed; why follows."""


def over_deployment(given: Any) -> Any:
    """Parameters that name no input, over those of the deployment whose run this is."""
    if not isinstance(given, Mapping) or "input_dir" in given or deployment.id is None:
        return given
    with get_client(sync_client=True) as client:
        deployed = client.read_deployment(UUID(deployment.id))
    return merged(deployed.parameters.get("options", {}), given)


DeployedOptions = Annotated[MonitorOptions, BeforeValidator(over_deployment)]
"""The options of a run, or changes of its deployment's, which Prefect replaces as a whole."""


def require_lasting(work_dir: Path) -> None:
    """InvalidParameterError if a worker will delete the work dir, an absolute path, after the run.

    It makes a temporary folder for each run, in which relative names lie.
    """
    here = Path.cwd()
    is_made = here.name.endswith("prefect") and here.parent == Path(gettempdir()).resolve()
    if deployment.id is not None and is_made and work_dir.is_relative_to(here):
        raise InvalidParameterError(
            f"The work dir {work_dir} would be deleted with the folder that the worker made for "
            "this run",
            "Name work_dir as an absolute path",
        )


def run_name() -> str:
    """The name of a run: its dataset and when it starts, as servers start processes early."""
    start = max(flow_run.scheduled_start_time, now())
    return f"{flow_run.parameters['options'].dataset} {start:%Y-%m-%d %H:%M:%S}"


def tag_run(dataset: str) -> None:
    """Tag the run by its dataset, as deployments do, so that the server's pages can be filtered."""
    tags = sorted({*flow_run.tags, "imgvet", dataset})
    with get_client(sync_client=True) as client:
        register("tags", lambda: client.update_flow_run(UUID(flow_run.id), tags=tags))


class _Onward(logging.Handler):
    """Hands records to what is set up for all loggers; if quiet, only warnings of modules."""

    def emit(self, record: logging.LogRecord) -> None:
        told = logging.getLogger("prefect.flow_runs").isEnabledFor(logging.INFO)
        if told or (record.levelno >= logging.WARNING and record.name != RUN_LOGGER):
            logging.getLogger().handle(record)


def _as_it_is(record: logging.LogRecord) -> bool:
    """Cut the traceback of an error that says itself what to do; being stopped is no error."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ImgvetError):
        record.msg, record.args, record.exc_info = "%s", (str(error),), None
    elif "aborted by a termination signal" in str(record.msg):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


@contextmanager
def told_to_server() -> Iterator[None]:
    """Add what imgvet logs to the logs of the flow run, whichever thread it comes from.

    A terminal in which Prefect tells of runs gets them as well. At the end the events for a server
    that is gone are dropped: Prefect would try each for seconds before the process ends.
    """
    for name in ("prefect.engine", "prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_as_it_is)  # added once, however often
    logger, run_id = logging.getLogger("imgvet"), str(flow_run.id)
    handlers = [APILogHandler(), _Onward()]

    def belongs(record: logging.LogRecord) -> bool:
        record.flow_run_id = run_id
        return not hasattr(record, "progress")

    for handler in handlers:
        handler.addFilter(belongs)
    with heard(logger, *handlers):
        try:
            yield
        finally:
            with asking_once(), get_client(sync_client=True) as client:
                if isinstance(client.api_healthcheck(), TransportError):
                    EventsWorker.instance()._queue.queue.clear()  # noqa: SLF001
