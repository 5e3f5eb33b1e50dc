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

    A folder below it that may not be read becomes an entry with status ``unreadable``.

    Args:
        folder: where to look.
        source: the input as the user wrote it.
        is_wanted: whether a file counts, by its name.

    Raises:
        InputUnreadableError: the folder itself may not be read.
    """
    errors: list[OSError] = []
    visited: set[tuple[int, int]] = set()
    for current, folders, names in os.walk(folder, onerror=errors.append, followlinks=True):
        try:
            status = os.stat(current)
        except OSError as error:
            errors.append(error)
            continue
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        # From the last on: the order decides under which of its names a linked folder is listed.
        folders.reverse()
        for name in filter(is_wanted, names):
            yield walk_file(os.path.join(current, name), source)
    for failed in errors:
        if failed.filename == str(folder):
            raise unreadable(f"The input {source}", failed)
        yield _failed(failed.filename, source, failed)


def unreadable(what: str, error: OSError) -> InputUnreadableError:
    """The error for something of the user's that can't be read."""
    return InputUnreadableError(f"{what} can't be read ({error.strerror})", "Check its permissions")


def failure_of(error: OSError) -> Failure:
    """Why a file can't be read."""
    reason = Reason.MISSING if isinstance(error, FileNotFoundError) else Reason.UNREADABLE
    return Failure(reason, error.strerror or str(error))


def walk_file(path: str | Path, source: str) -> Entry:
    """The entry of one file, whatever its ending."""
    path = str(path)
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
