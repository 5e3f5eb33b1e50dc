"""The history of a work dir: ``history.parquet``, one row a run, oldest first.

It is the one record of what runs found, what alarms were on after them, and who was told of what.
A run that Prefect tries again keeps its id, so it has one row: that of its last attempt.
``schema_version`` is raised with every change of the columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from imgvet.errors import HistoryError, HistoryUnusableError, failing_as
from imgvet.monitor.alarms import DRIFT
from imgvet.monitor.rates import RATES
from imgvet.quality.result import Severity
from imgvet.summary import Exact, Verdict
from imgvet.tables import write_table
from imgvet.workdir import WorkDir, write_atomically

SCHEMA_VERSION = 4

UNSEEN = "unseen"
"""Count of the images that the run before did not have."""

_IN_WORDS = {
    "model": "the model changed",
    "measures": "imgvet measures differently since an update",
}


class Event(Exact):
    """One thing that a person wants to know of a run: an alarm, or an all-clear (of severity info).

    There is one of a name, such as ``imgvet.novelty-rate.jumped``, in each run; it raises or ends
    ``alarms``. Rates before and after are None if it is not about a rate.
    """

    name: str
    alarms: tuple[str, ...]
    severity: Severity
    all_clear: bool
    title: str
    about: str = ""
    body: str
    before: float | None = None
    after: float | None = None
    examples: tuple[str, ...] = ()
    """Names of images that show it, worst first."""


Population = Literal["whole", "new"]  # all images of a run, or those that are new in it


class Compared(Exact):
    """How one rate, or the drift of one metric, compares with what was usual."""

    key: str
    """Name of the rate, or ``drift:`` and a metric or ``embeddings``; alarms are called so."""
    population: Population
    before: float | None
    """The rate that was usual; None of drift."""
    after: float
    limit: float | None
    """From where on it raises an alarm, if chance does not explain it; None if nothing would."""
    p_value: float


class Delivery(Exact):
    """That a receiver got an event, or (not arrived) has to be told of it again.

    ``to`` is a digest of its address, which holds secrets.
    """

    event: str
    to: str
    arrived: bool


class Run(Exact):
    """One run: a row of the history. What follows ``monitored`` is known of monitored runs only."""

    run_id: str
    started: str
    """ISO 8601, UTC."""
    status: Literal["finished", "failed"] = "finished"
    part: str = ""
    """Folder of its results in the work dir."""
    version: str = ""
    dataset: str = ""
    model: str = ""
    parameters: str = "{}"
    settings: Mapping[str, str] = {}
    """What has to be equal for runs to be compared: parameters, model, versions of measures."""
    verdict: Verdict | None = None
    results: str = ""
    """Digest of its summary, by which a run that found the same is recognised."""
    counts: Mapping[str, int] = {}
    """What was measured of the summary's counts, and ``novel`` of monitored runs."""
    monitored: bool = False
    baseline: str | None = None
    notice: str = ""
    """What a person should know, such as why nothing was compared, or why it failed."""
    in_order: bool = False
    """Whether its new images count as usual."""
    alarms: tuple[str, ...] = ()
    """Those that are on after it; a run that is not monitored changes none."""
    groups: Mapping[str, int] = {}
    """Images of each label, format and folder, such as ``label:cat``; of many the greatest."""
    new_counts: Mapping[str, int] = {}
    """Those of the counts that rates are made of, among its new images; and :data:`UNSEEN`."""
    compared: tuple[Compared, ...] = ()
    events: tuple[Event, ...] = ()
    told: bool = False
    """Whether its events were handed over to all receivers."""
    deliveries: tuple[Delivery, ...] = ()

    @property
    def images(self) -> int:
        """How many images it had."""
        return self.counts.get("images", 0)

    @property
    def new_images(self) -> int:
        """How many of them were new."""
        return self.new_counts.get("images", 0)

    @property
    def unseen_images(self) -> int:
        """How many of them the run before did not have: new ones stay new until they are usual."""
        return self.new_counts.get(UNSEEN, self.new_images)

    @property
    def drift(self) -> dict[str, float]:
        """Metric, or ``embeddings`` -> score of the drift of new images, 0 to 1."""
        drifts = (found for found in self.compared if found.key.startswith(DRIFT))
        return {found.key.removeprefix(DRIFT): found.after for found in drifts}

    @property
    def waiting(self) -> tuple[Event, ...]:
        """Events that somebody has to be told of."""
        late = {entry.event for entry in self.deliveries if not entry.arrived}
        return tuple(event for event in self.events if event.name in late or not self.told)

    @property
    def minute(self) -> str:
        """When it started, as a person writes it, without seconds."""
        return self.started[:16].replace("T", " ")

    def changes(self, later: Mapping[str, str]) -> dict[str, str]:
        """What parts it from a run of later settings: their names -> how they changed, in words.

        A setting that only one of them knows came with another version and does not part them.
        """
        return {
            name: _IN_WORDS.get(name, f"{name} was {value} and is {later[name]}")
            for name, value in self.settings.items()
            if later.get(name, value) != value
        }


