"""Files that list images: text with one path a row, and CSV with one column of paths.

Paths are absolute, or URIs that begin with ``s3://`` or ``minio://``: a list says nothing about
where a relative path would start. There are no comments, as a path may begin with ``#``. Whether a
listed file exists is found out when it is listed: a missing one is a row, not an error.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
from pathlib import Path

from imgvet.errors import InputUnreadableError, ListFileError
from imgvet.format import counted, examples

_URI = ("s3://", "minio://")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text_list(path: Path) -> tuple[str, ...]:
    """The paths and URIs of a text file, one a row, in order.

    Raises:
        InputUnreadableError: the file may not be read or is not text.
        ListFileError: it has relative paths; the message counts them.
    """
    return _absolute(read_rows(path), path)


def read_rows(path: Path) -> tuple[str, ...]:
    """The rows of a text file.

    Blank rows are skipped, spaces around a row and a pair of double quotes around it are removed.
    The file is UTF-8, with or without a byte order mark, or UTF-16 with one; rows end in LF or
    CRLF.

    Raises:
        InputUnreadableError: the file may not be read or is not text.
    """
    rows = (row.strip() for row in io.StringIO(_text(path), newline=None))
    return tuple(filter(None, map(_unquoted, rows)))


def read_csv_list(path: Path) -> tuple[str, ...]:
    """The paths of a CSV file with one column, in order; a first row ``filename`` is skipped.

    A path with a comma has to stand in double quotes.

    Raises:
        InputUnreadableError: the file may not be read or is not text.
        ListFileError: it has relative paths or a second column; the message counts them.
    """
    lines = csv.reader(io.StringIO(_text(path), newline=""), skipinitialspace=True)
    try:
        rows = [row for row in lines if any(field.strip() for field in row)]
    except csv.Error as error:
        raise InputUnreadableError(
            f"The list {path} is not CSV ({error})", "List one path a row"
        ) from None
    if rows and [rows[0][0].strip().lower(), *rows[0][1:]] == ["filename"]:
        del rows[0]
    wide = [",".join(row) for row in rows if len(row) > 1]
    if wide:
        raise ListFileError(
            f"{_counted(wide, 'row')} of {path} have more than one column",
            "List one path a row, in double quotes if it holds a comma",
        )
    return _absolute(tuple(row[0].strip() for row in rows), path)


def _text(path: Path) -> str:
    text: str | None
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputUnreadableError(
            f"The list {path} can't be read ({error.strerror})", "Check its permissions"
        ) from None
    try:
        if data.startswith(_UTF16):
            text = data.decode("utf-16")
        else:
            # File names need not be UTF-8; such bytes pass through to the file system.
            text = data.decode("utf-8-sig", "surrogateescape")
    except UnicodeError:
        text = None
    if text is None or "\0" in text:
        raise InputUnreadableError(f"The list {path} is not text", "List one path a row, as UTF-8")
    return text


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
            f"{_counted(relative, 'path')} of {path} are not absolute",
            "List absolute paths, or s3:// and minio:// ones",
        )
    return names


def _counted(rows: list[str], one: str) -> str:
    return f"{counted(len(rows), one)} ({examples(rows[:3])})"
