"""What the inputs lead to: the one seam through which every kind of input comes.

Images in buckets are streamed, or read from the mirror if they were copied ahead. Archives and
videos are read in any order, so those in buckets are always copied into the mirror first (task
sync_s3_to_local) and opened there; the path of their members and frames is the URI of the object.
No later stage knows where an item came from: it uses :class:`imgvet.sources.reading.Reader`.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path

import pandas as pd
import pyarrow as pa

from imgvet.errors import InputNotFoundError, InvalidParameterError, TransportError
from imgvet.format import most
from imgvet.images.formats import beginning
from imgvet.options import SourceOptions, VideoOptions
from imgvet.reasons import Failure, Reason
from imgvet.sources.archive import HEAD_BYTES, identify_archive
from imgvet.sources.containers import Containers
from imgvet.sources.kinds import (
    ARCHIVE_ENDINGS,
    Kind,
    file_of_item,
    is_item_name,
    kind_of_file,
    kind_of_name,
    plain_name,
    split_ending,
)
from imgvet.sources.listing import Entry, listing_of
from imgvet.sources.local import (
    read_bytes,
    read_csv_list,
    read_text_list,
    unreadable,
    walk,
    walk_file,
)
from imgvet.sources.reading import Reader, containers_in
from imgvet.sources.s3 import is_remote, parse_location
from imgvet.sources.s3_mirror import SyncReport, find_copy, sync_to_local
from imgvet.sources.s3_objects import list_objects, look_up_objects
from imgvet.sources.yolo import read_yolo, yolo_entries
from imgvet.store.files import files_in
from imgvet.tables import to_frame
from imgvet.workdir import WorkDir, scratch_folder

_READ_LIST = {Kind.TEXT_LIST: read_text_list, Kind.CSV_LIST: read_csv_list}

File = tuple[Entry, Kind]
"""A file or an object; an image, an archive or a video."""


def kind_of_input(name: str) -> Kind:
    """The kind of an input as the user wrote it.

    InputNotFoundError or InputUnreadableError of a local one that is not there or may not be looked
    at; InvalidParameterError of an archive whose name does not show it, or of an address that
    names no bucket.
    """
    kind = kind_of_name(name)
    if is_remote(name):
        parse_location(name)
        return kind
    if "://" in name:
        raise InvalidParameterError(
            f"The input {name} is an address that can't be read",
            "Give a folder or file, or a bucket as s3://bucket/photos or minio://host/bucket/photos",
        )
    path = Path(name).expanduser()
    try:
        mode = path.stat().st_mode
    except PermissionError as error:
        raise unreadable(f"The input {name}", error) from None
    except OSError:
        raise InputNotFoundError(
            f"The input {name} does not exist",
            "Give a folder, images, an archive, a video or a list that exists",
        ) from None
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    # Where it can't be read, reading it as an image tells why.
    head = read_bytes(path, HEAD_BYTES) if kind is Kind.IMAGE and stat.S_ISREG(mode) else b""
    if isinstance(head, bytes) and identify_archive(head) is not None:
        raise InvalidParameterError(
            f"The input {name} is an archive, but its name does not end as that of one",
            f"Rename it to end in one of {' '.join(ARCHIVE_ENDINGS)}",
        )
    if isinstance(head, bytes) and (what := beginning(head)).endswith("archive"):
        problem = f"The input {name} is {what}, which is not read"
        raise InvalidParameterError(problem, "Unpack it, or make it a tar or a zip")
    return kind


@dataclass(frozen=True)
class Inputs:
    """What the inputs lead to, each local file having been looked at once."""

    remote: tuple[str, ...]
    """The inputs that are in buckets, or are lists that name some."""
    compressed: tuple[str, ...]
    """The local archives and videos, as absolute paths."""
    listing: pa.Table | None
    """What :func:`list_items` gives, if there is nothing to fetch or unpack first."""
    enough: int | None
    """So many of their items are all that is asked for, in the order of their paths; None: all."""
    other_files: dict[str, int] | None
    """Files in local folders that are left alone, by their ending, most first; None without any."""


def find_inputs(options: SourceOptions) -> Inputs:
    """Look at every local file.

    ImgvetError as :func:`kind_of_input`, of a data set, a list or a folder that can't be read, and
    if nothing is left to analyse.
    """
    endings: Counter[str] = Counter()

    def is_counted(name: str) -> bool:
        if not (is_item := is_item_name(name)):
            endings[split_ending(name)[1] or "without an ending"] += 1
        return is_item

    files = list(_local_files(options, is_counted))
    others = most(endings) or None
    compressed = {e.path for e, kind in files if kind is not Kind.IMAGE and e.status is Reason.OK}
    remote = tuple(name for name in options.inputs if any(map(is_remote, _named_by(name)[1])))
    is_final = not (remote or compressed)
    entries = (entry for entry, _ in files)
    listing = listing_of(entries, options, others) if is_final else None
    in_order = not (remote or any(_named_by(name)[0] in _READ_LIST for name in options.inputs))
    enough = objects_needed(options) if in_order else None
    return Inputs(remote, tuple(sorted(compressed)), listing, enough, others)


@contextmanager
def opened(names: Sequence[str]) -> Iterator[tuple[pd.DataFrame, Callable[[int], bytes | Failure]]]:
    """The items of inputs that no run looks at, and what reads one of them by its row.

    What archives and videos need lies in a temporary folder meanwhile, also copies of those in
    buckets. ImgvetError as :func:`list_items`.
    """
    options, videos = SourceOptions(input_dir=tuple(names)), VideoOptions()
    with scratch_folder() as folder:
        work = WorkDir(folder)
        inputs, containers = find_inputs(options), containers_in(work, videos)
        copied = (mirror(name, options, work, "", images=False) for name in inputs.remote)
        for path in chain(inputs.compressed, *(report.compressed for report in copied)):
            containers[kind_of_file(path)].prepare(Path(path))
        listing = list_items(options, work) if inputs.listing is None else inputs.listing
        items, reader = to_frame(listing), Reader(work, videos)
        files, problems = files_in(items), list(zip(items["status"], items["detail"], strict=True))

        def read(row: int) -> bytes | Failure:
            reason, detail = Reason(problems[row][0]), problems[row][1]
            content = reader.read(files[row]) if reason is Reason.OK else Failure(reason, detail)
            return content if isinstance(content, Failure) else content.data

        yield items, read


def _named_by(name: str) -> tuple[Kind, tuple[str, ...]]:
    """The kind of an input, and its rows if it is a list of paths, else the input itself.

    The name of a member or a frame is a list of one.
    """
    kind = kind_of_input(file := _file_of_row(name))
    if file != name:
        return Kind.TEXT_LIST, (name,)
    return kind, _READ_LIST[kind](Path(name).expanduser()) if kind in _READ_LIST else (name,)


def _file_of_row(row: str) -> str:
    """The file or object that a row of a list names, or in which what it names lies."""
    if ("!" not in row and "#" not in row) or (not is_remote(row) and os.path.lexists(row)):
        return row
    return file_of_item(row)


def _listed_inside(name: str) -> Mapping[str, set[str]]:
    """What an input, if it is a list, names in archives and videos that it does not name whole."""
    kind, rows = _named_by(name)
    found: dict[str, set[str]] = {}
    for row in rows if kind in _READ_LIST else ():
        if (file := _file_of_row(row)) != row:
            path = parse_location(file).uri if is_remote(file) else str(Path(file).absolute())
            found.setdefault(path, set()).add(plain_name(path + row[len(file) :]))
    for row in rows:
        found.pop(row, None)
    return found


def _is_wanted(kind: Kind, options: SourceOptions) -> bool:
    return not (options.tar_only if kind is Kind.IMAGE else options.no_archives)


def _local_files(
    options: SourceOptions, is_item: Callable[[str], bool] = is_item_name
) -> Iterator[File]:
    found = chain.from_iterable(_files_of(name, is_item) for name in options.inputs)
    return ((entry, kind) for entry, kind in found if _is_wanted(kind, options))


def _files_of(name: str, is_item: Callable[[str], bool]) -> Iterator[File]:
    """The images, archives and videos outside of buckets that one input leads to."""
    kind, rows = _named_by(name)
    files = dict.fromkeys(map(_file_of_row, rows)) if kind in _READ_LIST else rows
    local = [file for file in files if not is_remote(file)]
    paths = (Path(file).expanduser().absolute() for file in local)
    if kind is Kind.CSV_LIST:
        # The ending of a path in a csv does not matter: whatever can be decoded is an image.
        whole = set(rows)
        kinds = (Kind.IMAGE if file in whole else kind_of_file(file) for file in local)
        return ((walk_file(path, name), kind) for path, kind in zip(paths, kinds, strict=True))
    if kind is Kind.YOLO:
        entries = chain.from_iterable(yolo_entries(read_yolo(path), name) for path in paths)
    else:
        entries = chain.from_iterable(walk(path, name, is_item) for path in paths)
    return ((entry, kind_of_file(entry.path)) for entry in entries)


def remote_files(name: str, options: SourceOptions) -> Iterator[File]:
    """The images, archives and videos in buckets that one input leads to, as far as needed."""

    def is_wanted(key: str) -> bool:
        return is_item_name(key) and _is_wanted(kind_of_file(key), options)

    kind, named = _named_by(name)
    if is_remote(name) and kind not in _READ_LIST:
        entries = list_objects(parse_location(name), name, objects_needed(options), is_wanted)
    else:
        rows = filter(is_remote, dict.fromkeys(map(_file_of_row, named)))
        entries = look_up_objects((parse_location(row), name) for row in rows)
    files = ((entry, kind_of_file(entry.path)) for entry in entries)
    return ((entry, kind) for entry, kind in files if _is_wanted(kind, options))


def mirror(
    name: str, options: SourceOptions, work: WorkDir, run: str, *, images: bool
) -> SyncReport:
    """Copy the archives and videos of an input, and its images if wanted, from their bucket.

    Raises as :func:`imgvet.sources.s3_mirror.sync_to_local`, and TransportError if some did not
    arrive.
    """
    files = remote_files(name, options)
    listed = (entry for entry, kind in files if images or kind is not Kind.IMAGE)
    report = sync_to_local(listed, work.mirror, run, options.min_file_size)
    if report.transient:
        # What arrived stays, so the next attempt asks only for the rest.
        raise TransportError(
            f"{report.failed} objects of {name} did not arrive, such as {report.transient}",
            "Run again: what arrived is kept",
        )
    return report


def objects_needed(options: SourceOptions) -> int | None:
    """How many files of a bucket are needed at most, None if all may be."""
    if options.find_regex is not None or options.subset is not None:
        return None
    if options.num_images is None:
        return options.max_offset
    wanted = (options.min_offset or 0) + options.num_images
    return min(wanted, options.max_offset or wanted)


def list_items(options: SourceOptions, work: WorkDir) -> pa.Table:
    """List what is to be analysed, sorted by name, each item once for each split.

    Archives and videos must have been made ready (task extract_archives). ImgvetError as
    :func:`find_inputs`, and if a server can't be reached.
    """
    # Of an object that is found twice the last counts: what a list names, not its folder.
    folders_first = sorted(options.inputs, key=lambda name: not is_remote(name))
    remote = chain.from_iterable(remote_files(name, options) for name in folders_first)
    containers = containers_in(work, options.part(VideoOptions))
    listed_inside = cache(_listed_inside)

    def entries_of(entry: Entry, kind: Kind) -> Iterable[Entry]:
        if kind is Kind.IMAGE:
            return [entry]
        found = _entries_inside(entry, containers[kind], work)
        listed = listed_inside(entry.source).get(entry.path)
        return found if listed is None else _only_listed(found, entry, listed)

    files = chain(_local_files(options), remote)
    return listing_of(chain.from_iterable(entries_of(*file) for file in files), options)


def _only_listed(found: Iterable[Entry], itself: Entry, listed: set[str]) -> Iterator[Entry]:
    """Those that a list names, and what is wrong with the file that they lie in as a whole."""
    missing = set(listed)
    for entry in found:
        if entry.filename in listed or entry.filename == itself.path:
            missing.discard(entry.filename)
            yield entry
    detail = "the archive holds no such image, or the video gives no such frame now"
    for name in missing:
        yield Entry(name, itself.source, status=Reason.MISSING, detail=detail)


def _entries_inside(itself: Entry, containers: Containers, work: WorkDir) -> Iterator[Entry]:
    copy = None
    if is_remote(itself.path) and itself.status is Reason.OK:
        copy = find_copy(parse_location(itself.path), itself.version, work.mirror)
        if copy is None:
            detail = "it was not copied: it changed after it was listed, or fetching it failed"
            itself = replace(itself, status=Reason.MISSING, detail=detail)
    return containers.entries(itself, copy)
