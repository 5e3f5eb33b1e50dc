"""Bring one file from one place to another: nothing is overwritten, and nothing is ever nowhere.

A file gets its new name before it loses the old one. Within a file system both are names of the
same data; across, the copy is on the disk and has been read back before the old name goes. Whoever
finds both names after a kill calls :func:`bring` again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from imgvet.curation.journal import Held, LinkKind, sync_folder
from imgvet.store.references import digest_file

_FICLONE = 0x40049409
"""Linux: share the data of another file (ioctl_ficlone(2))."""


class Refused(Exception):  # noqa: N818 - a value: why one file is left where it is
    """A file that is left where it is, and why: a part of a sentence that begins with its name."""


def bring(source: Path, target: Path, file: Held, *, begun: bool = False) -> None:
    """Bring a file to a place where nothing is; ``begun``: an earlier try may have been killed.

    Raises Refused, or OSError, if it stays where it was.
    """
    if begun:
        _part_of(target, file).unlink(missing_ok=True)
    if not os.path.lexists(target):
        require_same(source, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        _transfer(source, target, file)
    elif os.path.lexists(source):
        same = os.path.samestat(source.lstat(), target.lstat())
        if not (same or (begun and _is(source, file) and _is(target, file))):
            raise Refused(f"is left in {source.parent}, as another file is in its place")
        source.unlink()
    elif not begun:
        raise Refused(f"is gone from {source.parent}")
    _restore_times(target, file)


def require_same(path: Path, file: Held) -> None:
    """Refused if the file is not there any more, or is not what was written down of it."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise Refused(f"is gone from {path.parent}") from None
    same = stat.S_ISREG(found.st_mode) and found.st_size == file.size
    if not (same and (found.st_mtime_ns == file.mtime_ns or _is(path, file))):
        raise Refused("was changed meanwhile")


def _is(path: Path, file: Held) -> bool:
    return path.is_file() and not path.is_symlink() and digest_file(path) == file.digest


def _transfer(source: Path, target: Path, file: Held) -> None:
    try:
        is_moved = _name(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        is_moved = _copy(source, target, file)
    try:
        if not is_moved:
            source.unlink()
    except OSError:  # a folder that may not be written to: all is as it was
        target.unlink()
        raise


def _name(source: Path, target: Path) -> bool:
    """Name a file where nothing is, in its file system; whether it has lost its old name."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise Refused(f"is left, as there is a file {target}") from None
    except OSError as error:  # without hard links, or not allowed of another's file
        if error.errno == errno.EXDEV:
            raise
        if os.path.lexists(target):
            raise Refused(f"is left, as there is a file {target}") from None
        source.rename(target)
        return True
    return False


def _copy(source: Path, target: Path, file: Held) -> bool:
    part = _part_of(target, file)
    try:
        with source.open("rb") as data, part.open("xb") as copy:
            shutil.copyfileobj(data, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        shutil.copystat(source, part)
        if digest_file(part) != file.digest:
            raise Refused("was changed meanwhile")
        require_same(source, file)
        _name(part, target)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(target.parent)
    return False


def _part_of(target: Path, file: Held) -> Path:
    """Where a copy grows; what a killed try left is found again by its name."""
    return target.parent / f".imgvet-{file.digest}.part"


def _restore_times(path: Path, file: Held) -> None:
    found = path.stat()
    with suppress(PermissionError):  # of another's file, which was renamed and so has its own
        if stat.S_IMODE(found.st_mode) != file.mode:
            path.chmod(file.mode)
        if (found.st_atime_ns, found.st_mtime_ns) != (file.atime_ns, file.mtime_ns):
            os.utime(path, ns=(file.atime_ns, file.mtime_ns))


def leave_link(file: Held) -> None:
    """Leave in the place of a taken copy a link to the one that stays; raises as :func:`bring`."""
    path = Path(file.path)
    if file.link is not None and file.kept is not None and not os.path.lexists(path):
        try:
            _LINKS[file.link](Path(file.kept), path)
        except OSError as error:
            raise Refused(f"was taken, but no link can be left ({error.strerror})") from None
        if file.link == "reflink":
            _restore_times(path, file)


def take_link_away(file: Held) -> None:
    """Remove the link that was left, unless it was changed since (Refused)."""
    path = Path(file.path)
    if file.link is not None and os.path.lexists(path):
        if not _is(path, file):
            raise Refused("stays in quarantine, as the link that was left was changed")
        path.unlink()


def _share(source: Path, target: Path) -> None:
    with source.open("rb") as data, target.open("xb") as copy:
        try:
            fcntl.ioctl(copy, _FICLONE, data.fileno())
        except OSError:
            target.unlink()
            raise


_LINKS: dict[LinkKind, Callable[[Path, Path], None]] = {
    "hard": os.link,
    "reflink": _share,
}
