"""Send every input to its kind, and every file found to what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from imgvet.options import SourceOptions, VideoOptions
from imgvet.reasons import Reason
from imgvet.sources.archive import archive_entries
from imgvet.sources.entry import Entry
from imgvet.sources.found import Found
from imgvet.sources.kinds import COMPRESSED, Kind, is_item_name, kind_of_input, kind_of_name
from imgvet.sources.lists import read_csv_list, read_text_list
from imgvet.sources.local import walk_file, walk_folder
from imgvet.sources.mixing import Mixture, is_ignored, refuse_mixture
from imgvet.sources.remote import items_inside, remote_files
from imgvet.sources.s3_location import is_remote, parse_location
from imgvet.sources.video_frames import video_entries
from imgvet.sources.yolo import read_yolo
from imgvet.sources.yolo_entries import yolo_entries
from imgvet.workdir import WorkDir


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
    """The archives and the videos among the local inputs, as absolute paths, sorted.

    Raises:
        MixedInputError: there are loose local images beside them.
    """
    found = [
        found
        for found in _without_ignored(_local_files(options.input_dir), options)
        if found.kind in COMPRESSED and found.entry.status is Reason.OK
    ]
    by_kind = {kind: {f.entry.path for f in found if f.kind is kind} for kind in COMPRESSED}
    return tuple(sorted(by_kind[Kind.ARCHIVE])), tuple(sorted(by_kind[Kind.VIDEO]))


def list_entries(options: SourceOptions, work: WorkDir) -> Iterator[Entry]:
    """The items of all inputs, in the order given."""
    videos = options.part(VideoOptions)
    files = chain(_local_files(options.input_dir), remote_files(options))
    for found in _without_ignored(files, options):
        path, source = found.entry.path, found.entry.source
        if found.kind not in COMPRESSED:
            yield found.entry
        elif is_remote(path):
            yield from items_inside(found, work, videos)
        elif found.kind is Kind.ARCHIVE:
            yield from archive_entries(Path(path), source, work.extracted)
        else:
            yield from video_entries(Path(path), source, work.frames, videos)


def _without_ignored(files: Iterable[Found], options: SourceOptions) -> Iterator[Found]:
    """The files, less loose images if only compressed inputs are wanted; mixtures are refused."""
    mixture = Mixture()
    for found in files:
        mixture = mixture.with_file(found.entry.path, found.kind)
        if not is_ignored(found.kind, tar_only=options.tar_only):
            yield found
    refuse_mixture(mixture, tar_only=options.tar_only)


def _local_files(inputs: Iterable[str]) -> Iterator[Found]:
    return chain.from_iterable(_files_of(name) for name in inputs if not is_remote(name))


def _files_of(name: str) -> Iterator[Found]:
    kind, path = kind_of_input(name), Path(name).expanduser().absolute()
    if kind is Kind.FOLDER:
        yield from map(_found, walk_folder(path, name, is_item_name))
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
    """What one row of a text list leads to; remote ones come from :func:`remote_files`."""
    if is_remote(row):
        return
    if Path(row).is_dir():
        yield from map(_found, walk_folder(Path(row), source, is_item_name))
    else:
        yield _found(walk_file(Path(row), source))


def _found(entry: Entry) -> Found:
    kind = kind_of_name(entry.path)
    return Found(entry, kind if kind in COMPRESSED else Kind.IMAGE)
