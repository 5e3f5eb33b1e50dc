"""The history of a work dir: ``history.parquet``, one row a run, oldest first.

Rows are only added. A later version may add columns: old rows are null there, and this version
keeps columns it does not know. ``schema_version`` is raised only when a column changes its
meaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from imgvet.errors import HistoryDamagedError, HistoryError
from imgvet.metrics import METRICS
from imgvet.monitor.facts import RunIdentity, Settings
from imgvet.monitor.tally import TALLY_FIELDS, Tally
from imgvet.tables import Column, Table, write_table
from imgvet.workdir import WorkDir, write_atomically

SCHEMA_VERSION = 1
QUANTILES: tuple[tuple[str, float], ...] = (("p05", 0.05), ("p50", 0.5), ("p95", 0.95))
"""Which quantiles of a metric are kept: ending of the column and share of the images."""

EMBEDDINGS = "embeddings"
"""Name under which the drift of embeddings is kept, beside those of the metrics."""

DRIFTING: tuple[str, ...] = (*(metric.name for metric in METRICS), EMBEDDINGS)

_TEXT, _INT, _REAL, _BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_TEXTS = pa.list_(pa.string())
_MEANING = {
    "images": "images",
    "valid": "images that could be analysed",
    "invalid": "images that could not be analysed",
    "duplicate": "surplus exact copies",
    "near_duplicate": "images in a near-duplicate pair",
    "dark": "dark images; null without statistics",
    "bright": "bright images; null without statistics",
    "blurry": "blurry images; null without statistics",
    "outlier": "outliers by the rule of the baseline, or of the run itself if it has none",
}

HISTORY = Table(
    "history",
    "one row per run of a watched dataset, oldest first; history.parquet in the work dir",
    (
        Column("schema_version", _INT, "version of the meaning of these columns"),
        Column("run_id", _TEXT, "the run"),
        Column("started", _TEXT, "when it started, ISO 8601, UTC"),
        Column("status", _TEXT, "finished or failed"),
        Column("version", _TEXT, "version of imgvet"),
        Column("dataset", _TEXT, "what was analysed"),
        Column("model", _TEXT, "name of the embedding model"),
        Column("parameters", _TEXT, "all parameters, as JSON"),
        Column("settings", _TEXT, "those that make runs comparable, and the model's digest, JSON"),
        Column("baseline", _TEXT, "run that it was compared with; null if with none"),
        Column("in_order", _BOOL, "whether its new images were added to what is known as usual"),
        Column("alarms", _TEXTS, "alarms that are on after this run"),
        *(
            Column(f"{prefix}{name}", _INT, f"{_MEANING[name]}{among}")
            for prefix, among in (("", ""), ("new_", ", among new images"))
            for name in TALLY_FIELDS
        ),
        *(
            Column(f"{metric.name}_{ending}", _REAL, f"quantile {share:g} of {metric.title}")
            for metric in METRICS
            for ending, share in QUANTILES
        ),
        *(Column(f"{name}_drift", _REAL, f"drift of {name}, new images") for name in DRIFTING),
    ),
)  # fmt: skip
"""The table of the history."""

RunStatus = Literal["finished", "failed"]
NOTHING = Tally(0, 0, 0, 0, 0, None, None, None, None)


@dataclass(frozen=True)
class HistoryRow:
    """One run.

    Attributes:
        identity: which run it is.
        status: finished or failed; a failed run has no counts.
        settings: what has to be equal for runs to be compared.
        baseline: run that it was compared with, None if with none.
        in_order: whether its new images were added to what is known as usual.
        alarms: alarms that are on after it.
        whole: counts of all images.
        new: counts of its new images.
        quantiles: metric -> its values at :data:`QUANTILES`.
        drift: metric (or :data:`EMBEDDINGS`) -> score of its drift.
    """

    identity: RunIdentity
    status: RunStatus = "finished"
    settings: Settings = field(default_factory=dict)
    baseline: str | None = None
    in_order: bool = False
    alarms: tuple[str, ...] = ()
    whole: Tally = NOTHING
    new: Tally = NOTHING
    quantiles: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    drift: Mapping[str, float] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.identity.run_id


@dataclass(frozen=True)
class History:
    """The runs of a work dir, oldest first."""

    rows: tuple[HistoryRow, ...] = ()

    def row(self, run_id: str) -> HistoryRow | None:
        """The row of a run, None if it has none."""
        return next((row for row in self.rows if row.run_id == run_id), None)

    def before(self, run_id: str) -> History:
        """The runs before one; all of them if it is not among them."""
        ids = [row.run_id for row in self.rows]
        return History(self.rows[: ids.index(run_id)]) if run_id in ids else self

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarms that are on."""
        return self.rows[-1].alarms if self.rows else ()


