"""The listing: a row for each item before its content is known, sorted by name.

A name is made of the item's place once, for people, and never read back.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from operator import attrgetter
from pathlib import Path

import pandas as pd
import pyarrow as pa

from imgvet.errors import InputEmptyError, InputNotFoundError, InvalidParameterError, failing_as
from imgvet.format import each, listed
from imgvet.options import SourceOptions
from imgvet.reasons import Failure, Reason
from imgvet.sources.kinds import IMAGE_EXTENSIONS, plain_name, video_of_frame
from imgvet.sources.s3 import is_remote
from imgvet.store.files import FILE_KEY
from imgvet.store.packs import DIGEST
from imgvet.tables import ITEMS, to_frame, with_none

LISTING_SCHEMA = pa.schema(
    [
        *(field for field in ITEMS.schema if field.name not in ("format", "embedding_row")),
        ("mtime_ns", pa.int64()),
        ("version", pa.string()),
        ("cut", pa.string()),
        ("cut_labels", pa.string()),
    ]
)
"""Columns of a listing: those of the table items, and those of :class:`Entry` that it lacks.
``digest`` is null until the content is known, ``box`` always, as crops are made of the listed
pictures. ``cut`` says what is cut out of a picture, ``cut_labels`` (a JSON list) the labels of its
own boxes: :mod:`imgvet.crops.listing`; they are null where whole pictures are analysed."""


_NARROWING = ("find_regex", "min_offset", "max_offset", "tar_only", "no_archives")

MOST_FILE_BYTES = 1 << 30
"""No larger image is read; of archives and videos their members and frames count."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One listed item; its fields are columns of the listing."""

    path: str
    """Absolute path or URI of the file that it is, or lies in."""
    source: str
    """The input it was found through."""
    file_size: int | None = None
    mtime_ns: int | None = None
    """Time of the last change in nanoseconds since 1970."""
    status: Reason = Reason.OK
    detail: str = ""
    """What the file system said, if anything."""
    version: str = ""
    """What the source itself calls this version of the content (an ETag), if anything."""
    label: str | None = None
    split: str | None = None
    metadata: str | None = None
    """What files beside it tell (webdataset), as a JSON object."""
    member: str | None = None
    """Its name in the archive ``path``, None outside of archives."""
    time_ms: int | None = None
    """Presentation time of a video's frame in milliseconds, None outside of videos."""

    @property
    def filename(self) -> str:
        """What people call it."""
        return item_name(self.path, self.member, self.time_ms)

    def checked(self, min_file_size: int) -> Entry:
        """The entry with its status set if the file is empty, too small or too large."""
        if self.status is not Reason.OK or self.file_size is None:
            return self
        if self.file_size == 0:
            return replace(self, status=Reason.EMPTY_FILE, detail="0 bytes")
        if self.file_size < min_file_size:
            return replace(self, status=Reason.SMALL_FILE, detail=f"{self.file_size} bytes")
        if self.file_size > MOST_FILE_BYTES:
            failure = too_many_bytes(self.file_size)
            return replace(self, status=failure.reason, detail=failure.detail)
        return self


def too_many_bytes(size: int) -> Failure:
    """Why a file of so many bytes is not read."""
    return Failure(Reason.TOO_LARGE, f"{size} bytes, at most {MOST_FILE_BYTES} are read")


@dataclass(frozen=True)
class Content:
    """The content of one item."""

    data: bytes
    version: str = ""


def item_name(
    path: str,
    member: str | None = None,
    time_ms: int | None = None,
    box: Sequence[float] | None = None,
) -> str:
    """What people call an item.

        photos.tar!a/b.jpg                       a member of an archive
        film.mp4#t=12.0                          a frame, at its time in seconds
        photo.jpg#xywh=10,20,100,80              a crop: x, y, width, height in pixels
        photo.jpg#corners=5,10,90.5,20,85,...    a rotated crop: x1, y1, ..., x4, y4
        film.mp4#t=12.0&xywh=10,20,100,80        a crop of a frame

    Source of ``t`` and ``xywh``: W3C, Media Fragments URI 1.0, section 4.2.
    """
    name = path if member is None else f"{path}!{member}"
    if time_ms is not None:
        name += f"#t={time_ms / 1000}"
    if box is not None:
        mark, kind = "#" if time_ms is None else "&", "xywh" if len(box) == 4 else "corners"
        name += f"{mark}{kind}={','.join(map(_three_decimals, box))}"
    return name


