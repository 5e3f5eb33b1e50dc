"""What a run says in its own words, on the server and in the terminal of what serves it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run

from imgvet.tasks.context import RUN_LOGGER


class _Onward(logging.Handler):
    """Hands records to what is set up for all loggers; if quiet, only warnings of modules."""

    def emit(self, record: logging.LogRecord) -> None:
        told = logging.getLogger("prefect.flow_runs").isEnabledFor(logging.INFO)
        if told or (record.levelno >= logging.WARNING and record.name != RUN_LOGGER):
            logging.getLogger().handle(record)


@contextmanager
def told_to_server() -> Iterator[None]:
    """Add what imgvet logs to the logs of the flow run, whichever thread it comes from.

    A terminal in which Prefect tells of runs gets them as well.
    """
    logger, run_id = logging.getLogger("imgvet"), str(flow_run.id)
    handlers = [APILogHandler(), _Onward()]

    def belongs(record: logging.LogRecord) -> bool:
        record.flow_run_id = run_id
        return not hasattr(record, "progress")

    before = logger.level, logger.propagate
    for handler in handlers:
        handler.addFilter(belongs)
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.setLevel(before[0])
        logger.propagate = before[1]
        for handler in handlers:
            logger.removeHandler(handler)
