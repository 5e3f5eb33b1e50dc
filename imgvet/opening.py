"""Open a work dir, to read it or to hold it for a run: a folder, or one in a bucket by its copy."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import filelock
import platformdirs

from imgvet.errors import (
    RunNotFoundError,
    WorkDirBusyError,
    WorkDirInsideInputError,
    WorkDirUnusableError,
    failures_of_machine,
)
from imgvet.parameters import address_in, place_in
from imgvet.sources.s3 import is_remote, parse_location, server_name
from imgvet.workdir import ADDRESS, CROPS_PART, STORE, WorkDir, remove_all_drafts, write_text

if TYPE_CHECKING:
    from imgvet.bucket import BucketCopy


_held: ContextVar[Mapping[Path, BucketCopy | None]] = ContextVar(
    "held", default=MappingProxyType({})
)
"""The work dirs that this thread holds, or that which started it with its context, and the copies
of those in buckets."""

COPIES = "work-dirs"
"""Folder of the cache with the copies of work dirs in buckets."""

PATIENCE = 10.0
"""Seconds to wait for who reads a copy, or holds it."""


def _at(path: Path, part: str = "") -> WorkDir:
    """The work dir at a path; of one in a bucket the copy, as it was left."""
    if not (address := address_in(path)):
        return WorkDir(path, part)
    from imgvet.sources.s3_mirror import file_name

    place = parse_location(address.rstrip("/"))
    name = file_name(f"{server_name(place)}/{place.uri}")  # s3:// may lead to any server
    work = WorkDir(Path(platformdirs.user_cache_dir("imgvet"), COPIES, name), part)
    if not work.address:
        write_text(work.store / ADDRESS, f"{place.uri}\n{secrets.token_hex(8)}")
    return work


def _copy_in(work: WorkDir, patience: float = 0.0) -> BucketCopy:
    from imgvet.bucket import BucketCopy
    from imgvet.sources.s3_folder import Folder

    return BucketCopy(Folder(parse_location(work.address), patience), work.path)


def _lock_of(work: WorkDir) -> filelock.BaseFileLock:
    return filelock.FileLock(work.store / "lock", thread_local=False)


def _up_to_date(work: WorkDir, *, stored: bool = False) -> WorkDir:
    """The work dir; its copy is that of now, or of when a run of this machine began."""
    if work.address and work.path not in _held.get():
        with suppress(filelock.Timeout), _lock_of(work).acquire(timeout=PATIENCE):
            _copy_in(work).fetch(stored=stored)
    return work


def work_dir_at(path: Path, *, stored: bool = False) -> WorkDir:
    """The work dir at a path, maybe that of crops in it.

    Of one in a bucket, its store is fetched only if ``stored``. Raises as :func:`place_outside`,
    and as S3 does.
    """
    folder = path = place_outside(path, ())
    is_crops = path.name == CROPS_PART
    if address_in(path):
        work = _up_to_date(_at(path), stored=stored)
        if not is_crops or work.is_finished():
            return work
        folder = _up_to_date(_at(path.parent), stored=stored).path / CROPS_PART
    if is_crops and not (folder / STORE).exists() and (folder.parent / STORE).is_dir():
        return WorkDir(folder.parent, CROPS_PART)
    return WorkDir(folder)


def finished_at(name: str) -> WorkDir | None:
    """The work dir that a name stands for, if it is that of a finished run.

    RunNotFoundError if it holds but one on crops: that is no data set either.
    """
    if "://" in name and not is_remote(name):
        return None
    work = work_dir_at(Path(name), stored=True)
    holds_run = work.is_finished() or WorkDir(work.path, CROPS_PART).is_finished()
    return _finished(work, Path(name)) if holds_run else None


def open_finished(path: Path, *, stored: bool = False) -> WorkDir:
    """The work dir of a finished run; RunNotFoundError if there is none, or it did not finish.

    Raises as :func:`work_dir_at`.
    """
    return _finished(work_dir_at(path, stored=stored), path)


def _finished(work: WorkDir, path: Path) -> WorkDir:
    name = place_in(path)
    if work.is_finished():
        return work
    if WorkDir(work.path, CROPS_PART).is_finished():
        raise RunNotFoundError(
            f"No finished run on whole images in {name}, but one on crops",
            f"Its results are in {place_in(path / CROPS_PART)}",
        )
    raise RunNotFoundError(
        f"No finished run in {name}", f"Start one with 'imgvet run INPUT --work-dir {name}'"
    )


def input_around(path: Path, inputs: Iterable[str]) -> str | None:
    """The input that is a folder in which a path lies, where the next run would find it."""
    address = address_in(path)
    for name in inputs:
        folder = Path(name).expanduser()
        if is_remote(name):
            around = f"{parse_location(name).uri.rstrip('/')}/"
            is_inside = f"{address.rstrip('/')}/".startswith(around)
        else:
            is_inside = (
                not address and folder.is_dir() and path.resolve().is_relative_to(folder.resolve())
            )
        if is_inside:
            return name
    return None


def place_outside(path: Path, inputs: Iterable[str]) -> Path:
    """A work dir's absolute path or its address, if a run may use it; no server is asked.

    WorkDirInsideInputError if it is, or lies inside, a folder that is to be analysed;
    WorkDirUnusableError if its address is not that of a bucket.
    """
    address = address_in(path)
    if not address:
        path = path.expanduser().absolute()
    elif not is_remote(address):
        raise WorkDirUnusableError(
            f"The work dir {address} is no folder, and in no bucket",
            "Give a folder, or a bucket as s3://bucket/out or minio://host:9000/bucket/out",
        )
    else:
        path = Path(parse_location(address).uri)
    if (around := input_around(path, inputs)) is not None:
        raise WorkDirInsideInputError(
            f"The work dir {place_in(path)} lies inside the input {around}",
            "Choose a work dir outside of it with --work-dir",
        )
    return path


def require_allowed(
    path: Path, inputs: Iterable[str] = (), *, overwrite: bool = True, part: str = ""
) -> WorkDir:
    """The work dir, if a run may use it; nothing is written to it.

    Raises as :func:`place_outside`, and WorkDirUnusableError if it holds results and ``overwrite``
    is off.
    """
    work = _up_to_date(_at(place_outside(path, inputs), part))
    if work.is_finished() and not overwrite:
        raise WorkDirUnusableError(
            f"{place_in(path)} holds the results of an earlier run and overwrite is off",
            "Choose another work dir or allow overwriting",
        )
    return work


@contextmanager
def exclusive(work: WorkDir) -> Iterator[None]:
    """Make a work dir and hold it for one run, which may enter again, in threads of its own too.

    What killed processes left half written is removed. One in a bucket is fetched before and sent
    after; what fails leaves its results there as they are, and sends what was computed. Who is
    interrupted sends nothing: the copy keeps it for the next run on this machine.
    WorkDirUnusableError if it is a file or may not be written to; WorkDirBusyError if another run
    holds it.
    """
    if work.path in _held.get():
        yield
        return
    try:
        work.store.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=work.store).close()
    except OSError as error:
        links = [one for one in (work.store, *work.store.parents) if one.is_symlink()]
        lost = [f"{one} leads to nothing, {one.readlink()}" for one in links if not one.exists()]
        raise WorkDirUnusableError(
            f"The work dir {work.path} can't be written to ({(*lost, error.strerror)[0]})",
            "Choose another one with --work-dir",
        ) from None
    lock = _lock_of(work)
    try:
        lock.acquire(timeout=PATIENCE if work.address else 0)
    except filelock.Timeout:
        raise _busy(work) from None
    try:
        remove_all_drafts(work)
        with _in_bucket(work) if work.address else nullcontext() as copy:
            entered = _held.set({**_held.get(), work.path: copy})
            try:
                yield
            finally:
                _held.reset(entered)
    except KeyboardInterrupt:
        remove_all_drafts(work)  # one that was being made in that moment is nobody's
        raise
    finally:
        lock.release()


def _busy(work: WorkDir) -> WorkDirBusyError:
    return WorkDirBusyError(
        f"Another run is writing to {work.name}", "Wait for it or choose another work dir"
    )


@contextmanager
def _in_bucket(work: WorkDir) -> Iterator[BucketCopy]:
    from imgvet.bucket import GRANTED, only_told

    copy = _copy_in(work, GRANTED)
    with copy.held():
        copy.fetch(stored=True)
        try:
            yield copy
        except Exception:
            with only_told("What was computed is not in the bucket: %s"):
                copy.send(results=False)
            raise
        copy.send()


def held_copy(work: WorkDir) -> BucketCopy | None:
    """The copy of a work dir in a bucket that is held, else None."""
    return _held.get().get(work.path)


def send(work: WorkDir, *, results: bool = True) -> None:
    """Let the bucket of a work dir that is held have what its copy has now, before it is told of.

    For others nothing is done. ``results`` and what is raised as :meth:`BucketCopy.send`.
    """
    if (copy := held_copy(work)) is not None:
        copy.send(results=results)


@contextmanager
def edited(work: WorkDir) -> Iterator[None]:
    """Let one person at a time write what they decide or save; the bucket of a work dir gets it.

    WorkDirUnusableError or MachineError if it can't be written, WorkDirBusyError if others take
    too long.
    """
    lock = filelock.FileLock(work.store / "edits", timeout=PATIENCE)
    try:
        with failures_of_machine():
            work.store.mkdir(parents=True, exist_ok=True)
            with lock, exclusive(work) if work.address else nullcontext():
                yield
    except filelock.Timeout:
        raise _busy(work) from None
    except OSError as error:
        raise WorkDirUnusableError(
            f"{error.filename or work.name} can't be written ({error.strerror})",
            "Check its permissions",
        ) from None
