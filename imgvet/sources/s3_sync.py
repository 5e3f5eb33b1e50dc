"""Fill a mirror: fetch what it lacks, many objects at a time."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from imgvet.errors import WorkDirUnusableError
from imgvet.progress import tracked
from imgvet.reasons import Reason
from imgvet.sources.entry import Entry
from imgvet.sources.s3 import ObjectLocation, parse_location
from imgvet.sources.s3_errors import DEFAULT_RETRY, RETRIED, Problem, RetryPolicy
from imgvet.sources.s3_mirror import Mirror, Mirrored, MirrorIndex
from imgvet.sources.s3_objects import Received, failure_of, transfer
from imgvet.threads import READ_WORKERS, read_ahead

STAGE = "sync_s3_to_local"
MAX_FAILURES = 100
"""Failures named in a report; all are counted."""


@dataclass(frozen=True)
class SyncOptions:
    """What is mirrored, and how.

    Attributes:
        run: the run that asks, by which :func:`imgvet.sources.s3_mirror.remove_downloaded` knows
            what to remove.
        min_file_size: smaller ones are left out, in bytes.
        is_opened: whether the path of a mirrored object is reported, by its key.
        workers: objects fetched at a time.
        retry: how patiently requests are repeated.
    """

    run: str
    min_file_size: int = 0
    is_opened: Callable[[str], bool] = lambda _: False
    workers: int = READ_WORKERS
    retry: RetryPolicy = DEFAULT_RETRY


@dataclass(frozen=True)
class SyncFailure:
    """An object that could not be mirrored.

    Attributes:
        uri: its name.
        reason: the reason code.
        detail: what the server said.
        transient: whether asking again later may help.
    """

    uri: str
    reason: Reason
    detail: str
    transient: bool


@dataclass(frozen=True)
class SyncReport:
    """What mirroring did.

    Attributes:
        listed: objects that were looked at.
        downloaded: objects that were fetched.
        skipped: objects that were there already.
        failed: objects that could not be fetched.
        bytes: bytes of what was fetched.
        failures: the first of what could not be fetched.
        opened: the files in the mirror of which ``SyncOptions.is_opened`` was true, sorted.
    """

    listed: int = 0
    downloaded: int = 0
    skipped: int = 0
    failed: int = 0
    bytes: int = 0
    failures: tuple[SyncFailure, ...] = ()
    opened: tuple[str, ...] = ()

    @property
    def transient(self) -> bool:
        """Whether syncing again may fetch more."""
        return any(failure.transient for failure in self.failures)


def sync_to_local(listed: Iterable[Entry], folder: Path, options: SyncOptions) -> SyncReport:
    """Mirror objects below ``folder``, many at a time.

    What is there in the same size and version is skipped, and what was begun is continued. An
    object that can't be fetched is reported, and the others go on.

    Args:
        listed: the objects; taken as they are needed.
        folder: where all mirrors are.
        options: what is left out, and how objects are fetched.

    Raises:
        InputNotFoundError: a bucket or a folder does not exist.
        InputUnreadableError: it may not be listed, or the credentials are not valid.
        TransportError: the server can't be reached, or keeps failing to list.
        WorkDirUnusableError: the mirror can't be written to.
    """
    try:
        with ExitStack() as stack:
            sync = _Sync(folder, options, stack)
            # What is fetched goes to disk, so nothing but its name counts as held.
            fetch = functools.partial(_fetch, folder, options.retry)
            fetched = read_ahead(
                sync.missing(listed), fetch, workers=options.workers, size_of=lambda _: 0
            )
            for location, received in tracked(fetched, STAGE, 0, 0):
                sync.note(location, received)
            return sync.finish()
    except (OSError, sqlite3.Error) as error:
        raise WorkDirUnusableError(
            f"The mirror {folder} can't be written to ({error})",
            "Free some space, or choose another work dir with --work-dir",
        ) from None


class _Sync:
    """The open indexes of the mirrors, and what has happened so far; used from one thread."""

    def __init__(self, folder: Path, options: SyncOptions, stack: ExitStack) -> None:
        self._folder, self._options, self._stack = folder, options, stack
        self._open: dict[Mirror, MirrorIndex] = {}
        self._report = SyncReport()
        self._failures: list[SyncFailure] = []
        self._opened: set[str] = set()

    def missing(self, listed: Iterable[Entry]) -> Iterator[Entry]:
        """What is listed and worth fetching, but not there yet."""
        for entry in listed:
            self._count(listed=1)
            if entry.checked(self._options.min_file_size).status is not Reason.OK:
                continue
            location = parse_location(entry.path)
            mirror, index = self._mirror_of(location)
            if mirror.holds(index.find(location.key), entry.version):
                self._count(skipped=1)
                self._note_opened(mirror, location.key)
            else:
                yield entry

    def note(self, location: ObjectLocation, received: Received | Problem) -> None:
        """Record what fetching an object gave."""
        if isinstance(received, Problem):
            failure, transient = failure_of(location, received), received.kind in RETRIED
            self._count(failed=1)
            self._failures.append(
                SyncFailure(location.uri, failure.reason, failure.detail, transient)
            )
            if len(self._failures) > MAX_FAILURES:
                # Transient ones decide whether it is worth asking again.
                self._failures.sort(key=lambda known: not known.transient)
                del self._failures[MAX_FAILURES:]
            return
        mirror, index = self._mirror_of(location)
        index.put(Mirrored(location.key, received.size, received.version, self._options.run))
        self._count(downloaded=1, bytes=received.size)
        self._note_opened(mirror, location.key)

    def finish(self) -> SyncReport:
        """The report, once all is done."""
        opened = tuple(sorted(self._opened))
        report = replace(self._report, failures=tuple(self._failures), opened=opened)
        if not report.transient:
            for mirror in self._open:
                mirror.forget_partial()
        return report

    def _mirror_of(self, location: ObjectLocation) -> tuple[Mirror, MirrorIndex]:
        mirror = Mirror.of(location, self._folder)
        if mirror not in self._open:
            self._open[mirror] = self._stack.enter_context(mirror.open_index())
        return mirror, self._open[mirror]

    def _count(self, **more: int) -> None:
        sums = {name: getattr(self._report, name) + number for name, number in more.items()}
        self._report = replace(self._report, **sums)

    def _note_opened(self, mirror: Mirror, key: str) -> None:
        if self._options.is_opened(key):
            self._opened.add(str(mirror.path(key)))


def _fetch(
    folder: Path, retry: RetryPolicy, entry: Entry
) -> tuple[ObjectLocation, Received | Problem]:
    location = parse_location(entry.path)
    mirror = Mirror.of(location, folder)
    partial = mirror.partial(location.key, entry.version)
    partial.parent.mkdir(exist_ok=True)
    with partial.open("a+b" if entry.version else "w+b") as sink:
        received = transfer(location, entry.version, sink, retry)
    if isinstance(received, Received):
        target = mirror.path(location.key)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
    return location, received
