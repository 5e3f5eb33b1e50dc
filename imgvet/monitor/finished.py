"""Finished runs in the history: the row of one, and the earlier ones that it is seen beside."""

from __future__ import annotations

import itertools
import json
import logging

from imgvet.errors import HistoryError
from imgvet.metrics import ADVANCED_VERSION, MEASURE_VERSION
from imgvet.monitor.history import Run, as_latest, open_history, read_history, save_run
from imgvet.options import (
    CropOptions,
    FlagOptions,
    MediaOptions,
    RunOptions,
    SimilarityOptions,
    VideoOptions,
)
from imgvet.summary import Counts, PastRun, RunRecord, RunSummary
from imgvet.workdir import WorkDir

COMPARED_PARAMETERS: tuple[str, ...] = (
    *(name for part in (VideoOptions, MediaOptions, CropOptions, FlagOptions, SimilarityOptions)
      for name in part.model_fields),
    "data_type", "model_path", "high_accuracy", "distance", "nearest_neighbors_k", "min_file_size",
)  # fmt: skip
"""Parameters that change what a rate means; where they differ, runs are not compared."""

_logger = logging.getLogger(__name__)


def add_run(work: WorkDir, record: RunRecord, summary: RunSummary, results: str) -> None:
    """Add a finished run to the history; one that can't be read is set aside, and that is logged.

    ``results`` is the digest of the summary. The caller holds the work dir.
    """
    try:
        rows, notice = open_history(work)
    except HistoryError as error:
        _logger.warning("The run is not added to the history: %s", error)
        return
    if notice:
        _logger.warning(notice)
    run = run_of(record, summary, results, work.part).model_copy(update={"notice": notice})
    save_run(work, as_latest(rows, run), last=True)


def run_of(record: RunRecord, summary: RunSummary, results: str, part: str = "") -> Run:
    """The row of a finished run that is not monitored."""
    return Run(
        run_id=record.run_id,
        started=record.started,
        part=part,
        version=record.versions.get("imgvet", ""),
        dataset=record.options(RunOptions).dataset,
        model=str(record.model.get("name", "")),
        parameters=json.dumps(record.parameters, sort_keys=True),
        settings=settings_of(record),
        verdict=summary.verdict,
        results=results,
        counts=summary.counts.model_dump(exclude_none=True),
    )


def settings_of(record: RunRecord) -> dict[str, str]:
    """What has to be equal for runs to be compared, as JSON."""
    given, fields = record.parameters, RunOptions.model_fields
    values = {name: given.get(name, fields[name].default) for name in COMPARED_PARAMETERS}
    return {name: json.dumps(value) for name, value in values.items()} | {
        "model": str(record.model.get("sha256", "")),
        "measures": f"{MEASURE_VERSION}.{ADVANCED_VERSION}",
    }


def past_runs(
    work: WorkDir, record: RunRecord, results: str, *, every: bool = False
) -> tuple[PastRun, ...]:
    """The runs before one that found something else, oldest first; of equal ones the first.

    So repeating a run without a change (``results``, the digest of its summary) leaves its report
    the same. With ``every`` equal ones are there, too.
    """
    try:
        history = read_history(work)
    except HistoryError as error:
        _logger.info("Earlier runs are left out of the report: %s", error)
        return ()
    others = (run for run in history if run.run_id != record.run_id)
    runs = [run for run in others if run.part == work.part and run.verdict is not None]
    if not every:
        runs = [next(same) for _, same in itertools.groupby(runs, key=lambda run: run.results)]
        if runs and runs[-1].results == results:
            runs.pop()
    found, settings = [], settings_of(record)
    for run in runs:
        known = run.model_dump(include=set(PastRun.model_fields))
        known["counts"] = {name: run.counts.get(name) for name in Counts.model_fields}
        known["changed"] = run.changes(settings)
        found.append(PastRun.model_validate(known))
    return tuple(found)
