"""Stage compute_stats of crops: read and decode each picture once, cut it, measure its crops."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from imgvet.crops.crop import clip, cut_clipped
from imgvet.crops.cutter import Cutter, cut_key, regions_in
from imgvet.crops.listing import regions_of_text
from imgvet.images.decode import decode
from imgvet.images.geometry import Region
from imgvet.images.picture import Picture
from imgvet.measures.compute_stats import (
    STAGE,
    ContentClaims,
    FileRead,
    Measured,
    file_keys,
    is_settled,
    measured_picture,
    read_rows,
    write_measures,
)
from imgvet.options import VideoOptions
from imgvet.progress import tracked
from imgvet.reasons import Failure, Reason
from imgvet.sources.entry import Content
from imgvet.sources.reading import Reader, read_each
from imgvet.store.files import FileToRead
from imgvet.store.packs import DIGEST, PACK_ITEMS
from imgvet.store.references import digest_bytes
from imgvet.store.store import CUTS_SCHEMA, Store
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS

CropRow = dict[str, object]
"""A row of :data:`imgvet.store.store.CUTS_SCHEMA`."""


@dataclass(frozen=True)
class PictureToCut:
    """A file, and what is cut out of it.

    Attributes:
        file: the file.
        cut: :attr:`imgvet.crops.cutter.Cutter.text`, or its own boxes as text.
    """

    file: FileToRead
    cut: str


@dataclass(frozen=True)
class PictureCut:
    """What cutting one picture gave.

    Attributes:
        read: what reading its file gave.
        rows: its crops, or one row that says why there is none.
        measured: the crops whose content was not known.
    """

    read: FileRead
    rows: tuple[CropRow, ...] = ()
    measured: tuple[Measured, ...] = ()


def crop_digest(crop: Picture) -> str:
    """Digest of a crop's content: of its pixels and of what its measures say of the file.

    Crops of equal pixels are exact duplicates, wherever they were cut.
    """
    shape = f"{crop.pixels.shape} {crop.width} {crop.height} {crop.channels} {crop.bit_depth}"
    state = hashlib.blake2b(shape.encode(), digest_size=16)
    state.update(crop.pixels.tobytes())
    return state.hexdigest()


def cut_file(
    wanted: PictureToCut, content: Content | Failure, cutter: Cutter, claims: ContentClaims
) -> PictureCut:
    """Cut what was read of one file, and measure the crops whose content is new."""
    if isinstance(content, Failure):
        return PictureCut(FileRead(wanted.file, None, content, None, settled=False))
    settled = is_settled(wanted.file, content)
    digest = digest_bytes(content.data)
    read = FileRead(wanted.file, digest, None, None, settled)
    key = cut_key(digest, wanted.cut)
    picture = decode(content.data, full_size=True)
    if isinstance(picture, Failure):
        return PictureCut(read, (_no_crop(key, picture),))
    size = (picture.width, picture.height)
    own = regions_of_text(wanted.cut, *size) if cutter.own_boxes else ()
    rows: list[CropRow] = []
    measured: list[Measured] = []
    for number, region in enumerate(regions_in(picture, cutter, own)):
        row, new = _cut_region(picture, region, claims)
        rows.append({DIGEST: key, "number": number, **row})
        measured += [new] if new is not None else []
    return PictureCut(read, tuple(rows) or (_no_crop(key, None),), tuple(measured))


def _no_crop(key: str, why: Failure | None) -> CropRow:
    """The row of a picture without crops."""
    status = Reason.OK if why is None else why.reason
    detail = "" if why is None else why.detail
    return {DIGEST: key, "number": -1, "status": status.value, "detail": detail}


def _cut_region(
    picture: Picture, region: Region, claims: ContentClaims
) -> tuple[CropRow, Measured | None]:
    """One crop as a row, and its measures if its content is new."""
    known = {"score": region.score, "found_label": region.label, "text": region.text}
    clipped = clip(region, picture.width, picture.height)
    if isinstance(clipped, Failure):
        row = _place(region) | {"status": clipped.reason.value, "detail": clipped.detail}
        return row | known, None
    crop = cut_clipped(picture, clipped)
    digest = crop_digest(crop)
    row = _place(clipped) | {"crop": digest, "status": Reason.OK.value, "detail": ""}
    return row | known, measured_picture(digest, crop, None, None) if claims.claim(digest) else None


def _place(region: Region) -> CropRow:
    box = region.box
    numbers = dict(zip(BOX_COLUMNS, (box.x, box.y, box.width, box.height), strict=True))
    if region.corners is not None:
        numbers |= dict(zip(CORNER_COLUMNS, region.corners, strict=True))
    return dict(numbers)


@dataclass(frozen=True)
class CropRun:
    """Where and how pictures are cut.

    Attributes:
        store: where packs are kept.
        cutter: how pictures are cut.
        videos: which frames of videos are looked at.
        threads: how many pictures are decoded at a time.
    """

    store: Store
    cutter: Cutter
    videos: VideoOptions
    threads: int


def compute_crops(
    wanted: Sequence[PictureToCut], run: CropRun, done_before: int, total: int
) -> pa.Table:
    """Cut one shard of pictures, and write the packs of its crops.

    Args:
        wanted: the shard.
        run: where and how.
        done_before: pictures in the shards before this one, for the progress.
        total: pictures in all shards, for the progress.

    Returns:
        what reading each file gave, a table of :data:`imgvet.measures.compute_stats.READ_SCHEMA`.
    """
    store = run.store
    claims = ContentClaims(store.measures.digests())
    by_id = {picture.file.id: picture for picture in wanted}
    results = read_each(
        [picture.file for picture in wanted],
        Reader(store.work, run.videos),
        lambda file, content: cut_file(by_id[file.id], content, run.cutter, claims),
        run.threads,
    )
    packed = _pack_measures(tracked(results, STAGE, done_before, total), store)
    rows = [row for picture in packed for row in picture.rows]
    if rows:
        # Last, so that a crop that is known to have been cut has its measures.
        store.cuts.write(pa.Table.from_pylist(rows, schema=CUTS_SCHEMA))
    reads = [picture.read for picture in packed]
    store.files.add(file_keys(reads))
    return read_rows(reads)


def _pack_measures(results: Iterator[PictureCut], store: Store) -> list[PictureCut]:
    """Write the measures of the crops while they come in, and keep the rest."""
    done: list[PictureCut] = []
    waiting: list[Measured] = []
    for result in results:
        waiting += result.measured
        done.append(PictureCut(result.read, result.rows))
        if len(waiting) >= PACK_ITEMS:
            write_measures(waiting, store)
            waiting = []
    write_measures(waiting, store)
    return done
