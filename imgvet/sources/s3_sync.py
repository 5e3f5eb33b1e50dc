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
from imgvet.sources.read_ahead import READ_WORKERS, read_ahead
from imgvet.sources.s3_client import client_for
from imgvet.sources.s3_errors import RETRIED, Problem
from imgvet.sources.s3_index import Mirrored, MirrorIndex, open_index
from imgvet.sources.s3_location import Location, parse_location
from imgvet.sources.s3_mirror import Mirror
from imgvet.sources.s3_reading import failure_of
from imgvet.sources.s3_retry import DEFAULT_RETRY, RetryPolicy
from imgvet.sources.s3_transfer import Received, transfer

STAGE = "sync_s3_to_local"
MAX_FAILURES = 100
"""Failures named in a report; all are counted."""


@dataclass(frozen=True)
class SyncOptions:
    """What is mirrored, and how.

    Attributes:
        run: the run that asks; :func:`remove_downloaded` knows by it what to remove.
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
        filename: its name.
        reason: the reason code.
        detail: what the server said.
        transient: whether asking again later may help.
    """

    filename: str
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
    """Mirror objects below ``folder``.

    What is there in the same size and version is skipped, and what was begun is continued. An
    object that can't be fetched is reported, and the others go on.

    Args:
        listed: the objects, under their plain URIs; taken as they are needed.
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
            mirrors = _Mirrors(folder, stack)
            report = _sync(mirrors, listed, options)
            if not report.transient:
                mirrors.forget_partial()
    except (OSError, sqlite3.Error) as error:
        raise WorkDirUnusableError(
            f"The mirror {folder} can't be written to ({error})",
            "Free some space, or choose another work dir with --work-dir",
        ) from None
    return report


class _Mirrors:
    """The mirrors that objects belong to, with their open indexes; used from one thread."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._open: dict[Path, MirrorIndex] = {}

    def index(self, location: Location) -> MirrorIndex:
        """The index of the mirror of an object's bucket."""
        mirror = self.mirror(location)
        if mirror.folder not in self._open:
            self._open[mirror.folder] = self._stack.enter_context(open_index(mirror.index))
        return self._open[mirror.folder]

    def mirror(self, location: Location) -> Mirror:
        """The mirror of an object's bucket."""
        return Mirror.of(location, self._folder)

    def forget_partial(self) -> None:
        """Remove what began to be fetched and is no longer needed."""
        for folder in self._open:
            Mirror(folder).forget_partial()


@dataclass(frozen=True)
class _Fetched:
    """What fetching one object gave."""

    location: Location
    received: Received | Problem


class _Tally:
    """Counts what happens while it happens."""

    def __init__(self) -> None:
        self.report = SyncReport()
        self._opened: set[str] = set()

    def count(self, **more: int) -> None:
        """Add to counts of the report."""
        sums = {name: getattr(self.report, name) + number for name, number in more.items()}
        self.report = replace(self.report, **sums)

    def note(self, mirror: Mirror, key: str, options: SyncOptions) -> None:
        """Note the path of an object that will be opened."""
        if options.is_opened(key):
            self._opened.add(str(mirror.path(key)))

    def final(self) -> SyncReport:
        """The report, once all is done."""
        return replace(self.report, opened=tuple(sorted(self._opened)))

    def fail(self, failure: SyncFailure) -> None:
        """Add a failure, the transient ones first when there are many."""
        self.count(failed=1)
        failures = (*self.report.failures, failure)
        if len(failures) > MAX_FAILURES:
            failures = tuple(sorted(failures, key=lambda known: not known.transient))
        self.report = replace(self.report, failures=failures[:MAX_FAILURES])


def _sync(mirrors: _Mirrors, listed: Iterable[Entry], options: SyncOptions) -> SyncReport:
    tally = _Tally()
    missing = _missing(mirrors, listed, tally, options)
    fetch = functools.partial(_fetch, mirrors, options.retry)
    # What is fetched goes to disk, so nothing but its name counts as held.
    fetched = read_ahead(missing, fetch, workers=options.workers, size_of=lambda _: 0)
    for result in tracked(fetched, STAGE, 0, 0):
        location, received = result.location, result.received
        if isinstance(received, Problem):
            tally.fail(_failure(location, received))
            continue
        found = Mirrored(location.key, received.size, received.version, options.run)
        mirrors.index(location).put(found)
        tally.count(downloaded=1, bytes=received.size)
        tally.note(mirrors.mirror(location), location.key, options)
    return tally.final()


def _missing(
    mirrors: _Mirrors, listed: Iterable[Entry], tally: _Tally, options: SyncOptions
) -> Iterator[Entry]:
    """What is listed and worth fetching, but not there yet."""
    for entry in listed:
        tally.count(listed=1)
        if entry.checked(options.min_file_size).status is not Reason.OK:
            continue
        location = parse_location(entry.path)
        mirror = mirrors.mirror(location)
        if mirror.holds(mirrors.index(location).find(location.key), entry.version):
            tally.count(skipped=1)
            tally.note(mirror, location.key, options)
        else:
            yield entry


def _fetch(mirrors: _Mirrors, retry: RetryPolicy, entry: Entry) -> _Fetched:
    location = parse_location(entry.path)
    mirror = mirrors.mirror(location)
    partial = mirror.partial(location.key, entry.version)
    partial.parent.mkdir(exist_ok=True)
    with partial.open("a+b" if entry.version else "w+b") as sink:
        received = transfer(client_for(location), location, entry.version, sink, retry)
    if isinstance(received, Received):
        target = mirror.path(location.key)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
    return _Fetched(location, received)


def _failure(location: Location, problem: Problem) -> SyncFailure:
    failure = failure_of(location, problem)
    transient = problem.kind in RETRIED
    return SyncFailure(location.filename, failure.reason, failure.detail, transient)
