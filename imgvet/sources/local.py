"""Local folders and files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from imgvet.errors import InputUnreadableError
from imgvet.reasons import Failure, Reason
from imgvet.sources.entry import Entry
from imgvet.sources.kinds import is_image_name


def walk_folder(
    folder: Path, source: str, is_wanted: Callable[[str], bool] = is_image_name
) -> Iterator[Entry]:
    """The images below a folder, symbolic links followed, each folder visited once.

    A file counts if its name ``is_wanted``; ``source`` is the input as the user wrote it. A folder
    below that may not be read becomes an entry with status ``unreadable``.

    Raises:
        InputUnreadableError: the folder itself may not be read.
    """
    pending, visited = [str(folder)], set[tuple[int, int]]()
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
                        yield _entry_of(child.path, source)
        except OSError as error:
            if current == str(folder):
                raise InputUnreadableError(
                    f"The input {source} can't be read ({error.strerror})", "Check its permissions"
                ) from None
            yield _failed(current, source, error)


def _is_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:
        return False  # A link that leads round in a circle: as a file it gets a row of its own.


def walk_file(path: Path, source: str) -> Entry:
    """The entry of one file that the user named; its ending does not matter."""
    return _entry_of(str(path), source)


def failure_of(error: OSError) -> Failure:
    """Why a file can't be read."""
    reason = Reason.MISSING if isinstance(error, FileNotFoundError) else Reason.UNREADABLE
    return Failure(reason, error.strerror or str(error))


def _entry_of(path: str, source: str) -> Entry:
    try:
        path.encode()
        status = os.stat(path)
    except UnicodeEncodeError:
        detail = "the name is not valid UTF-8; rename the file"
        return _failed(path, source, OSError(detail))
    except OSError as error:
        return _failed(path, source, error)
    if not stat.S_ISREG(status.st_mode):
        return _failed(path, source, OSError("not a regular file"))
    return Entry(path, source, status.st_size, status.st_mtime_ns)


def _failed(path: str, source: str, error: OSError) -> Entry:
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    failure = failure_of(error)
    return Entry(shown, source, status=failure.reason, detail=failure.detail)
