"""Files that list images: text with one path a row, and CSV with one column of paths.

Paths are absolute, or URIs that begin with ``s3://`` or ``minio://``: a list says nothing about
where a relative path would start. There are no comments, as a path may begin with ``#``. Whether a
listed file exists is found out when it is listed: a missing one is a row, not an error.
"""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from imgvet.errors import InputUnreadableError, ListFileError

HEADER = "filename"
"""The optional first row of a CSV, in any case."""

_EXAMPLES = 3
_URI = ("s3://", "minio://")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text_list(path: Path) -> tuple[str, ...]:
    """The paths and URIs of a text file, one a row, in order.

    Blank rows are skipped, spaces around a path and a pair of double quotes around it are removed.
    The file is UTF-8, with or without a byte order mark, or UTF-16 with one; rows end in LF or
    CRLF.

    Raises:
        InputUnreadableError: the file may not be read or is not text.
        ListFileError: it has relative paths; the message counts them.
    """
    with _opened(path) as stream:
        names = tuple(filter(None, (_unquoted(row.strip()) for row in _rows(stream, path))))
    return _absolute(names, path)


def read_csv_list(path: Path) -> tuple[str, ...]:
    """The paths of a CSV file with one column, in order; a first row ``filename`` is skipped.

    A path with a comma has to stand in double quotes.

    Raises:
        InputUnreadableError: the file may not be read or is not text.
        ListFileError: it has relative paths or a second column; the message counts them.
    """
    with _opened(path) as stream:
        rows = [row for row in _csv_rows(stream, path) if any(field.strip() for field in row)]
    if rows and [rows[0][0].strip().lower(), *rows[0][1:]] == [HEADER]:
        del rows[0]
    wide = [",".join(row) for row in rows if len(row) > 1]
    if wide:
        raise ListFileError(
            f"{_counted(wide, 'row', 'rows')} of {path} have more than one column",
            "List one path a row, in double quotes if it holds a comma",
        )
    return _absolute(tuple(row[0].strip() for row in rows), path)


def _opened(path: Path) -> TextIO:
    try:
        with path.open("rb") as stream:
            encoding = "utf-16" if stream.read(2) in _UTF16 else "utf-8-sig"
        # File names need not be UTF-8; such bytes pass through to the file system.
        errors = "strict" if encoding == "utf-16" else "surrogateescape"
        return path.open(encoding=encoding, errors=errors, newline="")
    except OSError as error:
        raise InputUnreadableError(
            f"The list {path} can't be read ({error.strerror})", "Check its permissions"
        ) from None


def _rows(stream: TextIO, path: Path) -> Iterator[str]:
    try:
        for row in stream:
            if "\0" in row:
                raise _not_text(path)
            yield row
    except UnicodeError:
        raise _not_text(path) from None


def _csv_rows(stream: TextIO, path: Path) -> Iterator[list[str]]:
    try:
        yield from csv.reader(_rows(stream, path), skipinitialspace=True)
    except csv.Error as error:
        raise InputUnreadableError(
            f"The list {path} is not CSV ({error})", "List one path a row"
        ) from None


def _not_text(path: Path) -> InputUnreadableError:
    return InputUnreadableError(f"The list {path} is not text", "List one path a row, as UTF-8")


def _unquoted(row: str) -> str:
    return row[1:-1] if len(row) > 1 and row[0] == row[-1] == '"' else row


def _absolute(names: tuple[str, ...], path: Path) -> tuple[str, ...]:
    relative = [
        name
        for name in names
        if not (os.path.isabs(name) or name.startswith(_URI))  # noqa: PTH117 (a Path each is slow)
    ]
    if relative:
        raise ListFileError(
            f"{_counted(relative, 'path', 'paths')} of {path} are not absolute",
            "List absolute paths, or s3:// and minio:// ones",
        )
    return names


def _counted(rows: Iterable[str], one: str, several: str) -> str:
    """The number of rows and some of them, for a message."""
    found = list(rows)
    shown = ", ".join(repr(row)[:200] for row in found[:_EXAMPLES])
    return f"{len(found)} {one if len(found) == 1 else several} ({shown})"
