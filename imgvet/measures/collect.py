"""Put listing and measures together: the tables items, invalid, contents, crops and stats."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from imgvet import tables
from imgvet.crops.cutter import cut_key
from imgvet.crops.listing import NO_BOXES
from imgvet.images.formats import BY_ENDING
from imgvet.metrics import ADVANCED_METRICS, ADVANCED_VERSION, BASIC_METRICS, MEASURE_VERSION
from imgvet.options import MediaOptions, StatsOptions
from imgvet.reasons import Reason
from imgvet.sources.listing import item_names
from imgvet.store.packs import DIGEST, PLACE_COLUMNS, Packs
from imgvet.store.store import CUTS_SCHEMA, Store

VERSION = 20_000 + 100 * MEASURE_VERSION + ADVANCED_VERSION
"""Of the table stats. Add 10,000 when it is put together in another way from the same measures."""


@dataclass(frozen=True)
class ItemTables:
    """The items with what is known of each content: tables of :mod:`imgvet.tables`."""

    items: pd.DataFrame
    invalid: pd.DataFrame
    contents: pd.DataFrame
    """Also tells where each thumbnail lies (:data:`imgvet.store.packs.PLACE_COLUMNS`)."""


@dataclass(frozen=True)
class Cropped:
    """Pictures as their crops."""

    rows: pd.DataFrame
    """One per crop, and per picture that can't be read, with the listing's columns."""
    crops: pd.DataFrame
    """The table crops."""
    without: int
    """How many pictures can be read and gave no crop."""
    keys: list[str]
    """What the cuts are kept under in the store."""


def with_reads(listing: pa.Table, reads: Sequence[pa.Table]) -> pd.DataFrame:
    """The listing (:data:`imgvet.sources.listing.LISTING_SCHEMA`) with what reading files gave.

    That is a table of :data:`imgvet.measures.compute_stats.READ_SCHEMA` for each shard.
    """
    rows = tables.to_frame(listing)
    if not reads:
        return rows
    read = pa.concat_tables(reads).to_pandas().set_index("id")
    rows = rows.set_index("id", drop=False)
    rows.loc[read.index, DIGEST] = read[DIGEST]
    failed, told = read[read["status"] != Reason.OK.value], ["status", "detail"]
    rows.loc[failed.index, told] = failed[told]
    # Of copies one alone was decoded.
    of_content = failed.dropna(subset=DIGEST).drop_duplicates(DIGEST).set_index(DIGEST)[told]
    copies = rows[DIGEST].isin(of_content.index)
    rows.loc[copies, told] = of_content.loc[rows.loc[copies, DIGEST]].to_numpy()
    return rows.reset_index(drop=True)


def crops_of(pictures: pd.DataFrame, store: Store) -> Cropped:
    """Replace each picture of :func:`with_reads` by its crops, in order of pictures and regions.

    StaleReferenceError if the store lacks what was cut out of some.
    """
    columns = pictures.columns
    pictures = pictures.assign(source_id=pictures["id"], number=-1)
    readable = pictures["status"] == Reason.OK.value
    asked = readable & (pictures["cut"] != NO_BOXES)
    cut = _with_cuts(pictures[asked].drop(columns=["number", "status", "detail"]), store)
    is_crop = cut["number"] >= 0
    nothing = ~is_crop & (cut["status"] == Reason.OK.value)
    parts = [pictures[~readable], cut[~is_crop & ~nothing], _as_items(cut[is_crop])]
    rows = pd.concat([part for part in parts if len(part)] or parts[:1])
    rows = rows.sort_values(["source_id", "number"], ignore_index=True)
    rows["id"] = range(len(rows))
    crops = rows[rows["number"] >= 0].drop(columns="filename")
    crops = crops.rename(columns={"id": "crop_id", "picture": "filename"})
    return Cropped(
        rows=rows[columns],
        crops=crops.reindex(columns=tables.CROPS.column_names),
        without=int((readable & ~asked).sum() + nothing.sum()),
        keys=cut["key"].unique().tolist(),
    )


def _with_cuts(pictures: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Each picture once for each of its crops, or once with number -1; with their status."""
    keys = [
        cut_key(digest, cut) for digest, cut in zip(pictures[DIGEST], pictures["cut"], strict=True)
    ]
    cuts = rows_of(keys, store.cuts, CUTS_SCHEMA.names).rename(columns={DIGEST: "key"})
    labels = pictures["cut_labels"].map(json.loads, na_action="ignore")
    known = pictures.assign(key=keys, cut_labels=labels)
    return known.merge(cuts.drop_duplicates(["key", "number"]), on="key")


def _as_items(cut: pd.DataFrame) -> pd.DataFrame:
    """The rows of crops, as items."""
    rotated = cut[list(tables.CORNER_COLUMNS)].dropna(how="all")
    boxes = pd.Series(cut[list(tables.BOX_COLUMNS)].to_numpy(float).tolist(), cut.index, object)
    boxes.update(pd.Series(rotated.to_numpy(float).tolist(), rotated.index, object))
    return cut.assign(
        picture=cut["filename"],
        filename=item_names(cut, boxes.tolist()),
        box=boxes,
        file_size=None,
        label=_labels(cut),
        **{DIGEST: cut["crop"]},
    )