def history_path(work: WorkDir) -> Path:
    """The file of the history."""
    return work.path / "history.parquet"


def read_history(work: WorkDir) -> History:
    """The history of a work dir, empty if none was begun.

    Raises:
        HistoryDamagedError: the file is damaged.
        HistoryError: it was written by a later version.
    """
    data = _read(history_path(work))
    return History(tuple(_row(values) for values in data.to_pylist())) if data else History()


def append_row(work: WorkDir, row: HistoryRow) -> bool:
    """Add a run to the history, atomically. The caller holds the work dir (``exclusive``).

    Returns:
        False if the run is in it already: a retry adds nothing.

    Raises:
        HistoryError: the file is damaged or was written by a later version; it is left as it is.
    """
    path = history_path(work)
    data = _read(path)
    added = pa.Table.from_pylist([_values(row)], schema=HISTORY.schema)
    if data is not None:
        if row.run_id in data.column("run_id").to_pylist():
            return False
        added = pa.concat_tables([data, added], promote_options="permissive")
    write_atomically(path, lambda temporary: write_table(added, temporary))
    return True


def set_aside(work: WorkDir) -> Path:
    """Rename a history that can't be read, so that a new one can begin; nothing is lost.

    Returns:
        its new place, ``history.damaged-1.parquet`` or the next free number.
    """
    path, number = history_path(work), 1
    while (target := path.with_name(f"history.damaged-{number}.parquet")).exists():
        number += 1
    return path.rename(target)


def _read(path: Path) -> pa.Table | None:
    if not path.exists():
        return None
    try:
        data = pq.read_table(path)
        versions = data.column("schema_version").to_pylist()
        data.select(["run_id", "started", "status"])
    except (OSError, pa.ArrowException, KeyError) as error:
        raise HistoryDamagedError(
            f"The history {path} is damaged ({str(error).splitlines()[0]})",
            "Put a copy of it back, or move it away and the next run begins a new one",
        ) from None
    if any(version is None or version > SCHEMA_VERSION for version in versions):
        raise HistoryError(
            f"The history {path} was written by a later version of imgvet", "Update imgvet"
        )
    return data


def _values(row: HistoryRow) -> dict[str, Any]:
    """The row as columns of the table."""
    identity = row.identity
    tallies = {
        f"{prefix}{name}": getattr(counts, name) if row.status == "finished" else None
        for prefix, counts in (("", row.whole), ("new_", row.new))
        for name in TALLY_FIELDS
    }
    quantiles = {
        f"{metric}_{ending}": value
        for metric, values in row.quantiles.items()
        for (ending, _), value in zip(QUANTILES, values, strict=True)
    }
    return {
        "schema_version": SCHEMA_VERSION,
        **vars(identity),
        "status": row.status,
        "settings": json.dumps(dict(row.settings), sort_keys=True),
        "baseline": row.baseline,
        "in_order": row.in_order,
        "alarms": list(row.alarms),
        **tallies,
        **quantiles,
        **{f"{name}_drift": score for name, score in row.drift.items()},
    }


def _row(values: Mapping[str, Any]) -> HistoryRow:
    """The columns of the table as a row; what they lack has its default."""
    identity = RunIdentity(
        **{name: values.get(name) or "" for name in RunIdentity.__dataclass_fields__}
    )
    return HistoryRow(
        identity=identity,
        status="failed" if values["status"] == "failed" else "finished",
        settings=json.loads(values.get("settings") or "{}"),
        baseline=values.get("baseline"),
        in_order=bool(values.get("in_order")),
        alarms=tuple(values.get("alarms") or ()),
        whole=_tally(values, ""),
        new=_tally(values, "new_"),
        quantiles=_quantiles(values),
        drift={
            name: value for name in DRIFTING if (value := values.get(f"{name}_drift")) is not None
        },
    )


def _tally(values: Mapping[str, Any], prefix: str) -> Tally:
    counts = {name: values.get(f"{prefix}{name}") for name in TALLY_FIELDS}
    return Tally(
        images=counts["images"] or 0,
        valid=counts["valid"] or 0,
        invalid=counts["invalid"] or 0,
        duplicate=counts["duplicate"] or 0,
        near_duplicate=counts["near_duplicate"] or 0,
        **{name: counts[name] for name in TALLY_FIELDS[5:]},
    )


def _quantiles(values: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    names = {
        metric.name: [f"{metric.name}_{ending}" for ending, _ in QUANTILES] for metric in METRICS
    }
    return {
        metric: tuple(values[column] for column in columns)
        for metric, columns in names.items()
        if all(values.get(column) is not None for column in columns)
    }
