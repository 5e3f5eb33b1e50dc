"""Bring one file from one place to another: nothing is overwritten, and nothing is ever nowhere.

Within a file system a file gets its new name as a link, which the kernel refuses where something
is, before it loses the old one. Across, the copy is on the disk and has been read back before the
original goes. A kill may leave both, or a part of the copy, and whoever finds that calls
:func:`bring` again.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

from imgvet.curation.journal import Held, sync_folder
from imgvet.store.references import digest_file

_OCCUPIED = "is left in {}, as another file is in its place"


class Refused(Exception):  # noqa: N818 - a value: why one file is left where it is
    """A file that is left where it is, and why: a part of a sentence that begins with its name."""


def bring(source: Path, target: Path, file: Held) -> None:
    """Bring a file to a place where nothing is, or to which a killed try has brought it already.

    Raises Refused, or OSError, if it stays where it was.
    """
    _part_of(target, file).unlink(missing_ok=True)
    is_there = os.path.lexists(source)
    if _is(target, file) and (_is(source, file) or not is_there):
        source.unlink(missing_ok=True)
    elif not is_there:
        raise Refused(f"is gone from {source.parent}")
    elif os.path.lexists(target):
        raise Refused(_OCCUPIED.format(source.parent))
    else:
        _require_same(source, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _rename(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(source, target, file)


def _rename(source: Path, target: Path) -> None:
    """Rename a file to a place where nothing is; after Refused or OSError all is as it was."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise
        if error.errno == errno.EEXIST:
            raise Refused(_OCCUPIED.format(source.parent)) from None
        source.rename(target)  # no hard links in this file system, or not for this user
    else:
        _unlink(source, target)


def _unlink(source: Path, target: Path) -> None:
    """Remove the old of two names or copies; the new one if the old one can't be removed."""
    try:
        source.unlink()
    except OSError:  # a folder that may not be written to
        target.unlink()
        raise


def _require_same(path: Path, file: Held) -> None:
    """Refused if a file is not what was written down of it any more."""
    found = path.lstat()
    same = stat.S_ISREG(found.st_mode) and found.st_size == file.size
    if not (same and (found.st_mtime_ns == file.mtime_ns or _is(path, file))):
        raise Refused("was changed meanwhile")


def _is(path: Path, file: Held) -> bool:
    return path.is_file() and not path.is_symlink() and digest_file(path) == file.digest


def _copy(source: Path, target: Path, file: Held) -> None:
    """Bring a file to another file system, with its times and mode."""
    part = _part_of(target, file)
    try:
        with source.open("rb") as data, part.open("xb") as copy:
            shutil.copyfileobj(data, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        shutil.copystat(source, part)
        if digest_file(part) != file.digest:
            raise Refused("was changed meanwhile")
        _require_same(source, file)
        _rename(part, target)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(target.parent)
    _unlink(source, target)


def _part_of(target: Path, file: Held) -> Path:
    """Where a copy grows; what a killed try left is found again by its name."""
    return target.parent / f".imgvet-{file.digest}.part"


def leave_link(file: Held) -> None:
    """Leave in the place of a taken copy a link to the one that stays; raises as :func:`bring`."""
    if file.linked and file.kept is not None and not os.path.lexists(file.path):
        try:
            os.link(file.kept, file.path)
        except OSError as error:
            raise Refused(f"was taken, but no link can be left ({error.strerror})") from None


def take_link_away(file: Held) -> None:
    """Remove the link that was left, unless it was changed since (Refused)."""
    path = Path(file.path)
    if file.linked and os.path.lexists(path):
        if not _is(path, file):
            raise Refused("stays in quarantine, as the link that was left was changed")
        path.unlink()
