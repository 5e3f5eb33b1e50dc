"""What is cut out of each picture of a listing, and what annotations say of it.

A listing keeps what is cut out of each picture as one line of JSON: the numbers of boxes in pixels,
or in shares of the picture's width and height, whose size is not known before it is decoded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from imgvet.annotations.from_paths import told_by_paths
from imgvet.annotations.match import match
from imgvet.annotations.schema import Annotations
from imgvet.crops.cutter import Cutter
from imgvet.format import counted
from imgvet.images.geometry import Region, region_of, scaled
from imgvet.options import SourceOptions
from imgvet.reasons import Reason
from imgvet.sources.listing import LISTING_SCHEMA, Entry, as_table
from imgvet.sources.yolo import boxes_of_images
from imgvet.tables import with_none

NO_BOXES = "[]"
"""What is kept of a picture of which nothing is cut out."""

_SHARES = "shares "
_as_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def boxes_text(boxes: Sequence[Sequence[float | None]], *, shares: bool = False) -> str:
    """Boxes, in pixels or in shares of the picture's width and height, as text."""
    return f"{_SHARES if shares and boxes else ''}{_as_json(boxes)}"


def regions_of_text(text: str, width: int, height: int) -> list[Region]:
    """The boxes that :func:`boxes_text` wrote, as regions in pixels of a picture of this size."""
    scale = (width, height) if text.startswith(_SHARES) else (1, 1)
    boxes = json.loads(text.removeprefix(_SHARES))
    return [scaled(region_of(numbers), *scale) for numbers in boxes]


def annotated(
    listing: pa.Table,
    sources: SourceOptions,
    annotations: Annotations | None,
    cutter: Cutter | None,
) -> pa.Table:
    """A listing with labels, splits, what is cut out, and the annotated files that are missing.

    Raises as :func:`imgvet.annotations.match.match` and
    :func:`imgvet.annotations.from_paths.told_by_paths`.
    """
    own_boxes = cutter is not None and cutter.own_boxes
    listing = _with(listing, **told_by_paths(listing, sources))
    if annotations is not None:
        listing = _matched(listing, annotations, sources, own_boxes=own_boxes)
    elif own_boxes:
        listing = _with_yolo_boxes(listing, sources)
    if cutter is not None and not own_boxes:
        listing = _with(listing, cut=[cutter.text] * listing.num_rows)
    return listing


def _matched(
    listing: pa.Table, annotations: Annotations, sources: SourceOptions, *, own_boxes: bool
) -> pa.Table:
    found = match(annotations, listing["filename"].to_pylist(), sources.inputs)
    # What the source itself tells (YOLO, sidecars) stays where the annotations say nothing.
    known = {
        name: pc.coalesce(pa.array(found.rows[name], pa.string()), listing[name])
        for name in ("label", "split")
    }
    listing = _with(listing, **known)
    if own_boxes:
        cuts = (boxes_text(own, shares=annotations.in_shares) for own in found.rows["boxes"])
        listing = _with_boxes(listing, cuts, found.rows["box_labels"])
    limits = (sources.subset, sources.num_images, sources.min_offset, sources.max_offset)
    if any(limit is not None for limit in (*limits, sources.find_regex)):
        # Files that are annotated but not listed may lie in the rest, which was not asked for.
        return listing
    return pa.concat_tables([listing, _missing(found.missing, annotations.source, len(listing))])


def _with_yolo_boxes(listing: pa.Table, sources: SourceOptions) -> pa.Table:
    """A listing with the boxes of YOLO's label files; other inputs have none."""
    paths, names = listing["path"].to_pylist(), listing["source"].to_pylist()
    found = boxes_of_images(paths, names, sources.inputs)
    cuts = (boxes_text([numbers for _, numbers in own], shares=True) for own in found)
    return _with_boxes(listing, cuts, ([label for label, _ in own] for own in found))


def _with_boxes(
    listing: pa.Table, cuts: Iterable[str], labels: Iterable[Sequence[str | None]]
) -> pa.Table:
    texts = [json.dumps(own) if own else None for own in labels]
    return _with(listing, cut=list(cuts), cut_labels=texts)


def _missing(files: pd.DataFrame, source: str, first: int) -> pa.Table:
    """Rows of the files that are annotated but not there."""
    entries = []
    for name, label, split, count in with_none(files).itertuples(index=False, name=None):
        detail = f"{counted(count, 'annotation')}, but no such file in the input"
        entry = Entry(name, source, status=Reason.MISSING, detail=detail, label=label, split=split)
        entries.append(entry)
    return _with(as_table(entries), id=range(first, first + len(files)))


def _with(listing: pa.Table, **columns: object) -> pa.Table:
    for name, values in columns.items():
        field = LISTING_SCHEMA.field(name)
        array = values if isinstance(values, pa.ChunkedArray) else pa.array(values, field.type)
        listing = listing.set_column(LISTING_SCHEMA.get_field_index(name), field, array)
    return listing
