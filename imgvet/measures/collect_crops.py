"""From listed pictures to their crops: the rows that become items, and the table crops."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from imgvet.crops.cutter import cut_key
from imgvet.crops.listing import NO_BOXES
from imgvet.reasons import Reason
from imgvet.sources.entry import item_name
from imgvet.store.packs import DIGEST
from imgvet.store.store import CUTS_SCHEMA, Store
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS, CROPS


@dataclass(frozen=True)
class Cropped:
    """Pictures as their crops.

    Attributes:
        rows: one row per crop, and per picture that can't be read, with the listing's columns.
        crops: the table crops.
        sources: how many pictures there were.
        without: how many of them can be read and gave no crop.
        keys: what their cuts are kept under in the store.
    """

    rows: pd.DataFrame
    crops: pd.DataFrame
    sources: int
    without: int
    keys: list[str]


def crops_of(pictures: pd.DataFrame, store: Store) -> Cropped:
    """Replace each picture by its crops, in order of the pictures and of their regions.

    Args:
        pictures: the listing with what reading gave; ``cut`` says what is cut out of each picture,
            ``cut_labels`` (JSON) which labels its own boxes have.
        store: holds what was cut out of each.

    Raises:
        StaleReferenceError: the store lacks what was cut out of some.
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
    return Cropped(
        rows=rows[columns],
        crops=_table(rows[rows["number"] >= 0]),
        sources=len(pictures),
        without=int((readable & ~asked).sum() + nothing.sum()),
        keys=cut["key"].unique().tolist(),
    )


def _with_cuts(pictures: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Each picture once for each of its crops, or once with number -1; with their status."""
    keys = [
        cut_key(digest, cut) for digest, cut in zip(pictures[DIGEST], pictures["cut"], strict=True)
    ]
    packed = store.cuts.read()
    cuts = packed.to_pandas() if packed is not None else pd.DataFrame(columns=CUTS_SCHEMA.names)
    cuts = cuts.rename(columns={DIGEST: "key"}).drop(columns="pack", errors="ignore")
    store.cuts.require(keys, frozenset(cuts["key"]))
    labels = pictures["cut_labels"].map(json.loads, na_action="ignore")
    known = pictures.assign(key=keys, cut_labels=labels)
    return known.merge(cuts.drop_duplicates(["key", "number"]), on="key")


def _as_items(cut: pd.DataFrame) -> pd.DataFrame:
    """The rows of crops, as items."""
    corners = cut[list(CORNER_COLUMNS)].to_numpy(float)
    is_upright = np.isnan(corners).all(axis=1)
    boxes = cut[list(BOX_COLUMNS)].to_numpy(float).tolist()
    boxes = [
        box if upright else rotated
        for box, rotated, upright in zip(boxes, corners.tolist(), is_upright, strict=True)
    ]
    places = cut[["path", "member", "time_ms"]].astype(object)
    places = places.where(places.notna(), None)
    return cut.assign(
        picture=cut["filename"],
        filename=[
            item_name(path, member, time_ms, box)
            for (path, member, time_ms), box in zip(places.to_numpy(), boxes, strict=True)
        ],
        box=pd.Series(boxes, cut.index, dtype=object),
        file_size=None,
        label=_labels(cut),
        **{DIGEST: cut["crop"]},
    )


def _labels(cut: pd.DataFrame) -> pd.Series:
    """The label of each crop: of its own box, else of the detection, else of its picture."""
    own = [
        labels[number] if isinstance(labels, list) else None
        for labels, number in zip(cut["cut_labels"], cut["number"], strict=True)
    ]
    label = pd.Series(own, cut.index, dtype=object)
    return label.fillna(cut["found_label"]).fillna(cut["label"])


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table crops."""
    known = rows.drop(columns="filename").rename(columns={"id": "crop_id", "picture": "filename"})
    return known.reindex(columns=CROPS.column_names)
