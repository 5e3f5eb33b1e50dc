"""Read the bytes of an item, wherever it lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from imgvet.images.picture import Failure
from imgvet.options import VideoOptions
from imgvet.reasons import Reason
from imgvet.sources.archive import ArchiveReader
from imgvet.sources.crop_names import split_crop_name
from imgvet.sources.location import Location, parse_location
from imgvet.sources.read_ahead import read_ahead
from imgvet.sources.s3_location import Location as RemoteLocation
from imgvet.sources.s3_location import is_remote
from imgvet.sources.s3_location import parse_location as parse_remote
from imgvet.sources.s3_mirror import find_copy
from imgvet.sources.s3_reading import ObjectContent, fetch_object
from imgvet.sources.video_frames import FrameReader
from imgvet.store.files import FileToRead
from imgvet.threads import in_threads
from imgvet.workdir import WorkDir

Used = TypeVar("Used")


@dataclass(frozen=True)
class Content:
    """The content of one item.

    Attributes:
        data: its bytes.
        version: which version of it was read, as its source calls it; empty if nothing is said.
        detail: what was unusual but harmless, empty if nothing was.
    """

    data: bytes
    version: str = ""
    detail: str = ""


def read_bytes(filename: str) -> bytes | Failure:
    """The bytes of one local file, or why they can't be had."""
    try:
        data = Path(filename).read_bytes()
    except FileNotFoundError as error:
        return Failure(Reason.MISSING, error.strerror or str(error))
    except OSError as error:
        return Failure(Reason.UNREADABLE, error.strerror or str(error))
    return data if data else Failure(Reason.EMPTY_FILE, "0 bytes")


class Reader:
    """Reads items by name; may be used from several threads.

    Args:
        work: the work dir, with mirrors, indexes of archives, and frames.
        videos: which frames of videos are looked at.
    """

    def __init__(self, work: WorkDir, videos: VideoOptions) -> None:
        self._mirror = work.mirror
        self._archives = ArchiveReader(work.extracted)
        self._frames = FrameReader(work.frames, videos)

    def read(self, file: FileToRead) -> Content | Failure:
        """The content of the file that an item is, or was cut from, or why it can't be had.

        Raises:
            InputNotFoundError: its bucket is gone.
            InputUnreadableError: the credentials are not, or no longer, valid.
            TransportError: the server can't be reached.
        """
        location = parse_location(split_crop_name(file.filename)[0])
        if not is_remote(location.path):
            data = self._read_local(location, location.path)
            return data if isinstance(data, Failure) else Content(data)
        if location.member is None and location.time_ms is None:
            return self._read_object(parse_remote(location.path), file.version)
        return self._read_inside(location, file.version)

    def _read_local(self, location: Location, path: str) -> bytes | Failure:
        """The bytes of an item that lies in the file ``path``, or is it."""
        if location.member is not None:
            return self._archives.read_member(path, location.member)
        if location.time_ms is not None:
            return self._frames.read_frame(path, location.time_ms)
        return read_bytes(path)

    def _read_object(self, remote: RemoteLocation, version: str) -> Content | Failure:
        copy = find_copy(remote, version, self._mirror)
        if copy is not None:
            data = read_bytes(str(copy))
            return data if isinstance(data, Failure) else Content(data, version)
        found = fetch_object(remote, version)
        if isinstance(found, ObjectContent):
            return Content(found.data, found.version, found.detail)
        return found

    def _read_inside(self, location: Location, version: str) -> Content | Failure:
        """A member or a frame of an archive or a video that was mirrored."""
        copy = find_copy(parse_remote(location.path), version, self._mirror)
        if copy is None:
            return Failure(Reason.MISSING, f"the copy of {location.path} is gone")
        data = self._read_local(location, str(copy))
        return data if isinstance(data, Failure) else Content(data, version)


def read_each(
    files: Sequence[FileToRead],
    reader: Reader,
    use: Callable[[FileToRead, Content | Failure], Used],
    threads: int,
) -> Iterator[Used]:
    """Read items and use their contents, in order.

    Local items are read and used by the same thread. Objects in buckets are read ahead by many
    threads, with bounded memory, and used by ``threads`` of them.
    """
    if not any(is_remote(file.filename) for file in files):
        return in_threads(lambda file: use(file, reader.read(file)), files, threads)
    contents = read_ahead(
        files, lambda file: (file, reader.read(file)), size_of=lambda file: file.file_size
    )
    return read_ahead(contents, lambda pair: use(*pair), workers=threads, size_of=lambda _: 0)
