"""Send every input to its kind, and every file found to what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from imgvet.media.reasons import Reason
from imgvet.options import SourceOptions, VideoOptions
from imgvet.sources.archive import archive_entries
from imgvet.sources.entry import Entry
from imgvet.sources.kinds import COMPRESSED, Kind, kind_of_input, kind_of_name
from imgvet.sources.lists import read_csv_list, read_text_list
from imgvet.sources.local import is_image_name, walk_file, walk_folder
from imgvet.sources.mixing import Mixture, is_ignored, refuse_mixture
from imgvet.sources.s3_listing import entries as object_entries
from imgvet.sources.s3_listing import named_entries
from imgvet.sources.s3_location import is_remote, parse_location
from imgvet.sources.video_frames import video_entries
from imgvet.sources.yolo import read_yolo
from imgvet.sources.yolo_entries import yolo_entries
from imgvet.workdir import WorkDir


@dataclass(frozen=True)
class Found:
    """A local file that an input led to: an image, an archive or a video."""

    entry: Entry
    kind: Kind


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


def compressed_inputs(options: SourceOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The archives and the videos among all inputs, as absolute paths, sorted.

    Raises:
        MixedInputError: there are loose images beside them.
    """
    found = [
        found
        for found in _without_ignored(_local_files(options.input_dir), options)
        if found.kind in COMPRESSED and found.entry.status is Reason.OK
    ]
    by_kind = {kind: {f.entry.filename for f in found if f.kind is kind} for kind in COMPRESSED}
    return tuple(sorted(by_kind[Kind.ARCHIVE])), tuple(sorted(by_kind[Kind.VIDEO]))


def list_entries(options: SourceOptions, work: WorkDir) -> Iterator[Entry]:
    """The items of all inputs, in the order given."""
    videos = options.part(VideoOptions)
    for found in _without_ignored(_local_files(options.input_dir), options):
        if found.kind not in COMPRESSED:
            yield found.entry
            continue
        path, source = Path(found.entry.filename), found.entry.source
        if found.kind is Kind.ARCHIVE:
            yield from archive_entries(path, source, work.extracted)
        else:
            yield from video_entries(path, source, work.frames, videos)
    yield from _remote_entries(options)


def _without_ignored(files: Iterable[Found], options: SourceOptions) -> Iterator[Found]:
    """The files, less loose images if only compressed inputs are wanted; mixtures are refused."""
    mixture = Mixture()
    for found in files:
        mixture = mixture.with_file(found.entry.filename, found.kind)
        if not is_ignored(found.kind, tar_only=options.tar_only):
            yield found
    refuse_mixture(mixture, tar_only=options.tar_only)


def _local_files(inputs: Iterable[str]) -> Iterator[Found]:
    return chain.from_iterable(_files_of(name) for name in inputs if not is_remote(name))


def _files_of(name: str) -> Iterator[Found]:
    kind, path = kind_of_input(name), Path(name).expanduser().absolute()
    if kind is Kind.FOLDER:
        yield from map(_found, walk_folder(path, name, _is_wanted))
    elif kind is Kind.YOLO:
        yield from map(_found, yolo_entries(read_yolo(path), name))
    elif kind is Kind.CSV_LIST:
        # The ending of a path in a csv does not matter: whatever can be decoded is an image.
        rows = (row for row in read_csv_list(path) if not is_remote(row))
        yield from (Found(walk_file(Path(row), name), Kind.IMAGE) for row in rows)
    elif kind is Kind.TEXT_LIST:
        for row in read_text_list(path):
            yield from _listed(row, name)
    else:
        yield Found(walk_file(path, name), kind)


def _listed(row: str, source: str) -> Iterator[Found]:
    """What one row of a text list leads to; remote ones come from :func:`_remote_entries`."""
    if is_remote(row):
        return
    if Path(row).is_dir():
        yield from map(_found, walk_folder(Path(row), source, _is_wanted))
    else:
        yield _found(walk_file(Path(row), source))


def _is_wanted(name: str) -> bool:
    return is_image_name(name) or kind_of_name(name) in COMPRESSED


def _found(entry: Entry) -> Found:
    kind = kind_of_name(entry.filename)
    return Found(entry, kind if kind in COMPRESSED else Kind.IMAGE)


def remote_inputs(options: SourceOptions) -> tuple[str, ...]:
    """The inputs that are buckets, or folders or objects in them."""
    return tuple(name for name in options.input_dir if is_remote(name))


def remote_limit(options: SourceOptions) -> int | None:
    """How many images of a bucket are needed at most, None if all may be."""
    if options.find_regex is not None or options.subset is not None:
        return None
    if options.num_images is None:
        return options.max_offset
    wanted = (options.min_offset or 0) + options.num_images
    return min(wanted, options.max_offset or wanted)


def _remote_entries(options: SourceOptions) -> Iterator[Entry]:
    limit = remote_limit(options)
    for name in remote_inputs(options):
        yield from object_entries(parse_location(name), name, limit)
    named = (
        (parse_location(row), name)
        for name in options.input_dir
        if not is_remote(name)
        for row in _rows_of(name)
        if is_remote(row)
    )
    yield from named_entries(named)


def _rows_of(name: str) -> tuple[str, ...]:
    kind, path = kind_of_input(name), Path(name).expanduser()
    if kind is Kind.TEXT_LIST:
        return read_text_list(path)
    return read_csv_list(path) if kind is Kind.CSV_LIST else ()
