"""Run the flow from a person's process: server, settings and errors taken care of."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TypeVar

from imgvet.crops.listing import may_be_cut
from imgvet.engine.server import (
    QUIET,
    TemporaryServer,
    configured_url,
    environment,
    require_reachable,
)
from imgvet.engine.warm_up import files_to_measure, measure_ahead
from imgvet.errors import EngineError, ImgvetError
from imgvet.options import RunOptions
from imgvet.quality.expectations import load as load_great_expectations
from imgvet.sources.inputs import require_inputs
from imgvet.summary import RunSummary
from imgvet.workdir import WorkDir, exclusive, prepare

EVENTS_TIMEOUT = 10.0
"""Seconds that a temporary server is kept for events that were not sent yet."""


Result = TypeVar("Result")


def run_flow(options: RunOptions) -> RunSummary:
    """Vet a dataset as a Prefect flow, and return what was found.

    Raises:
        ImgvetError: a bad request, before anything is computed.
    """
    require_inputs(options.input_dir)

    def analyze() -> RunSummary:
        from imgvet.flows.analyze_dataset import analyze_dataset

        return analyze_dataset(options)

    return run_in_engine(options, analyze)


def run_in_engine(
    options: RunOptions, run: Callable[[], Result], *, look_first: bool = True
) -> Result:
    """Call what runs a flow on the dataset while there is a server: the configured one or our own.

    Args:
        options: the parameters of the run.
        run: imports the flow and calls it.
        look_first: whether an input that can't be listed is refused before the flow runs; if not,
            the flow refuses it, which then knows of a run that failed.

    Raises:
        EngineError: the server can't be started or reached, or failed.
        ImgvetError: a bad request.
    """
    # Whether results of crops may be replaced is decided by the flow, which knows if there are any.
    overwrite = options.overwrite or may_be_cut(options)
    work = prepare(options.work_dir, options.input_dir, overwrite=overwrite)
    settings = {**QUIET, "PREFECT_LOGGING_LEVEL": "INFO" if options.verbose else "CRITICAL"}
    with ExitStack() as stack:
        stack.enter_context(exclusive(work))
        stack.enter_context(environment(settings))
        url = configured_url()
        if url is None:
            server = stack.enter_context(_temporary_server(work))
            with nullcontext() if look_first else suppress(ImgvetError):
                _work_meanwhile(server, work, options)
            server.wait()
            url = server.url
        else:
            require_reachable(url)
            if look_first:
                files_to_measure(work, options)
        return _run(run, url)


@contextmanager
def _temporary_server(work: WorkDir) -> Iterator[TemporaryServer]:
    server = TemporaryServer(work.engine_home)
    server.start()
    try:
        yield server
    finally:
        _deliver_events()
        server.stop()


def _deliver_events() -> None:
    """Let Prefect send what it still holds while there is a server to take it.

    Otherwise a later run of this process would go on trying to send it to a server that is gone.
    """
    worker = sys.modules.get("prefect.events.worker")
    if worker is not None:
        worker.EventsWorker.drain_all(timeout=EVENTS_TIMEOUT, at_exit=False)


def _work_meanwhile(server: TemporaryServer, work: WorkDir, options: RunOptions) -> None:
    """What the flow would do or need later, while the server starts on another core.

    If there are new files the checks will run, so what they import is imported as well.
    """
    files = files_to_measure(work, options)
    with environment({"PREFECT_HOME": str(server.home)}):
        importlib.import_module("prefect")
    importlib.import_module("imgvet.flows.analyze_dataset")
    if files:
        load_great_expectations()
        measure_ahead(work, options, files, server.is_ready)


def _run(run: Callable[[], Result], url: str) -> Result:
    from httpx import HTTPError
    from prefect.exceptions import PrefectException
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: url}):
        try:
            return run()
        except ImgvetError:
            raise
        except (PrefectException, HTTPError) as error:
            raise EngineError(
                f"The Prefect server {url} failed: {error or type(error).__name__}",
                "Check that it runs, or unset PREFECT_API_URL to use a temporary one",
            ) from error
