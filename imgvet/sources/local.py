"""Local folders and files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from imgvet.errors import InputUnreadableError
from imgvet.reasons import Reason
from imgvet.sources.entry import Entry
from imgvet.sources.kinds import is_image_name

_NOT_UTF8 = "the name is not valid UTF-8; rename the file"
FolderKey = tuple[int, int]


def walk_folder(
    folder: Path, source: str, is_wanted: Callable[[str], bool] = is_image_name
) -> Iterator[Entry]:
    """The images below a folder, symbolic links followed, each folder visited once.

    Args:
        folder: where to look.
        source: the input as the user wrote it.
        is_wanted: whether a file counts, by its name.

    A folder below it that may not be read becomes an entry with status ``unreadable``.

    Raises:
        InputUnreadableError: the folder itself may not be read.
    """
    try:
        with os.scandir(folder):
            pass
    except OSError as error:
        raise InputUnreadableError(
            f"The input {source} can't be read ({error.strerror})", "Check its permissions"
        ) from None
    yield from _walk(str(folder), source, is_wanted)


def _walk(folder: str, source: str, is_wanted: Callable[[str], bool]) -> Iterator[Entry]:
    pending = [folder]
    visited: set[FolderKey] = set()
    while pending:
        current = pending.pop()
        try:
            if not _first_visit(current, visited):
                continue
            with os.scandir(current) as children:
                for child in children:
                    if _is_folder(child):
                        pending.append(child.path)
                    elif is_wanted(child.name):
                        yield _entry_of(child.path, source)
        except OSError as error:
            yield _failed(current, source, error)


def _first_visit(folder: str, visited: set[FolderKey]) -> bool:
    status = os.stat(folder)
    key = (status.st_dev, status.st_ino)
    if key in visited:
        return False
    visited.add(key)
    return True


def _is_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:
        # A link that leads round in a circle: as a file it gets a row of its own.
        return False


def walk_file(path: Path, source: str) -> Entry:
    """The entry of one file that the user named; its ending does not matter."""
    return _entry_of(str(path), source)


def _entry_of(path: str, source: str) -> Entry:
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        return Entry(shown, source, status=Reason.UNREADABLE, detail=_NOT_UTF8)
    try:
        status = os.stat(path)
    except OSError as error:
        return _failed(path, source, error)
    if not stat.S_ISREG(status.st_mode):
        return Entry(path, source, status=Reason.UNREADABLE, detail="not a regular file")
    return Entry(path, source, status.st_size, status.st_mtime_ns)


def _failed(path: str, source: str, error: OSError) -> Entry:
    reason = Reason.MISSING if isinstance(error, FileNotFoundError) else Reason.UNREADABLE
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    return Entry(shown, source, status=reason, detail=error.strerror or str(error))
