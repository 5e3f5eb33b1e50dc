"""Lists of images that a person saved: ``lists/NAME.txt`` among the results, one image a row.

Rows are written so that ``imgvet run lists/NAME.txt`` reads them back
(:func:`imgvet.sources.local.read_text_list`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgvet.errors import InvalidParameterError, WorkDirUnusableError
from imgvet.opening import edited
from imgvet.sources.local import read_rows
from imgvet.workdir import WorkDir, write_text

MAX_NAME = 80
_NAME = re.compile(rf"[^\W_](?:[\w ()+-]{{0,{MAX_NAME - 2}}}[\w()+-])?")
RESERVED = re.compile(r"(?i)con|prn|aux|nul|com[0-9]|lpt[0-9]")
"""Names of devices, which Windows gives to no file."""


@dataclass(frozen=True)
class SavedList:
    """A list that was saved: its file, and how many images it has.

    ``left_out`` counts those whose names hold line breaks, which a list can't have.
    """

    name: str
    path: Path
    count: int
    left_out: int = 0


def list_path(work: WorkDir, name: str) -> Path:
    """The file of a list, whether it is there or not.

    InvalidParameterError if the name is not one that every file system takes; WorkDirUnusableError
    if the folder of lists leads out of the work dir.
    """
    fits = _NAME.fullmatch(name) and len(name.encode()) <= 2 * MAX_NAME
    if not fits or RESERVED.fullmatch(name):
        raise InvalidParameterError(
            f"{name[:MAX_NAME]!r} can't be the name of a list",
            f"Use at most {MAX_NAME} letters, digits, spaces, _ and -, a letter or digit first",
        )
    return _folder(work) / f"{name}.txt"


def save_list(
    work: WorkDir, name: str, filenames: Sequence[str], *, replace: bool = False
) -> SavedList:
    """Save a list of images, by their names in the table items; raises as :func:`list_path`.

    Also if there is such a list already (InvalidParameterError), and as
    :func:`imgvet.opening.edited`, as all that changes lists.
    """
    path, rows = list_path(work, name), rows_of(filenames)
    with edited(work):
        if not replace and path.exists():
            raise InvalidParameterError(
                f"There is a list {name!r} already", "Choose another name, or replace it"
            )
        write_text(path, "".join(f"{row}\n" for row in rows))
    return SavedList(name, path, len(rows), len(filenames) - len(rows))


def saved_lists(work: WorkDir) -> list[SavedList]:
    """The lists that were saved, by name."""
    return [
        SavedList(path.stem, path, path.read_bytes().count(b"\n"))
        for path in sorted(_folder(work).glob("*.txt"))
        if _NAME.fullmatch(path.stem) and path.is_file() and not path.is_symlink()
    ]


def rename_list(work: WorkDir, name: str, new: str) -> None:
    """Give a list another name; InvalidParameterError if there is none, or one of that name."""
    _move(work, _there(work, name), list_path(work, new))


def delete_list(work: WorkDir, name: str) -> None:
    """Put a list aside, from where :func:`restore_list` brings it back; raises as `rename_list`."""
    path = _there(work, name)
    with edited(work):
        path.replace(_aside(path))


def restore_list(work: WorkDir, name: str) -> None:
    """Bring back the list of that name that was deleted last; raises as `rename_list`."""
    path = list_path(work, name)
    if not _aside(path).is_file():
        raise InvalidParameterError(f"No list {name!r} was deleted", "Save it again")
    _move(work, _aside(path), path)


def _there(work: WorkDir, name: str) -> Path:
    path = list_path(work, name)
    if not path.is_file():
        known = ", ".join(saved.name for saved in saved_lists(work))
        remedy = f"There are {known}" if known else "The explorer saves lists"
        raise InvalidParameterError(f"There is no list {name!r} in {path.parent}", remedy)
    return path


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.stem}.deleted")


def _move(work: WorkDir, path: Path, to: Path) -> None:
    with edited(work):
        if to.exists():
            raise InvalidParameterError(
                f"There is a list {to.stem!r} already", "Choose another name"
            )
        path.rename(to)


def names_in_list(work: WorkDir, name: str) -> tuple[str, ...]:
    """The images of a saved list; InvalidParameterError if there is none of that name."""
    return read_rows(_there(work, name))


def rows_of(filenames: Sequence[str]) -> list[str]:
    """The rows of a list; names with line breaks, which it can't have, are left out.

    A name of which a reader would strip something is quoted.
    """
    rows = (name for name in filenames if not re.search(r"[\r\n]", name))
    quoted = re.compile(r'\s.*|.*\s|".*"', re.DOTALL)
    return [f'"{name}"' if quoted.fullmatch(name) else name for name in rows]


def _folder(work: WorkDir) -> Path:
    folder = work.home / "lists"
    if folder.is_symlink():
        raise WorkDirUnusableError(
            f"{folder} is a link", "Replace it by a folder, as lists are kept in the work dir"
        )
    return folder
