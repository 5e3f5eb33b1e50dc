"""The pictures of an export: which they are, what lies in them, and how their bytes are had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pandas as pd

from imgvet.annotations.match import match
from imgvet.annotations.read import read_annotations
from imgvet.crops.crop import decode_item
from imgvet.errors import ImgvetError
from imgvet.exchange.selection import Selection
from imgvet.images.formats import Format
from imgvet.images.geometry import Region, corners_of, points_of, region_of, scaled
from imgvet.measures.compute_stats import crop_digest
from imgvet.options import AnnotationOptions, SourceOptions
from imgvet.reasons import Failure, Reason
from imgvet.sources.listing import Content, item_names
from imgvet.sources.reading import Reader
from imgvet.sources.s3 import is_remote
from imgvet.sources.yolo import boxes_of_images, yolo_sets
from imgvet.store.files import FileToRead, files_in
from imgvet.store.references import digest_bytes
from imgvet.store.store import Store
from imgvet.summary import RunRecord, read_record
from imgvet.tables import with_none
from imgvet.threads import READ_WORKERS, one_thread_of_opencv, read_ahead
from imgvet.workdir import WorkDir

_PLACE = ["path", "member", "time_ms"]
_CHANGED = Failure(Reason.MISSING, "the file is another one than the run saw")


@dataclass(frozen=True)
class Picture:
    """One exported picture."""

    id: int
    """Of its row in the table items; if it was cut into several, of the first."""
    file: FileToRead
    filename: str
    """As the tables name it."""
    digest: str | None
    """What its bytes (or the pixels of a crop) have to be; None if that is not known."""
    format: str | None
    width: int | None
    height: int | None
    label: str | None
    split: str | None
    boxes: tuple[Region, ...] = ()
    """What lies in it, with label and score: in pixels, or in shares of its size."""
    in_shares: bool = False
    is_uncorrected: bool = False
    """Whether its boxes are of several classes, so that they stay though its label is another."""
    name: str = ""
    """Its name in the export; empty if it stays where it is."""

    @property
    def classes(self) -> Sequence[str | None]:
        """The labels of its boxes; of one whose size is known, of those with an area in it."""
        return [one.label for one in (self.boxes if self.width is None else self.objects)]

    @property
    def objects(self) -> list[Region]:
        """Its boxes in pixels, clipped to it; those with no area in it are left out."""
        width, height = self.width or 0, self.height or 0
        scale = (width, height) if self.in_shares else (1, 1)
        regions = (scaled(region, *scale) for region in self.boxes)
        return [seen for region in regions if (seen := _clipped(region, width, height))]


def _clipped(region: Region, width: int, height: int) -> Region | None:
    box, corners = region.box.within(width, height), region.corners
    if corners is not None:
        corners = corners_of(np.clip(points_of(corners), 0, (width, height)))
    return None if box is None else replace(region, box=box, corners=corners)


def pictures_of(selection: Selection, work: WorkDir, *, as_boxes: bool) -> list[Picture]:
    """The pictures of the chosen items, in order of listing.

    ``as_boxes``: each picture once with its boxes, those that were analysed as crops or else all
    that the annotations of the run hold now; otherwise each item is a picture.
    Raises as :func:`imgvet.annotations.read.read_annotations`.
    """
    items = selection.items
    sizes = selection.images.frame(["stats.width", "stats.height"], items["id"].to_numpy())
    rows = items.assign(width=sizes["stats.width"].array, height=sizes["stats.height"].array)
    rows["version"] = _versions_of(rows["path"], work)
    if work.part and as_boxes:
        return _with_crops(rows, selection)
    pictures = _of_rows(rows)
    return _with_annotated_boxes(pictures, rows, read_record(work)) if as_boxes else pictures


def _versions_of(paths: pd.Series, work: WorkDir) -> list[str]:
    """Of each object in a bucket the version that was read; empty of local files."""
    if not any(map(is_remote, paths)):
        return [""] * len(paths)
    known = Store(work).files.load().drop_duplicates("path", keep="last")
    return paths.map(known.set_index("path")["version"]).fillna("").tolist()


def _of_rows(rows: pd.DataFrame) -> list[Picture]:
    names = ["id", "filename", "digest", "format", "width", "height", "label", "split"]
    values = with_none(rows[names]).to_dict(orient="records")
    files = files_in(rows.assign(mtime_ns=None))
    return [
        Picture(file=file, **{str(name): value for name, value in known.items()})
        for file, known in zip(files, values, strict=True)
    ]


def _with_crops(rows: pd.DataFrame, selection: Selection) -> list[Picture]:
    """The pictures that crops were cut from, with the chosen ones as boxes."""
    score = selection.images.frame(["crops.score"], rows["id"].to_numpy())["crops.score"].array
    unknown = dict.fromkeys(("digest", "format", "width", "height", "label", "box"))
    whole = rows.assign(filename=item_names(rows), **unknown).drop_duplicates(_PLACE)
    told = with_none(rows[["box", "label"]].assign(score=score))
    crops = rows[_PLACE].assign(**told).groupby(_PLACE, sort=False, dropna=False)
    return [
        replace(picture, boxes=tuple(map(region_of, own["box"], own["label"], own["score"])))
        for picture, (_, own) in zip(_of_rows(whole), crops, strict=True)
    ]


def _with_annotated_boxes(
    pictures: list[Picture], rows: pd.DataFrame, record: RunRecord
) -> list[Picture]:
    """Pictures with the boxes that the run's annotations, or a YOLO data set's labels, hold now."""
    sources, given = record.options(SourceOptions), record.options(AnnotationOptions).annotations
    annotations = None if given is None else read_annotations(*given)
    if annotations is None:
        found = boxes_of_images(rows["path"], rows["source"], sources.inputs)
        boxes = [tuple(region_of(box, label) for label, box in own) for own in found]
        told = [",".join(sorted({label for label, _ in own if label})) for own in found]
    elif annotations.has_boxes:
        known = match(annotations, rows["filename"].tolist(), sources.inputs).rows
        pairs = zip(known["boxes"], known["box_labels"], strict=True)
        boxes = [tuple(map(region_of, *own)) for own in pairs]
        told = known["label"].fillna("").tolist()
    else:
        return pictures
    in_shares = annotations is None or annotations.in_shares
    return [
        _relabelled(replace(picture, boxes=own, in_shares=in_shares), label)
        for picture, own, label in zip(pictures, boxes, told, strict=True)
    ]


def _relabelled(picture: Picture, annotated: str) -> Picture:
    """A picture whose boxes, if all are of one class, have its label, where that was corrected."""
    if not annotated or picture.label in (None, annotated):
        return picture
    if len({region.label for region in picture.boxes}) > 1:
        return replace(picture, is_uncorrected=True)
    boxes = tuple(replace(region, label=picture.label) for region in picture.boxes)
    return replace(picture, boxes=boxes)


def classes_of(record: RunRecord) -> Sequence[str]:
    """The classes of the run's COCO or YOLO data set in its order, by which models number them.

    None where it is no longer there.
    """
    sources, given = record.options(SourceOptions), record.options(AnnotationOptions).annotations
    with suppress(ImgvetError):
        if given is not None:
            return read_annotations(*given).classes
        sets = yolo_sets(sources.inputs).values()
        return [one.names[number] for one in sets for number in sorted(one.names)]
    return ()


def read_pictures(
    pictures: Sequence[Picture], reader: Reader, threads: int
) -> Iterator[tuple[Picture, bytes | Failure]]:
    """Pictures, now with their size, and their bytes, or why they can't be had.

    A crop is cut and encoded as PNG. What is no longer what the run saw can't be had, too.
    """
    workers = READ_WORKERS if any(is_remote(picture.file.path) for picture in pictures) else threads
    found = read_ahead(
        pictures,
        lambda picture: _seen(picture, reader.read(picture.file)),
        workers=workers,
        size_of=lambda picture: picture.file.file_size,
    )
    with one_thread_of_opencv():
        yield from found


def _seen(picture: Picture, content: Content | Failure) -> tuple[Picture, bytes | Failure]:
    if isinstance(content, Failure):
        return picture, content
    is_crop, data = picture.file.box is not None, content.data
    if not is_crop and picture.digest not in (None, digest_bytes(data)):
        return picture, _CHANGED
    if not is_crop and picture.width is not None:
        return picture, data
    seen = decode_item(data, picture.file.box)
    if isinstance(seen, Failure):
        return picture, seen
    if is_crop and picture.digest != crop_digest(seen):
        return picture, _CHANGED
    if is_crop:
        data = cv2.imencode(".png", cv2.cvtColor(seen.pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
        picture = replace(picture, format=Format.PNG.value)
    return replace(picture, width=seen.width, height=seen.height), data
