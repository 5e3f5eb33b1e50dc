"""What a report is made from: the records and tables of one finished run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.format import listed
from imgvet.quality.result import CheckResult, read_results
from imgvet.store.store import Store
from imgvet.store.thumbnails import Thumbnails
from imgvet.summary import PastRun, RunRecord, RunSummary, read_record, read_summary
from imgvet.tables import (
    BY_NAME,
    OPTIONAL_TABLES,
    RESULT_TABLES,
    STATS,
    Table,
    conform,
    empty,
    read_table,
    to_frame,
)
from imgvet.workdir import WorkDir

_logger = logging.getLogger(__name__)

ThumbnailReader = Callable[[str], bytes | None]
"""Content digest -> JPEG bytes of the thumbnail, None if there is none. May be called from several
threads at once."""


@dataclass(frozen=True)
class ReportInputs:
    """Everything the report shows; nothing in it is decided by the report.

    Attributes:
        summary: counts, verdict, thresholds.
        record: parameters, versions, timings.
        checks: results in order of the catalogue of checks.
        tables: name -> frame with the columns of :mod:`imgvet.tables`.
        thumbnail: reads the thumbnail (short side up to 256, JPEG) of a content digest.
        embeddings: float32 (n, width), row i belongs to items with ``embedding_row`` i; None if
            there are none, and then there is no map.
        history: earlier runs, oldest first, without this one.
    """

    summary: RunSummary
    record: RunRecord
    checks: tuple[CheckResult, ...]
    tables: Mapping[str, pd.DataFrame]
    thumbnail: ThumbnailReader
    embeddings: NDArray[np.float32] | None = None
    history: tuple[PastRun, ...] = ()

    def table(self, name: str) -> pd.DataFrame:
        """A table of the run; without rows if the run did not make it."""
        return self.tables[name] if name in self.tables else empty(BY_NAME[name])


def inputs_of(work: WorkDir, history: Sequence[PastRun] = ()) -> ReportInputs:
    """What the work dir of a finished run holds.

    Tables of an earlier version that lack a column are read as if it were empty, which is said.

    Args:
        work: the work dir.
        history: earlier runs, oldest first.
    """
    tables = {
        table.name: _read(work, table)
        for table in (*RESULT_TABLES, *OPTIONAL_TABLES)
        if work.table(table.name).is_file()
    }
    return ReportInputs(
        summary=read_summary(work),
        record=read_record(work),
        checks=read_results(work.checks_json),
        tables=tables,
        thumbnail=Thumbnails(Store(work).measures).read,
        embeddings=np.load(work.embeddings, mmap_mode="r", allow_pickle=False)
        if work.embeddings.is_file()
        else None,
        history=tuple(history),
    )


def _read(work: WorkDir, table: Table) -> pd.DataFrame:
    stored = read_table(work.table(table.name))
    missing = sorted(set(table.column_names) - set(stored.columns))
    if missing and table is not STATS:
        _logger.warning(
            "%s is of an earlier version and lacks %s: run again for a whole report",
            work.table(table.name),
            listed(missing),
        )
    return to_frame(conform(stored, table))
