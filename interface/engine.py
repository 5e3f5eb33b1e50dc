"""Run the flow from a person's process: server, settings and errors taken care of."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from imgvet.checks.expectations import load as load_great_expectations
from imgvet.crops.listing import may_be_cut
from imgvet.errors import EngineError, ImgvetError
from imgvet.interface.server import (
    QUIET,
    TemporaryServer,
    configured_url,
    environment,
    require_reachable,
)
from imgvet.options import RunOptions
from imgvet.prefill import files_to_measure, measure_ahead
from imgvet.sources.inputs import require_inputs
from imgvet.summary import RunSummary
from imgvet.workdir import WorkDir, exclusive, prepare

EVENTS_TIMEOUT = 10.0
"""Seconds that a temporary server is kept for events that were not sent yet."""


def run_flow(options: RunOptions) -> RunSummary:
    """Vet a dataset as a Prefect flow, and return what was found.

    Raises:
        ImgvetError: a bad request, before anything is computed.
    """
    require_inputs(options.input_dir)
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
            _work_meanwhile(server, work, options)
            server.wait()
            url = server.url
        else:
            require_reachable(url)
            files_to_measure(work, options)
        return _run(options, url)


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


def _run(options: RunOptions, url: str) -> RunSummary:
    from httpx import HTTPError
    from prefect.exceptions import PrefectException
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from imgvet.flows.analyze_dataset import analyze_dataset

    with temporary_settings({PREFECT_API_URL: url}):
        try:
            return analyze_dataset(options)
        except ImgvetError:
            raise
        except (PrefectException, HTTPError) as error:
            raise EngineError(
                f"The Prefect server {url} failed: {error or type(error).__name__}",
                "Check that it runs, or unset PREFECT_API_URL to use a temporary one",
            ) from error
