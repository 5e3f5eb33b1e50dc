"""The history of a work dir: ``history.parquet``, one row a run, oldest first.

It is the one record of what runs found, what alarms were on after them, and who was told of what.
``schema_version`` is raised with every change of the columns.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from imgvet.errors import HistoryDamagedError, HistoryError, HistoryOutdatedError
from imgvet.format import listed
from imgvet.metrics import ADVANCED_VERSION, MEASURE_VERSION
from imgvet.monitor.options import name_of
from imgvet.monitor.rates import RATES
from imgvet.options import (
    AnnotationOptions,
    CropOptions,
    FlagOptions,
    MediaOptions,
    ModelOptions,
    SimilarityOptions,
    VideoOptions,
    make_options,
)
from imgvet.quality.result import Severity
from imgvet.summary import Counts, Frozen, PastRun, RunRecord, RunSummary, Verdict
from imgvet.tables import write_table
from imgvet.workdir import WorkDir, write_atomically

SCHEMA_VERSION = 2

COMPARED_PARAMETERS: tuple[str, ...] = (
    *VideoOptions.model_fields,
    *MediaOptions.model_fields,
    *CropOptions.model_fields,
    *FlagOptions.model_fields,
    *SimilarityOptions.model_fields,
    *(name for name in AnnotationOptions.model_fields if name != "annotations"),
    *(name for name in ModelOptions.model_fields if name not in {"d", "embeddings"}),
    "distance",
    "nearest_neighbors_k",
    "min_file_size",
)
"""Parameters that change what a rate means; where they differ, runs are not compared."""

_logger = logging.getLogger(__name__)


class Event(Frozen):
    """One thing that a person wants to know of a run: an alarm, or an all-clear.

    Attributes:
        name: what happened, such as ``imgvet.outlier-rate.jumped``; one of a name in each run.
        alarms: keys of the alarms that it raises or ends.
        severity: how bad it is; info for an all-clear.
        all_clear: whether it ends alarms.
        title: one line for a person.
        body: a few short lines for a person.
        before: the rate before, None if it is not about a rate.
        after: the rate now.
        examples: names of images that show it, worst first.
    """

    name: str
    alarms: tuple[str, ...]
    severity: Severity
    all_clear: bool
    title: str
    body: str
    before: float | None = None
    after: float | None = None
    examples: tuple[str, ...] = ()


class Delivery(Frozen):
    """That a receiver got an event, or has to be told of it again.

    Attributes:
        event: name of the event.
        to: digest of the receiver's address, which holds secrets.
        arrived: False if the receiver did not answer.
    """

    event: str
    to: str
    arrived: bool


class Run(Frozen):
    """One run: a row of the history. What follows ``monitored`` is known of monitored runs only.

    Attributes:
        run_id: its id.
        started: when it started, ISO 8601, UTC.
        status: finished or failed; of a failed run nothing was counted.
        part: folder of its results in the work dir.
        version: version of imgvet.
        dataset: what it analysed, for a person.
        model: name of the embedding model.
        parameters: all parameters, as JSON.
        settings: parameters, model and versions that have to be equal for runs to be compared.
        verdict: how its checks ended.
        results: digest of its summary, by which a run that found the same is recognised.
        counts: counts of the summary by name, and ``reference_outliers`` of monitored runs; without
            what was not measured.
        monitored: whether it was compared with others.
        baseline: run that it was compared with, None if with none.
        notice: what a person should know, such as why nothing was compared, or why it failed.
        in_order: whether its new images were added to what is known as usual.
        alarms: alarms that are on after it.
        new_counts: those of the counts that rates are made of, among its new images.
        quantiles: metric -> its 5 %, 50 % and 95 % quantiles.
        drift: metric, or ``embeddings`` -> score of the drift of new images.
        events: what is to be said of it.
        told: whether its events were handed over to all receivers.
        deliveries: to whom, and whether they arrived.
    """

    run_id: str
    started: str
    status: Literal["finished", "failed"] = "finished"
    part: str = ""
    version: str = ""
    dataset: str = ""
    model: str = ""
    parameters: str = "{}"
    settings: Mapping[str, str] = {}
    verdict: Verdict | None = None
    results: str = ""
    counts: Mapping[str, int] = {}
    monitored: bool = False
    baseline: str | None = None
    notice: str = ""
    in_order: bool = False
    alarms: tuple[str, ...] = ()
    new_counts: Mapping[str, int] = {}
    quantiles: Mapping[str, tuple[float, ...]] = {}
    drift: Mapping[str, float] = {}
    events: tuple[Event, ...] = ()
    told: bool = False
    deliveries: tuple[Delivery, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What tells its row from others: a run that failed may be tried again under its id."""
        return self.run_id, self.status

    @property
    def images(self) -> int:
        """All its images."""
        return self.counts.get("images", 0)

    @property
    def new_images(self) -> int:
        """Its new images."""
        return self.new_counts.get("images", 0)


