"""Run the flow from a person's process: server, settings and errors taken care of."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, cast

from imgvet.engine.server import (
    PATIENCE,
    QUIET,
    TEMPORARY,
    TemporaryServer,
    configured_url,
    failures_of,
    past_proxies,
)
from imgvet.engine.values import keep_files
from imgvet.engine.warm_up import files_to_measure, measure_ahead
from imgvet.environment import environment
from imgvet.errors import EngineError, HistoryError, MachineError, failures_of_machine
from imgvet.flows.request import Request, as_checked, check_request, with_options
from imgvet.flows.runners import is_elsewhere
from imgvet.opening import exclusive, require_allowed
from imgvet.options import RunOptions
from imgvet.quality.expectations import load as load_great_expectations
from imgvet.store.files import FileToRead
from imgvet.summary import RunSummary, read_summary
from imgvet.workdir import WorkDir

if TYPE_CHECKING:
    from imgvet.monitor.history import Run

FILES_OF_A_RUN = 128
"""Files and connections that a run has open at a time, at most: 96 to read a bucket."""

ADDRESSES_OF_A_RUN = 4 * 10**9
"""Bytes of address space: libraries and the stacks of threads; 3.5 to 4.3 GB on two cores."""

_REMEDY = "Check that it runs and its log, or unset PREFECT_API_URL to use a temporary one"

SPACE_OF_SERVER = 10**6
"""Bytes that its database may take at once."""

EVENTS_TIMEOUT = 10.0
"""Seconds that a temporary server is kept for events that were not sent yet."""


def run_flow(
    options: RunOptions, drafts: Path, launched: TemporaryServer | None = None
) -> RunSummary:
    """Vet a dataset as a Prefect flow; ImgvetError of a bad request, before anything is written.

    ``drafts`` is the folder with what was given from Python as tables and arrays. A server that
    goes away before the run is closed there costs a line.
    """
    request = check_request(options)
    started = datetime.now(UTC)
    try:
        found = run_in_engine("analyze_dataset", options, request, drafts, launched)
        return cast("RunSummary", found)
    except EngineError as error:
        run = completed_anyway(error, started, options.work_dir)
    return read_summary(require_allowed(options.work_dir, part=run.part))


def completed_anyway(error: EngineError, started: datetime, work_dir: Path) -> Run:
    """The run that began since then and whose results are complete; a line says what went wrong.

    The error itself is raised if there is none.
    """
    from imgvet.monitor.history import read_history

    history: tuple[Run, ...] = ()
    with suppress(HistoryError):
        history = read_history(require_allowed(work_dir))
    for run in history[-1:]:
        began = datetime.fromisoformat(run.started)  # of whole seconds
        if run.status == "finished" and began >= started.replace(microsecond=0):
            print(f"imgvet: {error.problem}. The results are complete.", file=sys.stderr)
            return run
    raise error


def run_in_engine(
    flow: str,
    options: RunOptions,
    request: Request | None,
    drafts: Path | None = None,
    launched: TemporaryServer | None = None,
) -> object:
    """Run a flow, named as its module, while there is a server: the configured one or our own.

    Returns its result, also where what was found is a failure. Without a checked request the flow
    checks; ``drafts`` as in :func:`run_flow`; a server that was ``launched`` is the one that is
    started. EngineError if the server can't be started or
    reached, or failed; MachineError if the machine lacks what it takes.
    """
    level = "INFO" if options.verbose else "CRITICAL"
    settings = {
        **QUIET,
        **PATIENCE,
        "PREFECT_LOGGING_LEVEL": level,
        "PREFECT_LOGGING_INTERNAL_LEVEL": level,
    }
    work = require_allowed(options.work_dir, options.inputs)
    _require_limits()
    with failures_of_machine(work.path), ExitStack() as stack:
        stack.enter_context(environment(settings, keep=True))
        stack.enter_context(environment(past_proxies()))
        url = configured_url()
        if url is None and is_elsewhere(options.address):
            raise EngineError(
                f"Workers at {options.address} can't reach a temporary Prefect server",
                "Start one that they can reach, and set PREFECT_API_URL to it here",
            )
        stack.enter_context(exclusive(work))
        if drafts is not None:
            options = keep_files(options, drafts, work)
        request = request and with_options(request, options)
        if url is None:
            server = stack.enter_context(_started(launched or TemporaryServer(), work))
            files = files_to_measure(work, options, request and request.inputs.listing)
            request = request and replace(request, to_measure=len(files))
            _work_meanwhile(server, work, options, files)
            server.wait()
        stack.enter_context(as_checked(request))
        stack.enter_context(_connected(url or server.url, temporary=url is None))
        return _result(flow, options)


def _require_limits() -> None:
    """MachineError if limits of the process allow less than a run needs.

    Short of files Prefect would wait forever; short of addresses libraries in C abort the process.
    """
    import resource

    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    left = allowed - len(os.listdir("/dev/fd"))  # noqa: PTH208
    if allowed != resource.RLIM_INFINITY and left < FILES_OF_A_RUN:
        raise MachineError(
            f"Only {max(left, 0)} more files may be open at a time, and a run takes up to "
            f"{FILES_OF_A_RUN}",
            "Allow more, as by 'ulimit -n 4096', and run again",
        )
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY and allowed < ADDRESSES_OF_A_RUN:
        raise MachineError(
            f"Only {allowed / 1e9:.1f} GB of addresses may be used, and a run takes "
            f"{ADDRESSES_OF_A_RUN // 10**9} GB at least, of which little is memory",
            "Limit its memory otherwise than by 'ulimit -v', and run again",
        )


def _result(name: str, options: RunOptions) -> object:
    from imgvet.flows.ending import ChecksFailedError

    flow = getattr(importlib.import_module(f"imgvet.flows.{name}"), name)
    try:
        return flow(options)
    except ChecksFailedError as error:
        return error.result


@contextmanager
def _started(server: TemporaryServer, work: WorkDir) -> Iterator[TemporaryServer]:
    server.start(work.engine_home)
    try:
        yield server
    except EngineError:  # which it can't say if it has no space for its database
        with TemporaryFile(dir=server.home) as probe:
            probe.write(bytes(SPACE_OF_SERVER))
        raise
    finally:
        deliver_events()
        server.stop()


def deliver_events() -> None:
    """Let Prefect send what it still holds while there is a server to take it.

    Otherwise a later run of this process would go on trying to send it to a server that is gone.
    """
    worker = sys.modules.get("prefect.events.worker")
    if worker is not None:
        # In a thread of its own, as where a loop runs (in notebooks) Prefect would not wait.
        drain = partial(worker.EventsWorker.drain_all, timeout=EVENTS_TIMEOUT, at_exit=False)
        thread = threading.Thread(target=drain)
        thread.start()
        thread.join()


def _work_meanwhile(
    server: TemporaryServer, work: WorkDir, options: RunOptions, files: Sequence[FileToRead]
) -> None:
    """What the flow would do or need later, while the server starts on another core.

    If there are new ``files`` the checks will run, so what they import is imported as well.
    """
    gc.disable()  # nothing that an import makes is garbage, and looking for it takes a fifth
    try:
        with environment({"PREFECT_HOME": str(server.home)}, keep=True):
            importlib.import_module("prefect")
        importlib.import_module("imgvet.flows.analyze_dataset")
        if files:
            load_great_expectations()
    finally:
        gc.freeze()
        gc.enable()
    if files:
        measure_ahead(work, options, files, server.is_ready)


@contextmanager
def _connected(url: str, *, temporary: bool) -> Iterator[None]:
    """Let flows use a server; EngineError if it fails.

    That logs could not be sent is not printed for each batch of them: a warning of the run and its
    error say so.
    """
    from prefect import settings
    from prefect.events.clients import NullEventsClient
    from prefect.events.worker import EventsWorker

    changes: dict[Any, Any] = {settings.PREFECT_API_URL: url}
    told = (f"The Prefect server {url}", _REMEDY)
    if temporary:  # nobody reads its logs, and heartbeats would hold up the end for a second
        changes[settings.PREFECT_LOGGING_TO_API_ENABLED] = False
        changes[settings.PREFECT_FLOWS_HEARTBEAT_FREQUENCY] = None
        changes[settings.PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED] = False  # it is our own,
        changes[settings.PREFECT_CLIENT_CSRF_SUPPORT_ENABLED] = False  # and gives out no tokens
        told = (TEMPORARY, "Run again")
        EventsWorker.set_client_override(NullEventsClient)
    printed, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        with settings.temporary_settings(changes), failures_of(*told):
            yield
    finally:
        EventsWorker.set_client_override(None)
        logging.raiseExceptions = printed