def _type_of(kind: Any) -> pa.DataType:
    """The type of a column, or of what is in one, that holds a field of a row."""
    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    origin, parts = get_origin(kind), get_args(kind)
    if kind in plain:
        return plain[kind]
    if origin is tuple:
        return pa.list_(_type_of(parts[0]))
    if origin is Mapping:
        return pa.map_(*map(_type_of, parts))
    if origin in (UnionType, Union):  # with None
        return _type_of(parts[0])
    if origin is Literal or issubclass(kind, str):
        return pa.string()
    fields = kind.model_fields.items()
    return pa.struct({name: _type_of(field.annotation) for name, field in fields})


SCHEMA = pa.schema(
    {
        "schema_version": pa.int64(),
        **{name: _type_of(field.annotation) for name, field in Run.model_fields.items()},
        "images": pa.int64(),
        "new_images": pa.int64(),
        **{rate.name: pa.float64() for rate in RATES},
        "drift": pa.map_(pa.string(), pa.float64()),
    }
)
"""The fields of :class:`Run`; and images, rates and drift as columns, to be plotted."""


def history_path(work: WorkDir) -> Path:
    """The file of the history."""
    return work.path / "history.parquet"


def read_history(work: WorkDir) -> tuple[Run, ...]:
    """The runs of a work dir, none if there is no history.

    HistoryError if the file is of a later version or can't be read now, HistoryUnusableError if it
    is damaged or of an earlier one.
    """
    path = history_path(work)
    with failing_as(HistoryError, f"The history {path} can't be read", "Check its permissions"):
        if not path.exists():
            return ()
        status = path.stat()
        return _rows_of(path, (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=4)
def _rows_of(path: Path, _state: tuple[int, ...]) -> tuple[Run, ...]:
    """The rows of a file in a state: 2,000 take 0.9 s, and a run asks for them ten times."""
    try:
        data = pq.read_table(path)
        versions = set(data.column("schema_version").to_pylist())
        if versions <= {SCHEMA_VERSION, SCHEMA_VERSION - 1}:  # the last had a column more
            rows = data.select(list(Run.model_fields)).to_pylist(maps_as_pydicts="strict")
            return tuple(Run.model_validate(row) for row in rows)
    except (OSError, pa.ArrowException, KeyError, ValidationError) as error:
        if getattr(error, "errno", None):  # which says nothing about its content
            raise
        raise HistoryUnusableError(
            f"The history {path} is damaged ({str(error).splitlines()[0]})",
            "Put a copy of it back, or move it away and the next run begins a new one",
        ) from None
    if any(version is None or version > SCHEMA_VERSION for version in versions):
        raise HistoryError(
            f"The history {path} was written by a later version of imgvet", "Update imgvet"
        )
    raise HistoryUnusableError(
        f"The history {path} was written by an earlier version of imgvet",
        "Run again: the next run begins a new one and keeps this file beside it",
    )


def monitored_runs(work: WorkDir) -> list[Run]:
    """The monitored runs of a work dir; raises as :func:`read_history`."""
    return [run for run in read_history(work) if run.monitored]


def find_run(history: Sequence[Run], run_id: str) -> Run | None:
    """The row of a finished run, None if it has none."""
    rows = (run for run in history if run.status == "finished")
    return next((run for run in rows if run.run_id == run_id), None)


def open_history(work: WorkDir) -> tuple[tuple[Run, ...], str]:
    """The runs of a work dir, and one sentence on what was renamed, empty if nothing was.

    One that is damaged or of an earlier version is renamed, and a new one begun; HistoryError of
    others that can't be read.
    """
    try:
        return read_history(work), ""
    except HistoryUnusableError as error:
        path = history_path(work)
        names = (path.with_stem(f"{path.stem}.aside-{number}") for number in itertools.count(1))
        aside = path.rename(next(name for name in names if not name.exists()))
        return (), f"{error.problem}; it is kept as {aside.name}."


def save_run(work: WorkDir, run: Run, *, last: bool = False) -> Run:
    """Add a run to the history, or replace its row, which ``last`` puts at the end.

    A history that can't be read raises and stays. The caller holds the work dir.
    """
    rows = {row.run_id: row for row in read_history(work)}
    if last:
        rows.pop(run.run_id, None)
    write_history(work, (rows | {run.run_id: run}).values())
    return run


def write_history(work: WorkDir, runs: Iterable[Run]) -> None:
    """Replace the history. The caller holds the work dir."""
    columns = [
        {
            **row.model_dump(mode="json"),
            "schema_version": SCHEMA_VERSION,
            "images": row.counts.get("images"),
            "new_images": row.new_counts.get("images"),
            "drift": row.drift,
            **{rate.name: (of := rate.proportion(row.counts)) and of.rate for rate in RATES},
        }
        for row in runs
    ]
    data = pa.Table.from_pylist(columns, schema=SCHEMA)
    write_atomically(history_path(work), lambda temporary: write_table(data, temporary))


def as_latest(history: Sequence[Run], run: Run) -> Run:
    """A run with the alarms that are on before it, and events of an earlier attempt that wait."""
    known = [row for row in history if row.monitored or row.run_id == run.run_id]
    earlier = next((row for row in history if row.run_id == run.run_id), run)
    waiting = earlier.waiting
    update = {
        "alarms": known[-1].alarms if known else (),
        "events": waiting,
        "deliveries": earlier.deliveries if waiting else (),
    }
    return run.model_copy(update=update)