_TEXT, _INT, _REAL, _BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_TEXTS, _COUNTS = pa.list_(_TEXT), pa.map_(_TEXT, _INT)
_EVENT = pa.struct(
    {"name": _TEXT, "alarms": _TEXTS, "severity": _TEXT, "all_clear": _BOOL, "title": _TEXT,
     "body": _TEXT, "before": _REAL, "after": _REAL, "examples": _TEXTS}
)  # fmt: skip
_DELIVERY = pa.struct({"event": _TEXT, "to": _TEXT, "arrived": _BOOL})

SCHEMA = pa.schema(
    {
        "schema_version": _INT, "run_id": _TEXT, "started": _TEXT, "status": _TEXT, "part": _TEXT,
        "version": _TEXT, "dataset": _TEXT, "model": _TEXT, "parameters": _TEXT,
        "settings": pa.map_(_TEXT, _TEXT), "verdict": _TEXT, "results": _TEXT,
        "images": _INT, "new_images": _INT, **{rate.name: _REAL for rate in RATES},
        "counts": _COUNTS, "monitored": _BOOL, "baseline": _TEXT, "notice": _TEXT,
        "in_order": _BOOL, "alarms": _TEXTS, "new_counts": _COUNTS,
        "quantiles": pa.map_(_TEXT, pa.list_(_REAL)), "drift": pa.map_(_TEXT, _REAL),
        "events": pa.list_(_EVENT), "told": _BOOL, "deliveries": pa.list_(_DELIVERY),
    }
)  # fmt: skip
"""The fields of :class:`Run`; and images and rates as columns of their own, to be plotted."""


def run_of(record: RunRecord, part: str = "") -> Run:
    """What the record of a finished run says of it."""
    options = make_options(record.parameters)
    values = options.model_dump(mode="json")
    settings = {name: json.dumps(values[name]) for name in COMPARED_PARAMETERS if name in values}
    return Run(
        run_id=record.run_id,
        started=record.started,
        part=part,
        version=record.versions.get("imgvet", ""),
        dataset=name_of(options.input_dir),
        model=str(record.model.get("name", "")),
        parameters=json.dumps(record.parameters, sort_keys=True),
        settings={
            **settings,
            "model": str(record.model.get("sha256", "")),
            "measures": f"{MEASURE_VERSION}.{ADVANCED_VERSION}",
        },
    )


def history_path(work: WorkDir) -> Path:
    """The file of the history."""
    return work.path / "history.parquet"


def read_history(work: WorkDir) -> tuple[Run, ...]:
    """The runs of a work dir, none if there is no history.

    Raises:
        HistoryDamagedError: the file is damaged.
        HistoryOutdatedError: it was written by an earlier version.
        HistoryError: it was written by a later version.
    """
    path = history_path(work)
    if not path.exists():
        return ()
    try:
        data = pq.read_table(path)
        versions = set(data.column("schema_version").to_pylist())
        if versions <= {SCHEMA_VERSION}:
            rows = data.select(list(Run.model_fields)).to_pylist(maps_as_pydicts="strict")
            return tuple(Run.model_validate(row) for row in rows)
    except (OSError, pa.ArrowException, KeyError, ValidationError) as error:
        raise HistoryDamagedError(
            f"The history {path} is damaged ({str(error).splitlines()[0]})",
            "Put a copy of it back, or move it away and the next run begins a new one",
        ) from None
    if any(version is None or version > SCHEMA_VERSION for version in versions):
        raise HistoryError(
            f"The history {path} was written by a later version of imgvet", "Update imgvet"
        )
    raise HistoryOutdatedError(
        f"The history {path} was written by an earlier version of imgvet",
        "Run again: the next run begins a new one and keeps this file beside it",
    )


