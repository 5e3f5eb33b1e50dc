"""Artifacts, for people who watch the server.

Registering one may never fail a run or hold it up: a server that does not take it is asked once,
and what goes wrong is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import SettingsContext, get_settings_context
from prefect.exceptions import PrefectException

from imgvet.format import slug
from imgvet.progress import Progress, listening

PROGRESS_EVERY = 5.0
"""Seconds between two updates of the progress of one stage; an update costs about 10 ms."""

_logger = logging.getLogger(__name__)


def key_of(dataset: str, what: str) -> str:
    """The key of an artifact of a dataset."""
    return f"imgvet-{slug(dataset)}-{what}"


def register(name: str, create: Callable[[], object]) -> bool:
    """Register what people see; if the server does not take it, log a warning and return false."""
    try:
        with asking_once():
            create()
    except (PrefectException, httpx.HTTPError, OSError, RuntimeError) as error:
        gone = isinstance(error, httpx.TransportError)
        said = "The %s could not be registered on the server: %s"
        _logger.warning(said, name, error, extra={"send_to_api": not gone})
        return False
    return True


def asking_once() -> SettingsContext:
    """Settings without retries; Prefect's own way to change one reads all anew, for 30 ms."""
    context = get_settings_context()
    client = context.settings.client.model_copy(update={"max_retries": 0})
    settings = context.settings.model_copy(update={"client": client})
    return SettingsContext(profile=context.profile, settings=settings)


@contextmanager
def progress_artifacts(dataset: str) -> Iterator[None]:
    """Register the progress of each stage on a dataset, until the server refuses it once."""
    known: dict[str, UUID] = {}
    refused = False

    def show(state: Progress) -> None:
        percent = round(100 * state.done / state.total, 1)
        if state.stage in known:
            update_progress_artifact(known[state.stage], percent)
            return
        key = key_of(dataset, f"progress-{slug(state.stage)}")
        created = create_progress_artifact(percent, key=key, description=state.stage)
        if isinstance(created, UUID):
            known[state.stage] = created

    def tell(state: Progress) -> None:
        nonlocal refused
        if state.total:
            refused = refused or not register("progress", lambda: show(state))

    with listening(tell, PROGRESS_EVERY):
        yield
