"""What the inputs lead to: the one seam through which every kind of input comes.

Each input is sent to its kind, and every file found to what it holds. Images in buckets are
streamed, or read from the mirror if they were copied ahead. Archives and videos are read in any
order, so those in buckets are always copied into the mirror first (task sync_s3_to_local) and
opened there; the path of their members and frames is the URI of the object. No later stage knows
where an item came from: it reads through :class:`imgvet.sources.reading.Reader`.
"""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import pyarrow as pa

from imgvet.errors import (
    InputNotFoundError,
    InputUnreadableError,
    InvalidParameterError,
    MixedInputError,
)
from imgvet.options import SourceOptions, VideoOptions
from imgvet.reasons import Reason
from imgvet.sources.archive import HEAD_BYTES, Archives, identify_archive
from imgvet.sources.entry import Entry
from imgvet.sources.kinds import (
    ARCHIVE_ENDINGS,
    COMPRESSED,
    Kind,
    is_item_name,
    kind_of_file,
    kind_of_name,
)
from imgvet.sources.listing import listing_of
from imgvet.sources.lists import read_csv_list, read_text_list
from imgvet.sources.local import walk_file, walk_folder
from imgvet.sources.s3 import is_remote, parse_location
from imgvet.sources.s3_errors import DEFAULT_RETRY, RetryPolicy
from imgvet.sources.s3_mirror import find_copy
from imgvet.sources.s3_objects import list_objects, look_up_objects
from imgvet.sources.video import Videos
from imgvet.sources.yolo import read_yolo, yolo_entries
from imgvet.workdir import WorkDir

_READ_LIST = {Kind.TEXT_LIST: read_text_list, Kind.CSV_LIST: read_csv_list}


def require_inputs(inputs: Iterable[str]) -> None:
    """Check that every local input exists, before anything is written.

    Raises:
        InputNotFoundError: one does not.
        InvalidParameterError: one is an archive whose name does not show it, or names no bucket.
    """
    for name in inputs:
        if is_remote(name):
            parse_location(name)
        else:
            kind_of_input(name)


def kind_of_input(name: str) -> Kind:
    """The kind of an input as the user wrote it.

    Raises:
        InputNotFoundError: a local input does not exist.
        InputUnreadableError: it may not be looked at.
        InvalidParameterError: an archive whose name does not show that it is one.
    """
    kind = kind_of_name(name)
    if kind in (Kind.S3, Kind.MINIO):
        return kind
    path = Path(name).expanduser()
    try:
        mode = path.stat().st_mode
    except PermissionError as error:
        raise InputUnreadableError(
            f"The input {name} can't be read ({error.strerror})", "Check its permissions"
        ) from None
    except OSError:
        raise InputNotFoundError(
            f"The input {name} does not exist",
            "Give a folder, images, an archive, a video or a list that exists",
        ) from None
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    if kind is Kind.IMAGE and stat.S_ISREG(mode) and _holds_archive(path):
        raise InvalidParameterError(
            f"The input {name} is an archive, but its name does not end as that of one",
            f"Rename it to end in one of {' '.join(ARCHIVE_ENDINGS)}",
        )
    return kind


