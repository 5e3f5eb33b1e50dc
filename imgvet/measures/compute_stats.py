"""Stage compute_stats: read and decode each original once, measure it, keep its thumbnail."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pyarrow as pa

from imgvet.images.decode import decode
from imgvet.images.formats import Format, identify
from imgvet.images.measure import measure
from imgvet.images.orientation_hash import orientation_hash
from imgvet.images.picture import Picture
from imgvet.images.standard_size import encode_thumbnail, to_standard_size
from imgvet.options import VideoOptions
from imgvet.progress import tracked
from imgvet.reasons import Failure, Reason
from imgvet.sources.entry import Content
from imgvet.sources.reading import Reader, read_each
from imgvet.store.files import SETTLED_NS, FileKey, FileToRead
from imgvet.store.packs import DIGEST
from imgvet.store.references import digest_bytes
from imgvet.store.store import HASH, HASH_QUALITY, MEASURES_SCHEMA, Store

STAGE = "compute_stats"

READ_SCHEMA = pa.schema(
    [("id", pa.int64()), (DIGEST, pa.string()), ("status", pa.string()), ("detail", pa.string())]
)
"""What reading a file gave: its content digest, or why it could not be read."""


@dataclass(frozen=True)
class Measured:
    """What measuring one content gave.

    Attributes:
        row: its row of :data:`imgvet.store.store.MEASURES_SCHEMA`.
        thumbnail: its thumbnail, empty if it can't be decoded.
    """

    row: dict[str, object]
    thumbnail: bytes = b""


@dataclass(frozen=True)
class FileRead:
    """What reading one file gave.

    Attributes:
        file: the file.
        digest: content digest, None if the file could not be read.
        failure: why it could not be read.
        measured: the measures, None if the content was known already.
        settled: whether the file had been unchanged for long enough to be recognised by its time.
    """

    file: FileToRead
    digest: str | None = None
    failure: Failure | None = None
    measured: Measured | None = None
    settled: bool = False


class ContentClaims:
    """Decides which thread measures a content that several files of a shard share."""

    def __init__(self, known: Iterable[str]) -> None:
        self._owners: dict[str, object] = dict.fromkeys(known)

    def claim(self, digest: str) -> bool:
        """True for the first that asks for a content nobody has measured."""
        mine = object()
        # setdefault is one atomic step, so of two threads just one becomes the owner.
        return self._owners.setdefault(digest, mine) is mine


def measure_files(
    files: Sequence[FileToRead],
    store: Store,
    videos: VideoOptions,
    threads: int,
    done_before: int,
    total: int,
) -> pa.Table:
    """Measure one shard of files, and write its pack and its part of the file index.

    Args:
        files: the shard, about :data:`imgvet.store.packs.PACK_ITEMS` files.
        store: where packs are kept.
        videos: which frames of videos are looked at.
        threads: how many files are decoded at a time.
        done_before: files in the shards before this one, for the progress.
        total: files in all shards, for the progress.

    Returns:
        what reading each file gave, a table of :data:`READ_SCHEMA` in order of the shard.
    """
    claims = ContentClaims(store.measures.digests())
    reads = read_each(
        files,
        Reader(store.work, videos),
        lambda file, content: _measure_file(file, content, claims),
        threads,
    )
    done = list(tracked(reads, STAGE, done_before, total))
    write_measures([read.measured for read in done if read.measured is not None], store)
    store.files.add(file_keys(done))
    return read_rows(done)


def _measure_file(file: FileToRead, content: Content | Failure, claims: ContentClaims) -> FileRead:
    """Measure what was read of one file, unless its content is known."""
    if isinstance(content, Failure):
        return FileRead(file, failure=content)
    # Decided before measuring, so that as little time as possible has passed since the reading.
    settled = is_settled(file, content)
    digest = digest_bytes(content.data)
    measured = _measure_content(digest, content.data) if claims.claim(digest) else None
    return FileRead(file, digest, measured=measured, settled=settled)


def is_settled(file: FileToRead, content: Content) -> bool:
    """Whether what was listed is what was read, and will be recognised when listed again."""
    if file.version:
        return content.version == file.version
    unchanged = file.mtime_ns is not None and time.time_ns() - file.mtime_ns > SETTLED_NS
    return unchanged and len(content.data) == file.file_size


def _measure_content(digest: str, data: bytes) -> Measured:
    """Decode and measure one content; a bad one gets its reason instead of metrics."""
    picture, kind = decode(data), identify(data)
    if isinstance(picture, Failure):
        return Measured(_row(digest, picture.reason, picture.detail, kind))
    return measured_picture(digest, picture, kind, len(data))


def measured_picture(
    digest: str, picture: Picture, kind: Format | None, file_size: int | None
) -> Measured:
    """Measure a decoded image.

    Args:
        digest: digest of the content.
        picture: the image.
        kind: format of its file, None for what is no file of its own.
        file_size: bytes of its file, None for what is no file of its own.
    """
    small = to_standard_size(picture.pixels)
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    hashed = orientation_hash(gray)
    row = {
        **_row(digest, Reason.OK, picture.detail, kind),
        HASH: hashed.bits.tobytes(),
        HASH_QUALITY: hashed.quality,
        **measure(picture, gray, file_size),
    }
    return Measured(row, encode_thumbnail(small))


def _row(digest: str, status: Reason, detail: str, kind: Format | None) -> dict[str, object]:
    return {DIGEST: digest, "status": status.value, "detail": detail, "format": kind}


def write_measures(measured: Sequence[Measured], store: Store) -> None:
    """Write one pack of measures and thumbnails, none if nothing was measured."""
    if measured:
        rows = pa.Table.from_pylist([content.row for content in measured], MEASURES_SCHEMA)
        store.measures.write(rows, [content.thumbnail for content in measured])


def file_keys(done: Iterable[FileRead]) -> dict[FileKey, str]:
    """The digests of the files that can be recognised when they are listed again."""
    return {read.file.key: read.digest for read in done if read.digest is not None and read.settled}


def read_rows(done: Sequence[FileRead]) -> pa.Table:
    """What reading the files of a shard gave, a table of :data:`READ_SCHEMA`."""
    failures = [read.failure or Failure(Reason.OK, "") for read in done]
    rows = [
        {"id": read.file.id, DIGEST: read.digest, "status": why.reason.value, "detail": why.detail}
        for read, why in zip(done, failures, strict=True)
    ]
    return pa.Table.from_pylist(rows, READ_SCHEMA)
