"""Progress of a stage, told through :mod:`logging`: whoever shows it listens.

Records go to the logger ``imgvet.progress`` at INFO and carry a :class:`Progress` as
``record.progress``. Nothing happens unless somebody listens.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

LOGGER_NAME = "imgvet.progress"
_logger = logging.getLogger(LOGGER_NAME)
_REPORT_EVERY = 20

Item = TypeVar("Item")


class Progress(NamedTuple):
    """How far a stage is: items done, of how many; of 0 if nobody knows yet."""

    stage: str
    done: int
    total: int


def report_progress(stage: str, done: int, total: int) -> None:
    """Tell listeners how far a stage is."""
    state = Progress(stage, done, total)
    _logger.info("%s %d/%d", stage, done, total, extra={"progress": state})


def tracked(items: Iterable[Item], stage: str, done: int, total: int) -> Iterator[Item]:
    """Pass the items of a stage through and report progress as they go by.

    ``done`` items came before the first of these, of ``total`` in the whole stage.
    """
    every = min(_REPORT_EVERY, total // _REPORT_EVERY + 1)
    for count, item in enumerate(items, done + 1):
        yield item
        if count % every == 0 or count == total:
            report_progress(stage, count, total)


class _Listener(logging.Handler):
    def __init__(self, tell: Callable[[Progress], None], every: float) -> None:
        super().__init__()
        self._tell = tell
        self._every = every
        self._told: dict[str, float] = {}
        self._last: Progress | None = None

    def emit(self, record: logging.LogRecord) -> None:
        state: Progress = record.__dict__["progress"]
        moment = time.monotonic()
        due = moment - self._told.setdefault(state.stage, moment) >= self._every
        if state != self._last and (due or state.done == state.total):
            self._told[state.stage], self._last = moment, state
            self._tell(state)


@contextmanager
def listening(tell: Callable[[Progress], None], every: float = 0.0) -> Iterator[None]:
    """Call ``tell`` with the progress of what runs inside, from the thread that computes.

    ``every`` is seconds between two calls for one stage, but for its end, which is always told.
    """
    with heard(_logger, _Listener(tell, every)):
        yield


@contextmanager
def heard(logger: logging.Logger, *handlers: logging.Handler) -> Iterator[None]:
    """Let handlers alone hear a logger, from INFO on."""
    before = logger.level, logger.propagate
    for handler in handlers:
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
