"""Buckets among the inputs: their images, and the archives and videos that lie in them.

Images are streamed, or read from the mirror if they were copied ahead. Archives and videos are read
in any order, so they are always copied into the mirror first (task sync_s3_to_local) and opened
there; the path of their members and frames is the URI of the object: ``s3://bucket/a.tar!1.jpg``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from imgvet.options import SourceOptions, VideoOptions
from imgvet.reasons import Reason
from imgvet.sources.archive import archive_entries
from imgvet.sources.archive_sidecars import split_of_shard
from imgvet.sources.entry import Entry
from imgvet.sources.found import Found
from imgvet.sources.kinds import COMPRESSED, Kind, is_item_name, kind_of_input, kind_of_object
from imgvet.sources.lists import read_csv_list, read_text_list
from imgvet.sources.mixing import is_ignored
from imgvet.sources.s3_listing import entries, named_entries
from imgvet.sources.s3_location import is_remote
from imgvet.sources.s3_location import parse_location as parse_object
from imgvet.sources.s3_mirror import find_copy
from imgvet.sources.s3_retry import DEFAULT_RETRY, RetryPolicy
from imgvet.sources.video_frames import video_entries
from imgvet.workdir import WorkDir


def remote_inputs(options: SourceOptions) -> tuple[str, ...]:
    """The inputs that are buckets or folders or objects in them, or lists that name some."""
    return tuple(
        name for name in options.input_dir if is_remote(name) or any(map(is_remote, rows_of(name)))
    )


def rows_of(name: str) -> tuple[str, ...]:
    """The rows of an input that is a list of paths; none of any other input."""
    if is_remote(name):
        return ()
    kind, path = kind_of_input(name), Path(name).expanduser()
    if kind is Kind.TEXT_LIST:
        return read_text_list(path)
    return read_csv_list(path) if kind is Kind.CSV_LIST else ()


def remote_limit(options: SourceOptions) -> int | None:
    """How many files of a bucket are needed at most, None if all may be."""
    if options.find_regex is not None or options.subset is not None:
        return None
    if options.num_images is None:
        return options.max_offset
    wanted = (options.min_offset or 0) + options.num_images
    return min(wanted, options.max_offset or wanted)


def remote_files(options: SourceOptions) -> Iterator[Found]:
    """The images, archives and videos of all buckets: folders first, then what lists name."""
    buckets = [name for name in options.input_dir if is_remote(name)]
    lists = [name for name in options.input_dir if not is_remote(name)]
    for name in (*buckets, *lists):
        yield from map(as_found, objects_of(name, options))


def objects_of(
    name: str, options: SourceOptions, retry: RetryPolicy = DEFAULT_RETRY
) -> Iterator[Entry]:
    """The objects that one input leads to, under their plain URIs.

    Args:
        name: a bucket, a folder or an object in it, or a list.
        options: with ``tar_only``, images are left out.
        retry: how patiently requests are repeated.
    """
    if not is_remote(name):
        rows = ((parse_object(row), name) for row in rows_of(name) if is_remote(row))
        yield from named_entries(rows, retry=retry)
        return

    def is_wanted(key: str) -> bool:
        return is_item_name(key) and not is_ignored(kind_of_object(key), tar_only=options.tar_only)

    yield from entries(parse_object(name), name, remote_limit(options), is_wanted, retry)


def as_found(entry: Entry) -> Found:
    """An object as a file of its kind."""
    return Found(entry, kind_of_object(entry.path))


def is_compressed(key: str) -> bool:
    """Whether an object is an archive or a video, by its name."""
    return kind_of_object(key) in COMPRESSED


def items_inside(found: Found, work: WorkDir, videos: VideoOptions) -> Iterator[Entry]:
    """The members or frames of an archive or a video in a bucket, which was mirrored before.

    Args:
        found: the object.
        work: the work dir, with the mirror and what was made of its files.
        videos: which frames of videos are wanted.
    """
    itself = found.entry
    copy = find_copy(parse_object(itself.path), itself.version, work.mirror)
    if itself.status is not Reason.OK:
        yield itself
    elif copy is None:
        detail = "it was not copied: it changed after it was listed, or fetching it failed"
        yield replace(itself, status=Reason.MISSING, detail=detail)
    elif found.kind is Kind.ARCHIVE:
        split = split_of_shard(itself.path)
        for entry in archive_entries(copy, itself.source, work.extracted):
            yield replace(_renamed(entry, itself), split=split)
    else:
        for entry in video_entries(copy, itself.source, work.frames, videos):
            yield _renamed(entry, itself)


def _renamed(entry: Entry, itself: Entry) -> Entry:
    """An item of the mirrored file, as one of the object it is a copy of."""
    return replace(entry, path=itself.path, mtime_ns=itself.mtime_ns, version=itself.version)
