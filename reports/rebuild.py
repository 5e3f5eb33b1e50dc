"""Build the report of a finished run again, from what its work dir holds."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from imgvet.quality.result import read_results
from imgvet.reports.build import build_report
from imgvet.reports.inputs import PastRun, ReportInputs
from imgvet.sections import INDEX
from imgvet.store.store import Store
from imgvet.store.thumbnails import Thumbnails
from imgvet.summary import read_record, read_summary
from imgvet.tables import OPTIONAL_TABLES, RESULT_TABLES, Table, conform, read_table, to_frame
from imgvet.workdir import WorkDir, swap_folder


def report_of(work: WorkDir, history: Sequence[PastRun] = ()) -> Path:
    """Build ``report/`` again, and put it in place of the old one as a whole.

    Args:
        work: the work dir of a finished run.
        history: earlier runs, oldest first.

    Returns:
        the page to open.
    """
    inputs = inputs_of(work, history)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=work.home) as scratch:
        folder = Path(scratch) / "report"
        folder.mkdir()
        build_report(inputs, folder)
        swap_folder(folder, work.report)
    return work.report / INDEX


def inputs_of(work: WorkDir, history: Sequence[PastRun] = ()) -> ReportInputs:
    """What a report of a finished run is made from.

    Tables of an earlier version that lack a column are read as if it were empty.
    """
    found = (table for table in (*RESULT_TABLES, *OPTIONAL_TABLES) if _is_there(work, table))
    embeddings = (
        np.load(work.embeddings, mmap_mode="r", allow_pickle=False)
        if work.embeddings.is_file()
        else None
    )
    return ReportInputs(
        summary=read_summary(work),
        record=read_record(work),
        checks=read_results(work.checks_json),
        tables={table.name: _read(work, table) for table in found},
        thumbnail=Thumbnails(Store(work).measures).read,
        embeddings=embeddings,
        history=tuple(history),
    )


def _is_there(work: WorkDir, table: Table) -> bool:
    return work.table(table.name).is_file()


def _read(work: WorkDir, table: Table) -> pd.DataFrame:
    return to_frame(conform(read_table(work.table(table.name)), table))
