"""Stage compute_stats of crops: read and decode each picture once, cut it, measure its crops."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass

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
class FileCut:
    """What cutting one file gave.

    Attributes:
        read: what reading it gave.
        rows: its crops, or one row that says why there is none.
        measured: the crops whose content was not known.
    """

    read: FileRead
    rows: tuple[CropRow, ...] = ()
    measured: tuple[Measured, ...] = ()


def cut_files(
    cuts: Mapping[FileToRead, str],
    cutter: Cutter,
    store: Store,
    videos: VideoOptions,
    threads: int,
    done_before: int,
    total: int,
) -> pa.Table:
    """Cut one shard of files, and write the packs of their crops.

    Args:
        cuts: the shard: what is cut out of each file, its own boxes as text or
            :attr:`imgvet.crops.cutter.Cutter.text`.
        cutter: how they are cut.
        store: where packs are kept.
        videos: which frames of videos are looked at.
        threads: how many files are decoded at a time.
        done_before: files in the shards before this one, for the progress.
        total: files in all shards, for the progress.

    Returns:
        what reading each file gave, a table of :data:`imgvet.measures.compute_stats.READ_SCHEMA`.
    """
    claims = ContentClaims(store.measures.digests())
    results = read_each(
        list(cuts),
        Reader(store.work, videos),
        lambda file, content: _cut_file(file, content, cuts[file], cutter, claims),
        threads,
    )
    reads: list[FileRead] = []
    rows: list[CropRow] = []
    waiting: list[Measured] = []
    for result in tracked(results, STAGE, done_before, total):
        reads.append(result.read)
        rows += result.rows
        waiting += result.measured
        if len(waiting) >= PACK_ITEMS:
            write_measures(waiting, store)
            waiting = []
    write_measures(waiting, store)
    if rows:
        # Last, so that a crop that is known to have been cut has its measures.
        store.cuts.write(pa.Table.from_pylist(rows, schema=CUTS_SCHEMA))
    store.files.add(file_keys(reads))
    return read_rows(reads)


def _cut_file(
    file: FileToRead, content: Content | Failure, cut: str, cutter: Cutter, claims: ContentClaims
) -> FileCut:
    """Cut what was read of one file, and measure the crops whose content is new."""
    if isinstance(content, Failure):
        return FileCut(FileRead(file, None, content, None, settled=False))
    settled = is_settled(file, content)
    digest = digest_bytes(content.data)
    read = FileRead(file, digest, None, None, settled)
    key = cut_key(digest, cut)
    picture = decode(content.data, full_size=True)
    if isinstance(picture, Failure):
        return FileCut(read, (_no_crop(key, picture.reason, picture.detail),))
    own = regions_of_text(cut, picture.width, picture.height) if cutter.own_boxes else ()
    rows: list[CropRow] = []
    measured: list[Measured] = []
    for number, region in enumerate(regions_in(picture, cutter, own)):
        row, new = _cut_region(picture, region, claims)
        rows.append({DIGEST: key, "number": number, **row})
        measured += [new] if new is not None else []
    return FileCut(read, tuple(rows) or (_no_crop(key, Reason.OK),), tuple(measured))


def _no_crop(key: str, status: Reason, detail: str = "") -> CropRow:
    """The row of a picture without crops."""
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
    row: CropRow = dict(zip(BOX_COLUMNS, astuple(region.box), strict=True))
    return row | dict(zip(CORNER_COLUMNS, region.corners or (), strict=False))


def crop_digest(crop: Picture) -> str:
    """Digest of a crop's content: of its pixels and of what its measures say of the file.

    Crops of equal pixels are exact duplicates, wherever they were cut.
    """
    shape = f"{crop.pixels.shape} {crop.width} {crop.height} {crop.channels} {crop.bit_depth}"
    state = hashlib.blake2b(shape.encode(), digest_size=16)
    state.update(crop.pixels.tobytes())
    return state.hexdigest()
