"""Bring annotations, and what is to be cut out, to a listing."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from imgvet.annotations.attaching import Attached, MissingFile, attach
from imgvet.annotations.reading import read_annotations
from imgvet.annotations.schema import Annotations, wants_crops
from imgvet.crops.boxes_text import NO_REGIONS, regions_text
from imgvet.crops.cutter import Cutter, choose_cutter
from imgvet.errors import InvalidParameterError
from imgvet.images.region import Box, Region
from imgvet.options import AnnotationOptions, CropOptions, RunOptions, SourceOptions
from imgvet.reasons import Reason
from imgvet.sources.kinds import Kind, kind_of_name
from imgvet.sources.listing import LISTING_SCHEMA
from imgvet.sources.yolo import boxes_of_image, read_yolo


def cutter_of(
    sources: SourceOptions, annotations: AnnotationOptions, crops: CropOptions
) -> Cutter | None:
    """How pictures are cut, None if whole ones are analysed.

    Boxes of annotations are taken unless ``data_type`` says otherwise; those of a YOLO data set's
    label files only if it is ``bbox``.

    Raises:
        InvalidParameterError: boxes are asked for twice, or there are none.
        InputNotFoundError: there is no such file of annotations.
        InputUnreadableError: the annotations can't be read.
        MissingExtraError: the detector needs a package that is not installed.
        ModelError: the detector's model can't be had.
    """
    if annotations.annotations is not None:
        found = read_annotations(annotations.annotations)
        own_boxes = wants_crops(found, annotations.data_type)
    else:
        own_boxes = annotations.data_type == "bbox" and any(map(_is_yolo, sources.input_dir))
    cutter = choose_cutter(crops)
    if own_boxes and cutter is not None:
        raise InvalidParameterError(
            f"bounding_box = {crops.bounding_box!r}, but the annotations hold boxes as well",
            "Leave bounding_box out, or set data_type to image to ignore the annotated boxes",
        )
    if annotations.data_type == "bbox" and not own_boxes and cutter is None:
        raise InvalidParameterError(
            "data_type is bbox, but there are no boxes",
            "Give annotations with boxes, a YOLO data set, or bounding_box",
        )
    return Cutter() if own_boxes else cutter


def _is_yolo(name: str) -> bool:
    return kind_of_name(name) is Kind.YOLO


def may_be_cut(options: RunOptions) -> bool:
    """Whether pictures may be cut into crops; nothing is read to find out."""
    boxes = options.annotations is not None or options.data_type == "bbox"
    return options.bounding_box is not None or (boxes and options.data_type != "image")


def annotated(
    listing: pa.Table, sources: SourceOptions, options: AnnotationOptions, cutter: Cutter | None
) -> pa.Table:
    """A listing with labels, splits, what is cut out, and the annotated files that are missing.

    Args:
        listing: a table of :data:`imgvet.sources.listing.LISTING_SCHEMA`.
        sources: the inputs as the user wrote them, and which part of them was asked for.
        options: the annotations.
        cutter: how pictures are cut, None if whole ones are analysed.

    Raises:
        InvalidParameterError: annotations match no file, or contradict each other.
    """
    if options.annotations is not None:
        listing = _attached(listing, read_annotations(options.annotations), sources, cutter)
    elif cutter is not None and cutter.own_boxes:
        listing = _with_yolo_boxes(listing, sources)
    if cutter is not None and not cutter.own_boxes:
        listing = _with(listing, cut=[cutter.text] * listing.num_rows)
    return listing


def _attached(
    listing: pa.Table, annotations: Annotations, sources: SourceOptions, cutter: Cutter | None
) -> pa.Table:
    found = attach(annotations, listing["filename"].combine_chunks(), sources.input_dir)
    # What the source itself tells (YOLO, sidecars) stays where the annotations say nothing.
    labels = pc.coalesce(pa.array(found.labels, pa.string()), listing["label"])
    splits = pc.coalesce(pa.array(found.splits, pa.string()), listing["split"])
    listing = _with(listing, label=labels, split=splits)
    if cutter is not None and cutter.own_boxes:
        listing = _with_own_boxes(listing, found)
    # Of a part of the input, files that are annotated but not listed may lie in the rest.
    missing = () if _is_part(sources) else found.missing
    return pa.concat_tables([listing, _missing(missing, annotations, listing.num_rows)])


def _is_part(sources: SourceOptions) -> bool:
    """Whether only some of the images of the input were asked for."""
    limits = (sources.subset, sources.num_images, sources.min_offset, sources.max_offset)
    return sources.find_regex is not None or any(limit is not None for limit in limits)


def _with_own_boxes(listing: pa.Table, found: Attached) -> pa.Table:
    regions = [found.regions(row) for row in range(listing.num_rows)]
    return _with(
        listing,
        cut=[regions_text(own) if own else NO_REGIONS for own in regions],
        cut_labels=[
            json.dumps([region.label for region in own]) if own else None for own in regions
        ],
    )


def _with_yolo_boxes(listing: pa.Table, sources: SourceOptions) -> pa.Table:
    """A listing with the boxes of YOLO's label files; other inputs have none."""
    names = {
        name: read_yolo(Path(name).expanduser().absolute()).names
        for name in sources.input_dir
        if _is_yolo(name)
    }
    cuts: list[str] = []
    labels: list[str | None] = []
    for path, source in zip(
        listing["path"].to_pylist(), listing["source"].to_pylist(), strict=True
    ):
        boxes = boxes_of_image(path, names[source]) if source in names else ()
        regions = [Region(Box(box.x, box.y, box.width, box.height)) for box in boxes]
        cuts.append(regions_text(regions, shares=True))
        labels.append(json.dumps([box.label for box in boxes]) if boxes else None)
    return _with(listing, cut=cuts, cut_labels=labels)


def _missing(files: tuple[MissingFile, ...], annotations: Annotations, first: int) -> pa.Table:
    """Rows of the files that are annotated but not there."""
    rows = [
        {
            "id": first + number,
            "filename": file.filename,
            "path": file.filename,
            "source": annotations.source,
            "status": Reason.MISSING.value,
            "detail": file.detail,
            "version": "",
            "label": file.label,
            "split": file.split,
        }
        for number, file in enumerate(files)
    ]
    return pa.Table.from_pylist(rows, schema=LISTING_SCHEMA)


def _with(listing: pa.Table, **columns: object) -> pa.Table:
    for name, values in columns.items():
        field = LISTING_SCHEMA.field(name)
        array = values if isinstance(values, pa.ChunkedArray) else pa.array(values, field.type)
        listing = listing.set_column(LISTING_SCHEMA.get_field_index(name), field, array)
    return listing
