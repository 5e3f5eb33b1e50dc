"""Read the bytes of an item, wherever it lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from imgvet.options import VideoOptions
from imgvet.reasons import Failure, Reason
from imgvet.sources.archive import Archives
from imgvet.sources.containers import Containers
from imgvet.sources.kinds import Kind
from imgvet.sources.listing import Content
from imgvet.sources.local import read_bytes
from imgvet.sources.s3 import is_remote, parse_location
from imgvet.sources.s3_mirror import find_copy
from imgvet.sources.s3_objects import fetch_object
from imgvet.sources.video import Videos
from imgvet.store.files import FileToRead
from imgvet.threads import in_threads, one_thread_of_opencv, read_ahead
from imgvet.workdir import WorkDir

Used = TypeVar("Used")


def containers_in(work: WorkDir, videos: VideoOptions, threads: int = 1) -> dict[Kind, Containers]:
    """What archives and videos hold; each video is decoded by so many ``threads``."""
    films = Videos(work.frames, videos, threads)
    return {Kind.ARCHIVE: Archives(work.extracted, films), Kind.VIDEO: films}


class Reader:
    """Reads items; may be used from several threads."""

    def __init__(self, work: WorkDir, videos: VideoOptions) -> None:
        self._mirror = work.mirror.absolute()  # by which containers are known
        self._containers = containers_in(work, videos)

    def read(self, file: FileToRead) -> Content | Failure:
        """The content of the file that an item is, or was cut from, or why it can't be had.

        A problem of a whole bucket is raised as by :func:`imgvet.sources.s3.ask`.
        """
        path, is_whole = file.path, file.member is None and file.time_ms is None
        if is_remote(path):
            location = parse_location(path)
            copy = find_copy(location, file.version, self._mirror)
            if copy is None and is_whole:
                return fetch_object(location, file.version)
            if copy is None:
                return Failure(Reason.MISSING, f"the copy of {path} is gone")
            path = str(copy)
        if file.time_ms is not None:
            data = self._containers[Kind.VIDEO].read(path, str(file.time_ms), file.member)
        elif file.member is not None:
            data = self._containers[Kind.ARCHIVE].read(path, file.member)
        else:
            data = read_bytes(path)
        return data if isinstance(data, Failure) else Content(data, file.version)


def read_each(
    files: Sequence[FileToRead],
    reader: Reader,
    use: Callable[[FileToRead, Content | Failure], Used],
    threads: int,
) -> Iterator[Used]:
    """Read items and use their contents, in order.

    Local items are read and used by the same thread. Objects in buckets are read ahead by many
    threads and used by ``threads`` of them.
    """
    if not any(is_remote(file.path) for file in files):
        yield from in_threads(lambda file: use(file, reader.read(file)), files, threads)
        return
    contents = read_ahead(
        files, lambda file: (file, reader.read(file)), size_of=lambda file: file.file_size
    )
    with one_thread_of_opencv():
        yield from read_ahead(
            contents, lambda pair: use(*pair), workers=threads, size_of=lambda _: 0
        )