def open_history(work: WorkDir) -> tuple[tuple[Run, ...], str]:
    """The runs of a work dir; a history that can't be read is renamed, and a new one begun.

    Returns:
        the runs, and one sentence on what was renamed, empty if nothing was.

    Raises:
        HistoryError: the history was written by a later version.
    """
    reason, aside = "", []
    try:
        runs = read_history(work)
    except (HistoryDamagedError, HistoryOutdatedError) as error:
        why = "damaged" if isinstance(error, HistoryDamagedError) else "old"
        runs, reason, aside = (), error.problem, [_set_aside(history_path(work), why)]
    earlier = (work.home / "runs.json", work.path / "alerts.json")
    aside += [_set_aside(path, "old") for path in earlier if path.exists()]
    if not aside:
        return runs, ""
    reason = reason or f"There are files of an earlier version of imgvet in {work.path}"
    return runs, f"{reason}; {'it is' if len(aside) == 1 else 'they are'} kept as {listed(aside)}."


def save_run(work: WorkDir, run: Run) -> None:
    """Add a run to the history, or replace its row. The caller holds the work dir.

    Raises:
        HistoryError: the file can't be read; it is left as it is.
    """
    rows = list(read_history(work))
    keys = [row.key for row in rows]
    place = keys.index(run.key) if run.key in keys else len(rows)
    rows[place : place + 1] = [run]
    data = pa.Table.from_pylist([_columns(row) for row in rows], schema=SCHEMA)
    write_atomically(history_path(work), lambda temporary: write_table(data, temporary))


def add_run(work: WorkDir, record: RunRecord, summary: RunSummary, results: str) -> None:
    """Add a finished run to the history; one that can't be read is set aside, and that is logged.

    Args:
        work: the work dir with its results; the caller holds it.
        record: what is known of the run.
        summary: what it found.
        results: digest of the summary.
    """
    try:
        history, notice = open_history(work)
    except HistoryError as error:
        _logger.warning("The run is not added to the history: %s", error)
        return
    if notice:
        _logger.warning("%s", notice)
    if find_run(history, record.run_id) is not None:
        return
    counts = summary.counts.model_dump(exclude_none=True)
    found = {"verdict": summary.verdict, "results": results, "counts": counts, "notice": notice}
    save_run(work, run_of(record, work.part).model_copy(update=found))


def find_run(history: Sequence[Run], run_id: str) -> Run | None:
    """The row of a finished run, None if it has none."""
    return next((run for run in history if run.key == (run_id, "finished")), None)


def past_runs(work: WorkDir, results: str) -> tuple[PastRun, ...]:
    """The earlier runs that found something else, oldest first; of equal ones in a row, the first.

    So repeating a run without a change leaves its report the same. There are none if the history
    can't be read, which :func:`add_run` says.

    Args:
        work: the work dir; runs into another part of it do not count.
        results: digest of the summary of the present run.
    """
    try:
        history = read_history(work)
    except HistoryError as error:
        _logger.info("Earlier runs are left out of the report: %s", error)
        return ()
    runs = [run for run in history if run.part == work.part and run.verdict is not None]
    changed = [next(same) for _, same in groupby(runs, key=lambda run: run.results)]
    if changed and changed[-1].results == results:
        changed.pop()
    return tuple(_past_run(run) for run in changed)


def _past_run(run: Run) -> PastRun:
    assert run.verdict is not None  # noqa: S101
    counts = Counts(**{name: run.counts.get(name) for name in Counts.model_fields})
    return PastRun(
        run_id=run.run_id,
        started=run.started,
        verdict=run.verdict,
        counts=counts,
        results=run.results,
    )


def _columns(run: Run) -> dict[str, Any]:
    shares = {rate.name: rate.proportion(run.counts) for rate in RATES}
    return {
        **run.model_dump(mode="json"),
        "schema_version": SCHEMA_VERSION,
        "images": run.counts.get("images"),
        "new_images": run.new_counts.get("images"),
        **{name: None if share is None else share.rate for name, share in shares.items()},
    }


def _set_aside(path: Path, why: str) -> str:
    """Rename a file, such as to ``history.damaged-1.parquet``; its new name."""
    number = 1
    while (target := path.with_name(f"{path.stem}.{why}-{number}{path.suffix}")).exists():
        number += 1
    return path.rename(target).name
