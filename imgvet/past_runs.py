"""What earlier runs into a work dir counted: ``runs.json``, oldest first."""

from __future__ import annotations

import json
import logging

from pydantic import TypeAdapter, ValidationError

from imgvet.summary import PastRun, RunSummary
from imgvet.workdir import WorkDir, write_text

KEPT_RUNS = 1000
"""Runs that are kept; older ones are forgotten."""

_ROWS = TypeAdapter(tuple[PastRun, ...])
_logger = logging.getLogger(__name__)


def past_runs(work: WorkDir, results: str) -> tuple[PastRun, ...]:
    """The earlier runs that found something else, oldest first; of equal ones in a row, the first.

    Repeating a run without a change adds nothing, so that its report stays the same.

    Args:
        work: the work dir.
        results: digest of the summary of the present run.
    """
    rows = list(_read(work))
    while rows and rows[-1].results == results:
        rows.pop()
    return tuple(rows)


def add_run(work: WorkDir, run_id: str, started: str, summary: RunSummary, results: str) -> None:
    """Add a finished run, unless it found what the run before it had found."""
    rows = _read(work)
    if rows and rows[-1].results == results:
        return
    row = PastRun(
        run_id=run_id,
        started=started,
        verdict=summary.verdict,
        counts=summary.counts,
        results=results,
    )
    kept = [entry.model_dump(mode="json") for entry in (*rows, row)[-KEPT_RUNS:]]
    write_text(work.runs_json, json.dumps(kept, indent=1) + "\n")


def _read(work: WorkDir) -> tuple[PastRun, ...]:
    """The rows; a damaged file is begun anew, and said to be."""
    try:
        return _ROWS.validate_json(work.runs_json.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as error:
        _logger.warning("%s can't be read and is begun anew: %s", work.runs_json, error)
        return ()