def _holds_archive(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return identify_archive(stream.read(HEAD_BYTES)) is not None
    except OSError:
        return False  # Reading it as an image tells why it can't be read.


def _is_in_bucket(name: str) -> bool:
    """Whether an input is a bucket or something in one, or a list that names some."""
    if is_remote(name):
        parse_location(name)  # refuses bad ones
        return True
    return any(map(is_remote, _rows_of(name)))


def _rows_of(name: str) -> tuple[str, ...]:
    """The rows of an input that is a list of paths; none of any other input."""
    if kind_of_name(name) in _READ_LIST and kind_of_input(name) in _READ_LIST:
        return _READ_LIST[kind_of_name(name)](Path(name).expanduser())
    return ()


File = tuple[Entry, Kind]
"""A file or an object that an input led to; of kind image, archive or video."""


def _unmixed(files: Iterable[File], options: SourceOptions) -> Iterator[File]:
    """The files, less loose images if only compressed inputs are wanted; mixtures are refused."""
    counts: Counter[bool] = Counter()
    examples: dict[bool, str] = {}
    for entry, kind in files:
        compressed = kind in COMPRESSED
        if options.tar_only and not compressed:
            continue
        counts[compressed] += 1
        examples.setdefault(compressed, entry.path)
        yield entry, kind
    if len(counts) == 2:
        raise MixedInputError(
            f"Archives or videos ({counts[True]}, such as {examples[True]}) and loose images "
            f"({counts[False]}, such as {examples[False]}) do not mix in one run",
            "Give one of them, or tar_only=True (--tar-only) to ignore the loose images",
        )


@dataclass(frozen=True)
class Inputs:
    """What the inputs lead to, each local file having been looked at once.

    Attributes:
        remote: the inputs that are in buckets, or are lists that name some.
        archives: the local archives, as absolute paths, sorted.
        videos: the local videos.
        listing: what :func:`list_items` gives, if there is nothing to fetch or unpack first.
    """

    remote: tuple[str, ...]
    archives: tuple[str, ...]
    videos: tuple[str, ...]
    listing: pa.Table | None


def find_inputs(options: SourceOptions) -> Inputs:
    """Look at every local file.

    Raises:
        InputNotFoundError: an input does not exist.
        InvalidParameterError: one is an archive whose name does not show it, or names no bucket.
        InputUnreadableError: an input may not be read.
        InputEmptyError: nothing is left to analyse.
        MixedInputError: archives or videos and loose images are in one run.
    """
    files = list(_unmixed(_local_files(options.input_dir), options))
    archives, videos = (
        tuple(sorted({e.path for e, kind in files if kind is wanted and e.status is Reason.OK}))
        for wanted in (Kind.ARCHIVE, Kind.VIDEO)
    )
    remote = tuple(name for name in options.input_dir if _is_in_bucket(name))
    is_final = not (remote or archives or videos)
    listing = listing_of((entry for entry, _ in files), options) if is_final else None
    return Inputs(remote, archives, videos, listing)


def _local_files(inputs: Iterable[str]) -> Iterator[File]:
    return chain.from_iterable(_files_of(name) for name in inputs if not is_remote(name))


def _files_of(name: str) -> Iterator[File]:
    kind, path = kind_of_input(name), Path(name).expanduser().absolute()
    if kind is Kind.FOLDER:
        yield from _with_kinds(walk_folder(path, name, is_item_name))
    elif kind is Kind.YOLO:
        yield from _with_kinds(yolo_entries(read_yolo(path), name))
    elif kind is Kind.CSV_LIST:
        # The ending of a path in a csv does not matter: whatever can be decoded is an image.
        rows = (row for row in read_csv_list(path) if not is_remote(row))
        yield from ((walk_file(Path(row), name), Kind.IMAGE) for row in rows)
    elif kind is Kind.TEXT_LIST:
        rows = (row for row in read_text_list(path) if not is_remote(row))
        yield from _with_kinds(chain.from_iterable(_listed(Path(row), name) for row in rows))
    else:
        yield walk_file(path, name), kind


def _listed(path: Path, source: str) -> Iterable[Entry]:
    """What one row of a text list leads to."""
    return walk_folder(path, source, is_item_name) if path.is_dir() else [walk_file(path, source)]


def _with_kinds(entries: Iterable[Entry]) -> Iterator[File]:
    return ((entry, kind_of_file(entry.path)) for entry in entries)


def objects_of(
    name: str, options: SourceOptions, retry: RetryPolicy = DEFAULT_RETRY
) -> Iterator[Entry]:
    """The objects that one input leads to.

    Args:
        name: a bucket, a folder or an object in it, or a list.
        options: with ``tar_only``, images are left out.
        retry: how patiently requests are repeated.
    """
    if not is_remote(name):
        rows = ((parse_location(row), name) for row in _rows_of(name) if is_remote(row))
        yield from look_up_objects(rows, retry=retry)
        return

    def is_wanted(key: str) -> bool:
        return is_item_name(key) and not (options.tar_only and kind_of_file(key) is Kind.IMAGE)

    limit = objects_needed(options)
    yield from list_objects(parse_location(name), name, limit, is_wanted, retry)


def objects_needed(options: SourceOptions) -> int | None:
    """How many files of a bucket are needed at most, None if all may be."""
    if options.find_regex is not None or options.subset is not None:
        return None
    if options.num_images is None:
        return options.max_offset
    wanted = (options.min_offset or 0) + options.num_images
    return min(wanted, options.max_offset or wanted)


def _remote_files(options: SourceOptions) -> Iterator[File]:
    """The images, archives and videos of all buckets: folders first, then what lists name."""
    for name in sorted(options.input_dir, key=lambda name: not is_remote(name)):
        yield from _with_kinds(objects_of(name, options))


def is_compressed(key: str) -> bool:
    """Whether an object is an archive or a video, by its name."""
    return kind_of_file(key) in COMPRESSED


def list_entries(options: SourceOptions, work: WorkDir) -> Iterator[Entry]:
    """The items of all inputs, in the order given."""
    files = chain(_local_files(options.input_dir), _remote_files(options))
    for entry, kind in _unmixed(files, options):
        if kind in COMPRESSED:
            yield from _entries_inside(entry, kind, options, work)
        else:
            yield entry


def _entries_inside(
    itself: Entry, kind: Kind, options: SourceOptions, work: WorkDir
) -> Iterator[Entry]:
    """The members or frames of an archive or a video that was mirrored and made ready before."""
    copy = None
    if is_remote(itself.path) and itself.status is Reason.OK:
        copy = find_copy(parse_location(itself.path), itself.version, work.mirror)
        if copy is None:
            detail = "it was not copied: it changed after it was listed, or fetching it failed"
            itself = replace(itself, status=Reason.MISSING, detail=detail)
    if kind is Kind.ARCHIVE:
        return Archives(work.extracted).entries(itself, copy)
    return Videos(work.frames, options.part(VideoOptions)).entries(itself, copy)


def list_items(options: SourceOptions, work: WorkDir) -> pa.Table:
    """List what is to be analysed, sorted by name, each item once for each split.

    Archives and videos must have been made ready (:mod:`imgvet.tasks.extracting`).

    Args:
        options: what to analyse.
        work: the work dir, with the indexes of archives and videos.

    Returns:
        a table of :data:`imgvet.sources.listing.LISTING_SCHEMA`, without digests.

    Raises:
        InputNotFoundError: an input does not exist.
        InputUnreadableError: an input may not be read.
        InputEmptyError: nothing is left to analyse.
        MixedInputError: compressed inputs and loose images are in one run.
    """
    return listing_of(list_entries(options, work), options)
