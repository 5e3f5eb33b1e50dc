"""Put listing and measures together: the tables items, invalid, contents and stats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from imgvet.images.formats import BY_ENDING
from imgvet.metrics import ADVANCED_METRICS, BASIC_METRICS, Metric
from imgvet.options import MediaOptions, StatsOptions
from imgvet.reasons import Reason
from imgvet.store.packs import DIGEST, Packs
from imgvet.store.store import Store
from imgvet.store.thumbnails import PLACE_COLUMNS
from imgvet.tables import CONTENTS, INVALID, ITEMS, STATS, empty, to_frame


@dataclass(frozen=True)
class Collected:
    """The items with what is known of each content.

    Attributes:
        items: the table items.
        invalid: the table invalid.
        contents: the table contents, and where each one's thumbnail lies
            (:data:`imgvet.store.thumbnails.PLACE_COLUMNS`).
    """

    items: pd.DataFrame
    invalid: pd.DataFrame
    contents: pd.DataFrame


def collect_items(rows: pd.DataFrame, store: Store, options: MediaOptions) -> Collected:
    """Decide the status of every item and number the distinct valid contents.

    Args:
        rows: what :func:`with_reads` gave, or the crops made of it.
        store: holds the measures of every content read.
        options: which pictures are too small.

    Raises:
        StaleReferenceError: the store lacks the measures of some content.
    """
    known = _contents_of(store)
    readable = rows.loc[rows["status"] == Reason.OK.value, DIGEST]
    store.measures.require(readable, frozenset(known[DIGEST]))
    rows = rows.merge(known, on=DIGEST, how="left", suffixes=("", "_content"))
    rows["status"], rows["detail"] = _status(rows, options)
    contents = _distinct(rows[rows["status"] == Reason.OK.value])
    embedding_row = pd.Series(contents.index, index=contents[DIGEST], dtype="Int64")
    valid_digest = rows[DIGEST].where(rows["status"] == Reason.OK.value)
    rows["embedding_row"] = valid_digest.map(embedding_row).astype("Int64")
    invalid = rows[rows["status"] != Reason.OK.value].rename(columns={"status": "reason"})
    return Collected(rows[ITEMS.column_names], invalid[INVALID.column_names], contents)


def with_reads(listing: pa.Table, reads: Sequence[pa.Table]) -> pd.DataFrame:
    """The listing with the digests and failures of the files read in this run.

    Args:
        listing: what was listed (:data:`imgvet.sources.listing.LISTING_SCHEMA`).
        reads: what reading each shard gave (:data:`imgvet.measures.compute_stats.READ_SCHEMA`).
    """
    rows = to_frame(listing)
    if not reads:
        return rows
    read = pa.concat_tables(reads).to_pandas().set_index("id")
    rows = rows.set_index("id", drop=False)
    rows.loc[read.index, DIGEST] = read[DIGEST]
    failed = read.index[read["status"] != Reason.OK.value]
    rows.loc[failed, ["status", "detail"]] = read.loc[failed, ["status", "detail"]]
    return rows.reset_index(drop=True)


def _contents_of(store: Store) -> pd.DataFrame:
    """Status, size and thumbnail of every content in the store, one row each."""
    columns = [
        DIGEST,
        "status",
        "detail",
        "format",
        "width",
        "height",
        "thumbnail_offset",
        "thumbnail_size",
    ]
    packed = store.measures.read(columns)
    if packed is None:
        return pd.DataFrame(columns=[*columns, "pack"])
    return packed.to_pandas().drop_duplicates(DIGEST)


def _status(rows: pd.DataFrame, options: MediaOptions) -> tuple[pd.Series, pd.Series]:
    """Status and detail of each row: of the file, else of its content, else of its size."""
    status, detail = rows["status"].copy(), rows["detail"].copy()
    readable = status == Reason.OK.value
    status[readable] = rows.loc[readable, "status_content"]
    detail[readable] = _joined(
        detail[readable], rows.loc[readable, "detail_content"], _misnamed(rows[readable])
    )
    small = (status == Reason.OK.value) & (
        (rows["width"] < options.min_input_image_width)
        | (rows["height"] < options.min_input_image_height)
    )
    status[small] = Reason.TOO_SMALL.value
    sizes = rows.loc[small, ["width", "height"]].astype("Int64").astype(str)
    detail[small] = sizes["width"] + "x" + sizes["height"] + " pixels"
    return status, detail


def _misnamed(rows: pd.DataFrame) -> pd.Series:
    """A note for each item whose name promises another format than its content has."""
    ending = rows["filename"].str.extract(r"(\.[A-Za-z0-9]+)\Z", expand=False).str.lower()
    promised = ending.map(BY_ENDING)
    wrong = promised.notna() & rows["format"].notna() & (promised != rows["format"])
    note = "named as " + promised.astype(str) + ", but the content is " + rows["format"].astype(str)
    return note.where(wrong, "")


def _joined(*notes: pd.Series) -> pd.Series:
    """Several notes on each item as one."""
    joined = notes[0]
    for more in notes[1:]:
        both = (joined != "") & (more != "")
        joined = joined + np.where(both, "; ", "") + more
    return joined


def _distinct(valid: pd.DataFrame) -> pd.DataFrame:
    """One row per distinct content, in order of its first item."""
    copies = valid[DIGEST].map(valid[DIGEST].value_counts())
    first = valid.assign(copies=copies).drop_duplicates(DIGEST)
    columns = list(dict.fromkeys([*CONTENTS.column_names, *PLACE_COLUMNS]))
    sizes = {"thumbnail_offset": np.int64, "thumbnail_size": np.int64}
    return first[columns].astype(sizes).reset_index(drop=True)


def collect_stats(items: pd.DataFrame, store: Store, options: StatsOptions) -> pd.DataFrame:
    """The table stats: the metrics of every valid item, in order of the items.

    Raises:
        StaleReferenceError: the store lacks the measures of some content.
    """
    if not options.run_stats:
        return empty(STATS)
    valid = items.loc[items["status"] == Reason.OK.value, ["id", DIGEST]]
    stats = _with_metrics(valid, store.measures, BASIC_METRICS)
    if options.run_advanced_stats:
        stats = _with_metrics(stats, store.advanced, ADVANCED_METRICS)
    return stats.reindex(columns=STATS.column_names)


def _with_metrics(rows: pd.DataFrame, packs: Packs, metrics: Sequence[Metric]) -> pd.DataFrame:
    columns = [DIGEST, *(metric.name for metric in metrics)]
    packed = packs.read(columns)
    known = (
        pd.DataFrame(columns=columns)
        if packed is None
        else packed.select(columns).to_pandas().drop_duplicates(DIGEST)
    )
    packs.require(rows[DIGEST], frozenset(known[DIGEST]))
    return rows.merge(known, on=DIGEST, how="left")
