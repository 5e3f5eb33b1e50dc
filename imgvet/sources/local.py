"""Local folders and files, and files that list images: text with a path a row, CSV with one column.

Listed paths are absolute, or the names of objects in buckets: a list says nothing about where a
relative path would start. There are no comments, as a path may begin with ``#``.
Whether a listed file exists is found out when it is listed: a missing one is a row, not an error. A
list that may not be read, or is not text, is an InputUnreadableError, any other bad one a
ListFileError.
"""

from __future__ import annotations

import codecs
import csv
import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from imgvet.errors import InputUnreadableError, ListFileError, TransportError, failing_as
from imgvet.format import counted, examples
from imgvet.reasons import Failure, Reason
from imgvet.sources.kinds import is_image_name
from imgvet.sources.listing import MOST_FILE_BYTES, Entry, too_many_bytes
from imgvet.sources.s3 import is_remote

_NOT_REGULAR = OSError("not a regular file")
_LOST = (errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN)
"""What reading a mounted folder gives while its server is gone."""


def walk(
    path: Path, source: str, is_wanted: Callable[[str], bool] = is_image_name
) -> Iterator[Entry]:
    """The images below a folder, symbolic links followed, each folder visited once.

    Of any other path it is the one file, whatever its ending. InputUnreadableError if the folder
    may not be read; a folder below it becomes an ``unreadable`` entry.
    """
    if not path.is_dir():
        yield walk_file(path, source)
        return
    pending, visited = [str(path)], set[tuple[int, int]]()
    while pending:
        current = pending.pop()
        try:
            status = os.stat(current)
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(current) as children:
                for child in children:
                    if _is_folder(child):
                        pending.append(child.path)
                    elif is_wanted(child.name):
                        yield walk_file(child.path, source)
        except OSError as error:
            if current == str(path):
                raise unreadable(f"The input {source}", error) from None
            yield _failed(current, source, error)


def _is_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:
        return False  # A link that leads round in a circle: as a file it gets a row of its own.


def unreadable(what: str, error: OSError) -> InputUnreadableError:
    """The error for something of the user's that can't be read."""
    return InputUnreadableError(f"{what} can't be read ({error.strerror})", "Check its permissions")


def failure_of(error: OSError) -> Failure:
    """Why a file can't be read.

    TransportError if the server that it lies on is gone; the error itself if it says nothing of
    the file, but that no more files can be opened, or that there is no memory.
    """
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        raise error
    if error.errno in _LOST:
        problem = f"{error.filename or 'A file'} is out of reach ({error.strerror})"
        raise TransportError(problem, "Check the mount, and run again")
    reason = Reason.MISSING if isinstance(error, FileNotFoundError) else Reason.UNREADABLE
    return Failure(reason, error.strerror or str(error))


def read_bytes(path: str | Path, at_most: int | None = None) -> bytes | Failure:
    """The bytes of one file, or why they can't be had."""
    try:
        with open(path, "rb", opener=_without_waiting) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                return failure_of(_NOT_REGULAR)
            if at_most is None and status.st_size > MOST_FILE_BYTES:
                return too_many_bytes(status.st_size)
            data = stream.read(status.st_size + 1 if at_most is None else at_most)
    except OSError as error:
        return failure_of(error)
    if at_most is None and len(data) > status.st_size:
        return Failure(Reason.UNREADABLE, "it grew while it was read")
    return data if data else Failure(Reason.EMPTY_FILE, "0 bytes")


def _without_waiting(path: str, flags: int) -> int:
    """Open what has become a pipe since it was listed without waiting for its other end."""
    return os.open(path, flags | os.O_NONBLOCK)


def walk_file(path: str | Path, source: str) -> Entry:
    """The entry of one file, whatever its ending."""
    path, problem = str(path), _NOT_REGULAR
    try:
        path.encode()
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            return Entry(path, source, status.st_size, status.st_mtime_ns)
    except UnicodeEncodeError:
        problem = OSError("the name is not valid UTF-8; rename the file")
    except OSError as error:
        problem = error
    return _failed(path, source, problem)


def _failed(path: str, source: str, error: OSError) -> Entry:
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    failure = failure_of(error)
    return Entry(shown, source, status=failure.reason, detail=failure.detail)


def read_text_list(path: Path) -> tuple[str, ...]:
    """The paths and URIs of a text file, one a row, in order."""
    return _absolute(read_rows(path), path)


def read_rows(path: Path) -> tuple[str, ...]:
    """The rows of a text file, without blank ones and without spaces and double quotes around them.

    It is UTF-8, with or without a byte order mark, or UTF-16 with one; rows end in LF or CRLF.
    """
    rows = (row.strip() for row in io.StringIO(_text(path), newline=None))
    unquoted = (row[1:-1] if len(row) > 1 and row[0] == row[-1] == '"' else row for row in rows)
    return tuple(filter(None, unquoted))


def read_csv_list(path: Path) -> tuple[str, ...]:
    """The paths of a CSV file with one column; a first row ``filename`` is skipped."""
    lines = csv.reader(io.StringIO(_text(path), newline=""), skipinitialspace=True)
    problem = f"The list {path} is not CSV"
    with failing_as(InputUnreadableError, problem, "List one path a row", csv.Error):
        rows = [row for row in lines if any(field.strip() for field in row)]
    if rows and [rows[0][0].strip().lower(), *rows[0][1:]] == ["filename"]:
        del rows[0]
    wide = [",".join(row) for row in rows if len(row) > 1]
    if wide:
        raise ListFileError(
            f"{counted(len(wide), 'row')} of {path} with more than one column "
            f"({examples(wide[:3])})",
            "List one path a row, in double quotes if it holds a comma; labels go to --annotations",
        )
    return _absolute(tuple(row[0].strip() for row in rows), path)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(f"The list {path}", error) from None
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        # File names need not be UTF-8; such bytes pass through to the file system.
        text = data.decode("utf-16") if is_utf16 else data.decode("utf-8-sig", "surrogateescape")
    except UnicodeError:
        text = None
    if text is None or "\0" in text:
        raise InputUnreadableError(f"The list {path} is not text", "List one path a row, as UTF-8")
    return text


def _absolute(names: tuple[str, ...], path: Path) -> tuple[str, ...]:
    relative = [name for name in names if not (name.startswith("/") or is_remote(name))]
    if relative:
        raise ListFileError(
            f"{counted(len(relative), 'relative path')} in {path} ({examples(relative[:3])})",
            "List absolute paths, or s3:// and minio:// ones",
        )
    return names
