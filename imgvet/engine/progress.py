"""Show the progress of a run: a live bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from imgvet.progress import LOGGER_NAME, Progress

_PLAIN_EVERY = 5.0
"""Seconds between two plain lines of one stage."""

TITLES = {
    "compute_stats": "Reading and measuring",
    "compute_advanced_stats": "Measuring colour",
    "embed": "Embedding",
    "find_neighbors": "Finding neighbours",
    "build_report": "Building the report",
}
"""What a person reads for each stage that tells its progress."""


class BarHandler(logging.Handler):
    """Turns progress records into live bars."""

    def __init__(self, bars: Bars) -> None:
        super().__init__()
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Move the bar of the record's stage."""
        state: Progress = record.__dict__["progress"]
        title = TITLES.get(state.stage, state.stage)
        if state.stage not in self._tasks:
            self._tasks[state.stage] = self._bars.add_task(title, total=state.total)
        self._bars.update(self._tasks[state.stage], completed=state.done, total=state.total)


class LineHandler(logging.Handler):
    """Turns progress records into plain lines: one every few seconds, and one at the end."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record if it is time for the next line of its stage."""
        state: Progress = record.__dict__["progress"]
        moment = time.monotonic()
        due = moment - self._last.setdefault(state.stage, moment) >= _PLAIN_EVERY
        if due or state.done >= state.total:
            self._last[state.stage] = moment
            title = TITLES.get(state.stage, state.stage)
            print(f"{title}: {state.done:,} of {state.total:,}", file=sys.stderr, flush=True)


@contextmanager
def shown_progress() -> Iterator[None]:
    """Show the progress of what runs inside, on standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with _listening(LineHandler()):
            yield
        return
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=True) as bars, _listening(BarHandler(bars)):
        yield


@contextmanager
def _listening(handler: logging.Handler) -> Iterator[None]:
    logger = logging.getLogger(LOGGER_NAME)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
