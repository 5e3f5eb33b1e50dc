"""Progress of a stage, told through :mod:`logging`: whoever shows it attaches a handler.

Records go to the logger ``imgvet.progress`` at INFO and carry a :class:`Progress` as
``record.progress``. Nothing happens unless somebody listens.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

LOGGER_NAME = "imgvet.progress"
_logger = logging.getLogger(LOGGER_NAME)
_REPORT_EVERY = 20

Item = TypeVar("Item")


@dataclass(frozen=True)
class Progress:
    """How far a stage is: items done, of how many; 0 of 0 if it has no items to count."""

    stage: str
    done: int
    total: int


def report_progress(stage: str, done: int, total: int) -> None:
    """Tell listeners how far a stage is."""
    state = Progress(stage, done, total)
    _logger.info("%s %d/%d", stage, done, total, extra={"progress": state})


def tracked(items: Iterable[Item], stage: str, done: int, total: int) -> Iterator[Item]:
    """Pass the items through and report progress as they go by.

    Args:
        items: what is passed through.
        stage: name of the stage.
        done: items done before the first of these.
        total: items to do in the whole stage.
    """
    for count, item in enumerate(items, done + 1):
        yield item
        if count % _REPORT_EVERY == 0 or count == total:
            report_progress(stage, count, total)
