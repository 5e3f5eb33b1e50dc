"""What a report is made from: the records and tables of one finished run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.quality.result import CheckResult
from imgvet.summary import PastRun, RunRecord, RunSummary

__all__ = ["PastRun", "ReportInputs", "ThumbnailReader"]

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