def _labels(cut: pd.DataFrame) -> pd.Series:
    """The label of each crop: of its own box, else of the detection, else of its picture.

    Where other boxes of the picture are labelled, its label is theirs.
    """
    own = [labels if isinstance(labels, list) else [] for labels in cut["cut_labels"]]
    of_boxes = [
        labels[number] if labels else None
        for labels, number in zip(own, cut["number"], strict=True)
    ]
    label = pd.Series(of_boxes, cut.index, dtype=object).fillna(cut["found_label"])
    return label.fillna(cut["label"].mask(np.array([any(labels) for labels in own], bool)))


def item_tables(rows: pd.DataFrame, store: Store, options: MediaOptions) -> ItemTables:
    """Decide the status of every item and number the distinct valid contents.

    Items are the rows of :func:`with_reads`, or of the crops made of them. StaleReferenceError if
    the store lacks the measures of some content.
    """
    readable = rows["status"] == Reason.OK.value
    columns = ["status", "detail", "format", "width", "height", *PLACE_COLUMNS]
    known = rows_of(rows.loc[readable, DIGEST], store.measures, columns).drop_duplicates(DIGEST)
    rows = rows.merge(known, on=DIGEST, how="left", suffixes=("", "_content"))
    rows["status"], rows["detail"] = _status(rows, options)
    valid = rows["status"] == Reason.OK.value
    numbers, _ = pd.factorize(rows[DIGEST].where(valid))
    rows["embedding_row"] = pd.Series(numbers, rows.index, dtype="Int64").mask(~valid)
    contents = rows[valid].drop_duplicates(DIGEST, ignore_index=True)
    contents["copies"] = np.bincount(numbers[valid])
    sizes = {"thumbnail_offset": np.int64, "thumbnail_size": np.int64}
    kept = list(dict.fromkeys([*tables.CONTENTS.column_names, *PLACE_COLUMNS]))
    invalid = rows[~valid].rename(columns={"status": "reason"})
    return ItemTables(
        rows[tables.ITEMS.column_names],
        invalid[tables.INVALID.column_names],
        contents[kept].astype(sizes),
    )


def stats_table(items: pd.DataFrame, store: Store, options: StatsOptions) -> pd.DataFrame:
    """The table stats: the metrics of every valid item, in order of the items.

    StaleReferenceError if the store lacks the measures of some content.
    """
    if not options.run_stats:
        return tables.empty(tables.STATS)
    stats = items.loc[items["status"] == Reason.OK.value, ["id", DIGEST]]
    taken = [(store.measures, BASIC_METRICS)]
    if options.run_advanced_stats:
        taken.append((store.advanced, ADVANCED_METRICS))
    for packs, metrics in taken:
        names = [DIGEST, *(metric.name for metric in metrics)]
        known = rows_of(stats[DIGEST], packs, names).drop_duplicates(DIGEST)
        stats = stats.merge(known, on=DIGEST, how="left")
    return stats.reindex(columns=tables.STATS.column_names)


def rows_of(digests: Iterable[str], packs: Packs, columns: list[str]) -> pd.DataFrame:
    """What packs hold of all contents, which must be there."""
    packed = packs.read([name for name in columns if name != "pack"])
    known = packed.select(columns).to_pandas()
    packs.require(digests, frozenset(known[DIGEST]))
    return known


def _status(rows: pd.DataFrame, options: MediaOptions) -> tuple[pd.Series, pd.Series]:
    """Status and detail of each row: of the file, else of its content, else of its size."""
    readable = rows["status"] == Reason.OK.value
    status = rows["status"].mask(readable, rows["status_content"])
    notes = rows["detail"]
    for note in (rows["detail_content"].fillna(""), _misnamed(rows)):
        notes = notes + np.where((notes != "") & (note != ""), "; ", "") + note
    detail = rows["detail"].mask(readable, notes)
    small = (status == Reason.OK.value) & (
        (rows["width"] < options.min_input_image_width)
        | (rows["height"] < options.min_input_image_height)
    )
    sizes = rows.loc[small, ["width", "height"]].astype("Int64").astype(str)
    size = sizes["width"] + "x" + sizes["height"] + " pixels"
    return status.mask(small, Reason.TOO_SMALL.value), detail.mask(small, size)


def _misnamed(rows: pd.DataFrame) -> pd.Series:
    """A note for each item whose name promises another format than its content has."""
    ending = rows["filename"].str.extract(r"(\.[A-Za-z0-9]+)\Z", expand=False).str.lower()
    promised = ending.map(BY_ENDING)
    wrong = promised.notna() & rows["format"].notna() & (promised != rows["format"])
    note = "named as " + promised.astype(str) + ", but the content is " + rows["format"].astype(str)
    return note.where(wrong, "")
