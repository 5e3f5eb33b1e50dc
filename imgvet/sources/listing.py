"""The listing: a row for each item, sorted by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import repeat
from operator import attrgetter
from pathlib import Path

import pyarrow as pa

from imgvet.errors import InputEmptyError, InputNotFoundError, InvalidParameterError
from imgvet.options import SourceOptions
from imgvet.sources.entry import Entry
from imgvet.sources.kinds import IMAGE_EXTENSIONS
from imgvet.sources.s3 import is_remote
from imgvet.store.files import FileKey

LISTING_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("filename", pa.string()),
        ("path", pa.string()),
        ("member", pa.string()),
        ("time_ms", pa.int64()),
        ("box", pa.list_(pa.float64())),
        ("source", pa.string()),
        ("status", pa.string()),
        ("detail", pa.string()),
        ("file_size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("version", pa.string()),
        ("digest", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("metadata", pa.string()),
        ("cut", pa.string()),
        ("cut_labels", pa.string()),
    ]
)
"""Columns of a listing: those of :class:`imgvet.sources.entry.Entry`, and what is found out later.
``digest`` is null until the content is known, ``box`` always, as crops are made of the listed
pictures. ``cut`` says what is cut out of a picture, ``cut_labels`` (a JSON list) the labels of its
own boxes: :mod:`imgvet.crops.listing`; they are null where whole pictures are analysed."""


def listing_of(entries: Iterable[Entry], options: SourceOptions) -> pa.Table:
    """The listing, without digests, of what the options ask for.

    Raises:
        InputNotFoundError: an image of ``subset`` is not among the entries.
        InputEmptyError: nothing is left to analyse.
        InvalidParameterError: ``find_regex`` is no regular expression.
    """
    chosen = select(entries, options)
    if not chosen:
        raise _nothing_found(options)
    return as_table(chosen)


def with_digests(listing: pa.Table, known: Mapping[FileKey, str]) -> pa.Table:
    """A listing with the content digests of the files that were read before."""
    columns = (listing[name].to_pylist() for name in FileKey._fields)
    keys = (
        FileKey(path, size or 0, mtime_ns or 0, *rest)
        for path, size, mtime_ns, *rest in zip(*columns, strict=True)
    )
    digests = pa.array([known.get(key) for key in keys], pa.string())
    return listing.set_column(listing.schema.get_field_index("digest"), "digest", digests)


def select(entries: Iterable[Entry], options: SourceOptions) -> list[Entry]:
    """Sort the entries by name, drop repeated ones, and keep what the options ask for."""
    # Of several for one place and split the last counts.
    last = {_place(entry): entry for entry in entries}
    chosen = [last[place] for place in sorted(last)]
    if options.find_regex is not None:
        try:
            pattern = re.compile(options.find_regex)
        except re.error as error:
            raise InvalidParameterError(
                f"find_regex = {options.find_regex!r} is not a regular expression ({error})",
                "Correct the expression",
            ) from None
        chosen = [entry for entry in chosen if pattern.search(entry.filename)]
    if options.subset is not None:
        chosen = _only(chosen, options.subset)
    chosen = chosen[options.min_offset : options.max_offset][: options.num_images]
    return [entry.checked(options.min_file_size) for entry in chosen]


def _place(entry: Entry) -> tuple[str, str, str, str, int]:
    time_ms = -1 if entry.time_ms is None else entry.time_ms
    return entry.filename, entry.split or "", entry.path, entry.member or "", time_ms


def _only(entries: list[Entry], subset: tuple[str, ...]) -> list[Entry]:
    wanted = {
        name if is_remote(name) else str(Path(name).expanduser().absolute()) for name in subset
    }
    missing = sorted(wanted - {entry.filename for entry in entries})
    if missing:
        raise InputNotFoundError(
            f"{len(missing)} of the {len(wanted)} images of subset are not in the input, "
            f"such as {missing[0]}",
            "Give paths of images that lie in the input",
        )
    return [entry for entry in entries if entry.filename in wanted]


def _nothing_found(options: SourceOptions) -> InputEmptyError:
    where = ", ".join(options.input_dir) or "the empty list"
    if options.find_regex or options.min_offset or options.max_offset:
        return InputEmptyError(
            f"No image of {where} is left", "Check find_regex, min_offset and max_offset"
        )
    endings = " ".join(sorted(IMAGE_EXTENSIONS))
    return InputEmptyError(f"No image in {where}", f"Images are files that end in {endings}")


def as_table(entries: list[Entry]) -> pa.Table:
    """Entries as a table of :data:`LISTING_SCHEMA`, with null for what is not known yet."""
    # One column at a time: lists of a million values each take more than their arrays.
    arrays = [pa.array(range(len(entries)), pa.int64())]
    for field in list(LISTING_SCHEMA)[1:]:
        is_known = hasattr(Entry, field.name)
        values = map(attrgetter(field.name), entries) if is_known else repeat(None, len(entries))
        arrays.append(pa.array(values, field.type, size=len(entries)))
    return pa.Table.from_arrays(arrays, schema=LISTING_SCHEMA)
