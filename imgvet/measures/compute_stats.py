"""Stages compute_stats, compute_crops and compute_advanced_stats: measure each content once.

Files are read and decoded, and measured as a whole or cut into crops; thumbnails are measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import astuple, dataclass, field

import pyarrow as pa

from imgvet.crops.crop import clip, cut_clipped
from imgvet.crops.cutter import Cutter, cut_key, regions_in
from imgvet.crops.listing import regions_of_text
from imgvet.images.geometry import Region
from imgvet.images.isolation import FLEETING, decoded, isolated
from imgvet.images.measure import (
    Measured,
    Row,
    measure_advanced,
    measured_content,
    measured_picture,
)
from imgvet.images.picture import Picture, decode_thumbnail
from imgvet.options import VideoOptions
from imgvet.progress import Progress, tracked
from imgvet.reasons import FINE, Failure, Reason
from imgvet.sources.listing import Content
from imgvet.sources.reading import Reader, read_each
from imgvet.store.files import SCHEMA as FILES_SCHEMA
from imgvet.store.files import SETTLED_NS, FileToRead
from imgvet.store.packs import DIGEST, PACK_ITEMS, ThumbnailPlace, read_thumbnail
from imgvet.store.references import digest_bytes
from imgvet.store.store import ADVANCED_SCHEMA, CUTS_SCHEMA, MEASURES_SCHEMA, Store
from imgvet.tables import BOX_COLUMNS, CORNER_COLUMNS
from imgvet.threads import in_threads

STAGE = "compute_stats"

READ_SCHEMA = pa.schema(
    [("id", pa.int64()), (DIGEST, pa.string()), ("status", pa.string()), ("detail", pa.string())]
)
"""What reading a file gave: its content digest, or why it could not be read."""

_WORTH_A_DECODER = 2 << 20
"""Bytes of pictures that take about as long to decode as a process that decodes takes to start."""


@dataclass(frozen=True)
class Found:
    """What looking at one file gave."""

    measured: dict[str, Measured] = field(default_factory=dict)
    """By digest, the contents in it that nobody had measured: its own, or those of its crops."""
    cuts: list[Row] = field(default_factory=list)
    """What was cut out of it: rows of :data:`imgvet.store.store.CUTS_SCHEMA`."""


class ContentClaims:
    """Decides which thread measures a content that several files of a shard share."""

    def __init__(self, known: Container[str]) -> None:
        self._known = known
        self._owners: dict[str, object] = {}

    def claim(self, digest: str) -> bool:
        """True for the first that asks for a content nobody has measured."""
        mine = object()
        # setdefault is one atomic step, so of two threads just one becomes the owner.
        return digest not in self._known and self._owners.setdefault(digest, mine) is mine

    def give_up(self, digest: str) -> None:
        """Let another one measure a content."""
        self._owners.pop(digest, None)


Look = Callable[[FileToRead, str, bytes, ContentClaims], Found | Failure]
"""What is done with a file, its digest and its bytes; nothing is kept of its failures, so that the
next run tries again."""


def _measure_whole(
    _: FileToRead, digest: str, data: bytes, claims: ContentClaims
) -> Found | Failure:
    """Decode and measure one content; a bad one gets its reason instead of metrics."""
    if not claims.claim(digest):
        return Found()
    measured = isolated(measured_content, data)
    return measured if isinstance(measured, Failure) else Found({digest: measured})


def measure_files(
    files: Sequence[FileToRead],
    store: Store,
    videos: VideoOptions,
    threads: int,
    before: Progress | None = None,
    look: Look = _measure_whole,
) -> pa.Table:
    """Measure one shard of files, and write its packs and its part of the file index.

    If reading fails in transport, what was read before is kept for the next run. ``before`` is how
    far the stage is without this shard; None if the shard is all. Returned is what reading each
    file gave, a table of :data:`READ_SCHEMA` in order of the shard.
    """
    claims = ContentClaims(store.measures.digests())
    threads = min(threads, 1 + sum(file.file_size or 0 for file in files) // _WORTH_A_DECODER)

    def use(file: FileToRead, content: Content | Failure) -> tuple[FileToRead, Row, bool, Found]:
        if isinstance(content, Failure):
            return file, content.row, False, Found()
        # Decided before measuring, so that as little time as possible has passed since the reading.
        settled, digest = _is_settled(file, content), digest_bytes(content.data)
        try:
            found = look(file, digest, content.data, claims)
        except MemoryError:
            # Not written down for the content: the next run may have more, so it tries again.
            claims.give_up(digest)
            found = Failure(Reason.TOO_LARGE, "no memory was left to decode it")
            return file, found.row, False, Found()
        if isinstance(found, Failure):
            return file, {DIGEST: digest, **found.row}, False, Found()
        return file, {DIGEST: digest, **FINE.row}, settled, found

    reads: list[Row] = []
    cuts: list[Row] = []
    waiting: dict[str, Measured] = {}
    recognised: list[Row] = []
    results = read_each(files, Reader(store.work, videos), use, threads)
    before = before or Progress(STAGE, 0, len(files))
    try:
        for file, row, settled, found in tracked(results, *before):
            reads.append({"id": file.id, **row})
            cuts += found.cuts
            waiting |= found.measured
            if settled:
                recognised.append({**file.key._asdict(), DIGEST: row[DIGEST]})
            if len(waiting) >= PACK_ITEMS:
                _write_measures(waiting, store)
                waiting = {}
    finally:
        _write_measures(waiting, store)
        store.files.add(pa.Table.from_pylist(recognised, FILES_SCHEMA))
    if cuts:
        # After the measures of all files: a crop that is known to have been cut has its own.
        store.cuts.write(pa.Table.from_pylist(cuts, CUTS_SCHEMA))
    return pa.Table.from_pylist(reads, READ_SCHEMA)


def _is_settled(file: FileToRead, content: Content) -> bool:
    """Whether what was listed is what was read, and will be recognised when listed again."""
    if file.version:
        return content.version == file.version
    unchanged = file.mtime_ns is not None and time.time_ns() - file.mtime_ns > SETTLED_NS
    return unchanged and len(content.data) == file.file_size


def _write_measures(measured: Mapping[str, Measured], store: Store) -> None:
    if measured:
        rows = [{DIGEST: digest, **content.row} for digest, content in measured.items()]
        thumbnails = [content.thumbnail for content in measured.values()]
        store.measures.write(pa.Table.from_pylist(rows, MEASURES_SCHEMA), thumbnails)


def cutting(cuts: Mapping[FileToRead, str], cutter: Cutter) -> Look:
    """How files are cut, and their crops measured in place of them.

    What is cut out of each is its own boxes as text, or :attr:`imgvet.crops.cutter.Cutter.text`.
    """

    def look(file: FileToRead, digest: str, data: bytes, claims: ContentClaims) -> Found | Failure:
        rows: list[Row] = []
        measured: dict[str, Measured] = {}
        picture = decoded(data, full_size=True)
        if isinstance(picture, Failure) and picture.reason in FLEETING:
            return picture
        if isinstance(picture, Failure):
            rows.append({"number": -1} | picture.row)
        else:
            sized = (picture.width, picture.height)
            own = regions_of_text(cuts[file], *sized) if cutter.own_boxes else ()
            for number, region in enumerate(regions_in(picture, cutter, own)):
                row, new = _cut_region(picture, region, claims)
                rows.append({"number": number} | row)
                measured |= new
        key = cut_key(digest, cuts[file])
        rows = rows or [{"number": -1} | FINE.row]
        return Found(measured, [{DIGEST: key, **row} for row in rows])

    return look


def _cut_region(
    picture: Picture, region: Region, claims: ContentClaims
) -> tuple[Row, dict[str, Measured]]:
    """One crop as a row, and its measures if its content is new."""
    clipped = clip(region, picture.width, picture.height)
    place, told = (region, clipped) if isinstance(clipped, Failure) else (clipped, FINE)
    row = {
        **told.row,
        **dict(zip(BOX_COLUMNS, astuple(place.box), strict=True)),
        **dict(zip(CORNER_COLUMNS, place.corners or (), strict=False)),
        "score": region.score,
        "found_label": region.label,
        "text": region.text,
    }
    if told is not FINE:
        return row, {}
    crop = cut_clipped(picture, place)
    digest = crop_digest(crop)
    new = {digest: measured_picture(crop, None, None)} if claims.claim(digest) else {}
    return row | {"crop": digest}, new


def crop_digest(crop: Picture) -> str:
    """Digest of a crop's content: of its pixels and of what its measures say of the file.

    Crops of equal pixels are exact duplicates, wherever they were cut.
    """
    shape = f"{crop.pixels.shape} {crop.width} {crop.height} {crop.channels} {crop.bit_depth}"
    return digest_bytes(shape.encode() + crop.pixels.tobytes())


def measure_thumbnails(
    places: Sequence[ThumbnailPlace], store: Store, threads: int, before: Progress
) -> None:
    """Take the advanced metrics of one shard of thumbnails, and write its pack.

    ``before`` is how far the stage is without this shard; no original is read.
    """

    def row(place: ThumbnailPlace) -> Row:
        pixels = decode_thumbnail(read_thumbnail(store.measures, place))
        return {DIGEST: place.digest, **measure_advanced(pixels)}

    rows = list(tracked(in_threads(row, places, threads), *before))
    store.advanced.write(pa.Table.from_pylist(rows, ADVANCED_SCHEMA))
