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
    cut = _with_cuts(pictures[asked].drop(columns="number"), store)
    is_crop = cut["number"] >= 0
    nothing = ~is_crop & (cut["status_cut"] == Reason.OK.value)
    parts = [pictures[~readable], _broken(cut[~is_crop & ~nothing]), _as_items(cut[is_crop])]
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
    """Each picture once for each of its crops, or once with number -1."""
    keys = [
        cut_key(digest, cut) for digest, cut in zip(pictures[DIGEST], pictures["cut"], strict=True)
    ]
    packed = store.cuts.read()
    cuts = packed.to_pandas() if packed is not None else pd.DataFrame(columns=CUTS_SCHEMA.names)
    cuts = cuts.rename(columns={DIGEST: "key"}).drop(columns="pack", errors="ignore")
    store.cuts.require(keys, frozenset(cuts["key"]))
    cuts = cuts.drop_duplicates(["key", "number"])
    return pictures.assign(key=keys).merge(cuts, on="key", suffixes=("", "_cut"))


def _broken(cut: pd.DataFrame) -> pd.DataFrame:
    """The rows of pictures that can't be decoded."""
    return cut.assign(status=cut["status_cut"], detail=cut["detail_cut"])


def _as_items(cut: pd.DataFrame) -> pd.DataFrame:
    """The rows of crops, as items."""
    boxes = [_box(numbers) for numbers in cut[_NUMBERS].itertuples(index=False)]
    places = cut[["path", "member", "time_ms"]].astype(object)
    places = places.where(places.notna(), None)
    return cut.assign(
        picture=cut["filename"],
        filename=[
            item_name(path, member, time_ms, box)
            for (path, member, time_ms), box in zip(places.to_numpy(), boxes, strict=True)
        ],
        box=pd.Series(boxes, cut.index, dtype=object),
        status=cut["status_cut"],
        detail=cut["detail_cut"],
        file_size=None,
        label=_labels(cut),
        **{DIGEST: cut["crop"]},
    )


_NUMBERS = [*BOX_COLUMNS, *CORNER_COLUMNS]


def _box(numbers: tuple[float, ...]) -> tuple[float, ...]:
    """The corners of a rotated box, the numbers of an upright one."""
    box, corners = numbers[: len(BOX_COLUMNS)], numbers[len(BOX_COLUMNS) :]
    return box if np.isnan(corners).all() else corners


def _labels(cut: pd.DataFrame) -> pd.Series:
    """The label of each crop: of its own box, else of the detection, else of its picture."""
    own = [
        json.loads(labels)[number] if isinstance(labels, str) else None
        for labels, number in zip(cut["cut_labels"], cut["number"], strict=True)
    ]
    label = pd.Series(own, cut.index, dtype=object)
    return label.fillna(cut["found_label"]).fillna(cut["label"])


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    """The table crops."""
    known = rows.drop(columns="filename").rename(columns={"id": "crop_id", "picture": "filename"})
    return known.reindex(columns=CROPS.column_names)
