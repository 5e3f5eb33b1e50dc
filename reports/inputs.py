"""What a report is made from: the records, tables and images of one finished run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.curation.decisions import Decisions, Kind, read_decisions
from imgvet.format import listed, visible
from imgvet.metrics import METRICS
from imgvet.monitor.finished import runs_of
from imgvet.monitor.history import Run
from imgvet.quality.result import CheckResult, read_results
from imgvet.reasons import Reason
from imgvet.search.image_table import COPIES, ImageTable, Value
from imgvet.search.pairs import AlikePairs
from imgvet.similarity.videos import still_frames
from imgvet.store.packs import Thumbnails
from imgvet.store.references import read_vectors
from imgvet.store.store import Store
from imgvet.summary import RunRecord, RunSummary, read_record, read_summary
from imgvet.tables import BY_NAME, STATS, Table, conform, empty, read_table, to_frame, with_none
from imgvet.workdir import WorkDir

_logger = logging.getLogger(__name__)

ThumbnailReader = Callable[[str], bytes | None]
"""Content digest -> JPEG bytes of the thumbnail, None if there is none. May be called from several
threads at once."""

_IMAGE_COLUMNS = (
    "id", "filename", "digest", "file_size", "stats.width", "stats.height", "label", "split",
    "format",
)  # fmt: skip

Content = dict[str, Any]
"""What a template shows, by the names that it uses, in dictionaries, tuples and lists."""


class Image(NamedTuple):
    """An item that can be chosen on a page; it is shown with a picture if it has a digest."""

    id: int
    filename: str
    digest: str | None = None
    file_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    label: str | None = None
    split: str | None = None
    format: str | None = None


class Listing(NamedTuple):
    """A table of a page as a program reads it: ``tables/NAME.csv``."""

    name: str
    rows: pd.DataFrame


class FactColumn(NamedTuple):
    """One fact: its column of the image table, and its name for a person."""

    column: str
    title: str
    form: str = "text"
    """text, bytes, count, number or similarity."""
    unit: str = ""


COLUMNS = (
    FactColumn("filename", "File"),
    FactColumn("label", "Label"),
    FactColumn("split", "Split"),
    FactColumn("status", "Status"),
    FactColumn("file_size", "File size", "bytes"),
    FactColumn(COPIES, "Files with these bytes", "count"),
    FactColumn("components.component_id", "Component", "count"),
    FactColumn("components.count", "Images in the component", "count"),
    FactColumn("outliers.similarity", "Similarity to its nearest neighbour", "similarity"),
    FactColumn("outliers.score", "Outlier score", "number"),
    FactColumn("label_issues.suggested_label", "Label that fits best"),
    FactColumn("label_issues.score", "Label score", "number"),
    *(
        FactColumn(f"stats.{one.name}", one.title, "count" if one.integer else "number", one.unit)
        for one in METRICS
        if one.name != "file_size"
    ),
    FactColumn("digest", "Content digest"),
)
"""Every fact, in the order in which a person reads them."""


def _plain(column: pd.Series) -> list[Any]:
    """Values that JSON has: text, whole numbers, numbers of five significant digits, or null.

    A column of whole numbers only stays one; numbers over 10,000 are rounded to whole ones.
    """
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return with_none(column).tolist()
    numbers = column.to_numpy(np.float64, na_value=np.nan)
    missing = ~np.isfinite(numbers)
    numbers = np.where(missing, 0.0, numbers)
    size = np.floor(np.log10(np.maximum(np.abs(numbers), 1e-12)))
    factor = 10.0 ** np.clip(4 - size, 0, 16)
    whole = numbers == np.rint(numbers)
    rounded = np.where(whole, numbers, np.rint(numbers * factor) / factor)
    shown = rounded.astype(np.int64) if np.all(rounded == np.rint(rounded)) else rounded
    plain = shown.astype(object)
    plain[missing] = None
    return plain.tolist()


def images_of(images: ImageTable, ids: Iterable[Any]) -> tuple[Image, ...]:
    """The images with these ids, in this order."""
    values: list[Any] = images.values(_IMAGE_COLUMNS, list(ids))
    return tuple(Image(*row) for row in values)


@dataclass(frozen=True)
class ReportInputs:
    """Everything the report shows; nothing in it is decided by the report."""

    summary: RunSummary
    record: RunRecord
    checks: tuple[CheckResult, ...]
    """Results in order of the catalogue of checks."""
    tables: Mapping[str, pd.DataFrame]
    """Name -> frame with the columns of :mod:`imgvet.tables`."""
    thumbnail: ThumbnailReader
    """Reads the thumbnail (short side up to 256, JPEG) of a content digest."""
    embeddings: NDArray[np.float32] | None = None
    """(n, width), row i is of items with ``embedding_row`` i; without any there is no map."""
    decisions: Decisions = field(default_factory=Decisions)
    """What a person decided: it is not shown again as a finding."""
    runs: tuple[Run, ...] = ()
    """This run, last, and the earlier ones it is shown with, oldest first."""

    def table(self, name: str) -> pd.DataFrame:
        """A table of the run; without rows if the run did not make it."""
        return self.tables[name] if name in self.tables else empty(BY_NAME[name])

    @property
    def counts(self) -> dict[str, int]:
        """What was counted, as in the history: without what was not."""
        return self.summary.counts.model_dump(exclude_none=True)

    @property
    def watched(self) -> tuple[Run, ...]:
        """All runs, if this one was monitored; else none."""
        return self.runs if self.runs and self.runs[-1].monitored else ()

    @property
    def title(self) -> str:
        """What was vetted, short."""
        return visible(self.record.dataset) or "Dataset"

    @property
    def valid(self) -> pd.DataFrame:
        """The rows of the table items that were analysed."""
        items = self.table("items")
        return items[items["status"] == Reason.OK.value]

    @cached_property
    def image_table(self) -> ImageTable:
        """What all tables say of each image."""
        return ImageTable.of_frames(self.tables)

    @cached_property
    def pairs(self) -> AlikePairs:
        """The pairs of similar images, by kind."""
        tables = self.table("similarity"), self.table("leaks")
        return AlikePairs(*tables, self.image_table, self.summary.cc_threshold)

    @property
    def near_pairs(self) -> pd.DataFrame:
        """The near pairs that the run counted, without those that were decided before."""
        near = self.pairs.of("near")
        return near[~near["decided"].astype(bool)]

    def open_pairs(self, kind: str) -> pd.DataFrame:
        """The pairs of a kind on which nobody has decided, most alike first."""
        found = self.pairs.of(kind)
        contents = pd.MultiIndex.from_arrays(self.pairs.ends(found, "digest"))
        return found[~contents.isin([*self.decisions.pairs])]

    @property
    def open_copies(self) -> pd.DataFrame:
        """The valid images, less still frames and copies of which a person lets all stay."""
        decided = [one for one, other in self.decisions.pairs if one == other]
        return self.valid[~self.valid["digest"].isin(decided) & ~still_frames(self.valid)]

    @property
    def open_labels(self) -> pd.DataFrame:
        """The judged labels on which nobody has decided, the worst first, with the digests."""
        judged = self.table("label_issues").astype({"is_issue": bool, "conflict": bool})
        digests = judged["id"].map(self.image_table.frame(["digest"])["digest"])
        decided = digests.isin(self.decisions.of(Kind.LABEL_IS_RIGHT))
        return judged.assign(digest=digests)[~decided]

    @property
    def open_issues(self) -> pd.DataFrame:
        """Those of them that are likely wrong."""
        return self.open_labels.query("is_issue")

    @cached_property
    def fact_columns(self) -> list[FactColumn]:
        """The facts that any image has."""
        images = self.image_table
        return [
            one
            for one in COLUMNS
            if one.column == "filename" or images[one.column].null_count < len(images)
        ]

    def facts(self, ids: Iterable[int]) -> pd.DataFrame:
        """What is known of images as a frame with the index ``id``."""
        return self.image_table.frame([one.column for one in COLUMNS], list(ids))

    def fact_rows(self, ids: Iterable[int]) -> list[list[Value]]:
        """Of each image its id and the facts of :attr:`fact_columns`."""
        chosen = self.facts(ids)
        values = [chosen.index.tolist(), *(_plain(chosen[one.column]) for one in self.fact_columns)]
        return [list(row) for row in zip(*values, strict=True)]

    def images(self, ids: Iterable[Any]) -> tuple[Image, ...]:
        """The images with these ids, in this order, each with its picture."""
        return images_of(self.image_table, ids)

    def image(self, item: Any) -> Image:
        """The image with this id."""
        return self.images([item])[0]


def gallery(rows: pd.DataFrame | Sequence[Any], limit: int, entry: Callable[[Any], Any]) -> Content:
    """Entries that the reader can search and leaf through: the first ones, and how many there are.

    ``entry`` makes what the template needs of a row; it gets that of a frame as a dictionary, with
    None for what is missing.
    """
    shown: Any = rows[:limit]
    if isinstance(shown, pd.DataFrame):
        shown = with_none(shown).to_dict(orient="records")
    return {"entries": tuple(map(entry, shown)), "total": len(rows)}


def inputs_of(work: WorkDir) -> ReportInputs:
    """What the work dir of a finished run holds.

    Tables of an earlier version that lack a column are read as if it were empty, which is said.
    """
    made = (table for table in BY_NAME.values() if work.table(table.name).is_file())
    return ReportInputs(
        summary=read_summary(work),
        record=read_record(work),
        checks=read_results(work.checks_json),
        tables={table.name: _read(work, table) for table in made},
        thumbnail=Thumbnails(Store(work).measures).read,
        embeddings=read_vectors(work.embeddings) if work.embeddings.is_file() else None,
        decisions=read_decisions(work),
        runs=runs_of(work),
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