def item_names(
    rows: pd.DataFrame, boxes: Iterable[Sequence[float] | None] = repeat(None)
) -> list[str]:
    """What people call the items of rows with ``path``, ``member`` and ``time_ms``, and boxes."""
    places = with_none(rows[["path", "member", "time_ms"]]).itertuples(index=False, name=None)
    pairs = zip(places, boxes, strict=False)
    return [item_name(path, member, time_ms, box) for (path, member, time_ms), box in pairs]


def _three_decimals(value: float) -> str:
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def listing_of(
    entries: Iterable[Entry], options: SourceOptions, other_files: Mapping[str, int] | None = None
) -> pa.Table:
    """The listing, without digests, of what the options ask for.

    InputEmptyError if nothing is left to analyse, which tells ``other_files``; others as
    :func:`select`.
    """
    chosen = select(entries, options)
    if chosen:
        return as_table(chosen)
    where = ", ".join(options.inputs) or "the empty list"
    names = _NARROWING + ("num_images",) * any(map(is_remote, options.inputs))
    if narrowed := [name for name in names if getattr(options, name)]:
        raise InputEmptyError(f"No image of {where} is left", f"Check {listed(narrowed)}")
    endings = " ".join(sorted(IMAGE_EXTENSIONS))
    found = f", but {each(other_files)}" if other_files else ""
    raise InputEmptyError(f"No image in {where}{found}", f"Images are files that end in {endings}")


def with_digests(listing: pa.Table, known: pd.DataFrame) -> pa.Table:
    """A listing with the content digests of the files that a file index knows."""
    keys = to_frame(listing.select(FILE_KEY)).fillna({"file_size": 0, "mtime_ns": 0})
    digests = pa.array(keys.merge(known, how="left", on=FILE_KEY)[DIGEST], pa.string())
    return listing.set_column(listing.schema.get_field_index(DIGEST), DIGEST, digests)


def select(entries: Iterable[Entry], options: SourceOptions) -> list[Entry]:
    """Sort the entries by name, drop repeated ones, and keep what the options ask for.

    InputNotFoundError if an image of ``subset`` is not among the entries, InvalidParameterError if
    ``find_regex`` is no regular expression.
    """
    # Of several for one place and split the last counts.
    last = {_place(entry): entry for entry in entries}
    chosen = [last[place] for place in sorted(last)]
    if options.find_regex is not None:
        problem = f"find_regex = {options.find_regex!r} is not a regular expression"
        with failing_as(InvalidParameterError, problem, "Correct the expression", re.error):
            pattern = re.compile(options.find_regex)
        chosen = [entry for entry in chosen if pattern.search(entry.filename)]
    if options.subset is not None:
        chosen = _only(chosen, options.subset)
    chosen = chosen[options.min_offset : options.max_offset][: options.num_images]
    return [entry.checked(options.min_file_size) for entry in chosen]


def _place(entry: Entry) -> tuple[str, int, str, str, str]:
    time_ms = -1 if entry.time_ms is None else entry.time_ms
    # Frames are sorted by their times as numbers: as texts, 10.0 comes before 2.0.
    name = item_name(entry.path, entry.member)
    return name, time_ms, entry.split or "", entry.path, entry.member or ""


def _only(entries: list[Entry], subset: tuple[str, ...]) -> list[Entry]:
    wanted = {
        plain_name(name if is_remote(name) else str(Path(name).expanduser().absolute()))
        for name in subset
    }
    named = [wanted & {entry.filename, video_of_frame(entry.filename)} for entry in entries]
    missing = sorted(wanted.difference(*named))
    if missing:
        raise InputNotFoundError(
            f"{len(missing)} of the {len(wanted)} images of subset are not in the input, "
            f"such as {missing[0]}",
            "Give paths of images that lie in the input",
        )
    return [entry for entry, names in zip(entries, named, strict=True) if names]


def as_table(entries: list[Entry]) -> pa.Table:
    """Entries as a table of :data:`LISTING_SCHEMA`, with null for what is not known yet."""
    # One column at a time: lists of a million values each take more than their arrays.
    arrays = [pa.array(range(len(entries)), pa.int64())]
    for field in list(LISTING_SCHEMA)[1:]:
        is_known = hasattr(Entry, field.name)
        values = map(attrgetter(field.name), entries) if is_known else repeat(None, len(entries))
        arrays.append(pa.array(values, field.type, size=len(entries)))
    return pa.Table.from_arrays(arrays, schema=LISTING_SCHEMA)


def shared_folder(names: Iterable[str]) -> str:
    """The folder that all names lie in, with its slash; empty if there is none."""
    shared = os.path.commonprefix(list(names))  # noqa: RUF071 - cut
    return shared[: shared.rfind("/") + 1]  # a backslash is a letter of a name like others
