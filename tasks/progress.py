"""Progress artifacts: how far a run is, for people who watch the server.

A server that does not take them never fails a run: the first refusal is logged and ends them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import PrefectException

from imgvet.progress import LOGGER_NAME, Progress

UPDATE_EVERY = 5.0
"""Seconds between two updates of one stage; an update costs about 10 ms."""

_logger = logging.getLogger(__name__)


class ArtifactHandler(logging.Handler):
    """Turns progress records into one progress artifact for each stage."""

    def __init__(self) -> None:
        super().__init__()
        self._artifacts: dict[str, UUID] = {}
        self._told: dict[str, float] = {}
        self._refused = False

    def emit(self, record: logging.LogRecord) -> None:
        """Create or move the artifact of the record's stage, if it is time to."""
        state: Progress = record.__dict__["progress"]
        moment = time.monotonic()
        due = moment - self._told.setdefault(state.stage, moment) >= UPDATE_EVERY
        if self._refused or not (due or state.done == state.total):
            return
        self._told[state.stage] = moment
        try:
            self._tell(state)
        except (PrefectException, httpx.HTTPError, RuntimeError) as error:
            self._refused = True
            _logger.warning("Progress is no longer registered: %s", error)

    def _tell(self, state: Progress) -> None:
        percent = round(100 * state.done / state.total, 1) if state.total else 100.0
        if state.stage in self._artifacts:
            update_progress_artifact(self._artifacts[state.stage], percent)
            return
        key = f"imgvet-progress-{state.stage.replace('_', '-')}"
        created = create_progress_artifact(percent, key=key, description=state.stage)
        if isinstance(created, UUID):
            self._artifacts[state.stage] = created


@contextmanager
def progress_artifacts() -> Iterator[None]:
    """Register the progress of the stages that run inside."""
    logger = logging.getLogger(LOGGER_NAME)
    handler, level = ArtifactHandler(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
