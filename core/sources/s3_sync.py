"""Fill a mirror: fetch what it lacks, many objects at a time."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from imgvet.errors import WorkDirUnusableError
from imgvet.media.reasons import Reason
from imgvet.progress import tracked
from imgvet.sources.entry import Entry
from imgvet.sources.read_ahead import READ_WORKERS, read_ahead
from imgvet.sources.s3_client import client_for
from imgvet.sources.s3_errors import RETRIED, Problem
from imgvet.sources.s3_index import Mirrored, MirrorIndex, open_index
from imgvet.sources.s3_listing import entries
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
        offset: this many images of the listing are left out.
        limit: at most this many after them, None for all.
        min_file_size: smaller ones are left out, in bytes.
        workers: objects fetched at a time.
        retry: how patiently requests are repeated.
    """

    run: str
    offset: int = 0
    limit: int | None = None
    min_file_size: int = 0
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
    """

    listed: int = 0
    downloaded: int = 0
    skipped: int = 0
    failed: int = 0
    bytes: int = 0
    failures: tuple[SyncFailure, ...] = ()

    @property
    def transient(self) -> bool:
        """Whether syncing again may fetch more."""
        return any(failure.transient for failure in self.failures)


def sync_to_local(
    location: Location, source: str, folder: Path, options: SyncOptions
) -> SyncReport:
    """Mirror the images of a bucket, or of a folder in it, below ``folder``.

    What is there in the same size and version is skipped, and what was begun is continued. An
    object that can't be fetched is reported, and the others go on.

    Raises:
        InputNotFoundError: the bucket or the folder does not exist.
        InputUnreadableError: it may not be listed, or the credentials are not valid.
        TransportError: the server can't be reached, or keeps failing to list.
        WorkDirUnusableError: the mirror can't be written to.
    """
    mirror = Mirror.of(location, folder)
    try:
        with open_index(mirror.index) as index:
            report = _sync(mirror, index, location, source, options)
        if not report.transient:
            mirror.forget_partial()
    except (OSError, sqlite3.Error) as error:
        raise WorkDirUnusableError(
            f"The mirror {mirror.folder} can't be written to ({error})",
            "Free some space, or choose another work dir with --work-dir",
        ) from None
    return report


@dataclass(frozen=True)
class _Fetched:
    """What fetching one object gave."""

    entry: Entry
    location: Location
    received: Received | Problem


class _Tally:
    """Counts what happens while it happens."""

    def __init__(self) -> None:
        self.report = SyncReport()

    def count(self, **more: int) -> None:
        """Add to counts of the report."""
        sums = {name: getattr(self.report, name) + number for name, number in more.items()}
        self.report = replace(self.report, **sums)

    def fail(self, failure: SyncFailure) -> None:
        """Add a failure, the transient ones first when there are many."""
        self.count(failed=1)
        failures = (*self.report.failures, failure)
        if len(failures) > MAX_FAILURES:
            failures = tuple(sorted(failures, key=lambda known: not known.transient))
        self.report = replace(self.report, failures=failures[:MAX_FAILURES])


def _sync(
    mirror: Mirror, index: MirrorIndex, location: Location, source: str, options: SyncOptions
) -> SyncReport:
    tally = _Tally()
    missing = _missing(mirror, index, _chosen(location, source, options), tally, options)
    fetch = functools.partial(_fetch, mirror, options.retry)
    # What is fetched goes to disk, so nothing but its name counts as held.
    fetched = read_ahead(missing, fetch, workers=options.workers, size_of=lambda _: 0)
    for result in tracked(fetched, STAGE, 0, 0):
        if isinstance(result.received, Problem):
            tally.fail(_failure(result.location, result.received))
            continue
        received = result.received
        index.put(Mirrored(result.location.key, received.size, received.version, options.run))
        tally.count(downloaded=1, bytes=received.size)
    return tally.report


def _chosen(location: Location, source: str, options: SyncOptions) -> Iterator[Entry]:
    last = None if options.limit is None else options.offset + options.limit
    listed = entries(location, source, last, options.retry)
    return islice(listed, options.offset, last)


def _missing(
    mirror: Mirror,
    index: MirrorIndex,
    listed: Iterator[Entry],
    tally: _Tally,
    options: SyncOptions,
) -> Iterator[Entry]:
    """What is listed and worth fetching, but not there yet."""
    for entry in listed:
        tally.count(listed=1)
        if entry.checked(options.min_file_size).status is not Reason.OK:
            continue
        if mirror.holds(index.find(parse_location(entry.filename).key), entry.version):
            tally.count(skipped=1)
        else:
            yield entry


def _fetch(mirror: Mirror, retry: RetryPolicy, entry: Entry) -> _Fetched:
    location = parse_location(entry.filename)
    partial = mirror.partial(location.key, entry.version)
    partial.parent.mkdir(exist_ok=True)
    with partial.open("a+b" if entry.version else "w+b") as sink:
        received = transfer(client_for(location), location, entry.version, sink, retry)
    if isinstance(received, Received):
        target = mirror.path(location.key)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
    return _Fetched(entry, location, received)


def _failure(location: Location, problem: Problem) -> SyncFailure:
    failure = failure_of(location, problem)
    transient = problem.kind in RETRIED
    return SyncFailure(location.filename, failure.reason, failure.detail, transient)
