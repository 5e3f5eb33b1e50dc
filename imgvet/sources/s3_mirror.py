"""A local copy of what lies in buckets, made ahead of the run that reads them.

    <folder>/<server>/<bucket>/objects/...     the objects, named by :func:`file_name`
                               partial/        objects on their way
                               index.sqlite    size and ETag of each object

It is a cache: a reader that does not find an object here, in the version that was listed, asks the
server for it. The index is SQLite, so that a million objects take no memory.

A key may be anything: ``../x``, ``/x``, ``a//b``, a kilobyte long, full of line breaks, equal to
another but for upper and lower case, or both a file and a folder (``a.jpg`` and ``a.jpg/b.jpg``).
So an object is called by what can be read of the end of its key, and a digest of all of it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from imgvet.errors import WorkDirUnusableError
from imgvet.progress import tracked
from imgvet.reasons import Reason
from imgvet.sources import kinds
from imgvet.sources.listing import Entry
from imgvet.sources.s3 import RETRIED, ObjectLocation, Problem, parse_location, server_name
from imgvet.sources.s3_objects import Transfer
from imgvet.threads import read_ahead

_ENDINGS = (*sorted(kinds.IMAGE_EXTENSIONS), *kinds.ARCHIVE_ENDINGS, *kinds.VIDEO_ENDINGS)
_READABLE, _UNREADABLE = 40, re.compile(r"[^\w-]+")

INDEX, _FORMAT = "index.sqlite", 2
_SCHEMA = f"""
create table if not exists objects (
    key blob primary key,
    size integer not null,
    version text not null,  -- the ETag without quotes
    run text not null  -- the run that downloaded it
) without rowid;
pragma user_version = {_FORMAT};
"""
_COMMIT_EVERY = 64
"""Objects after which the index is saved: as many are fetched again after a power cut."""


def file_name(text: str) -> str:
    """A name that is different for every text, also where a file system ignores case.

    It is what can be read of the text's end, BLAKE2b-128 in base 32, and the ending of an image,
    an archive or a video.
    """
    ending = next((ending for ending in _ENDINGS if text.lower().endswith(ending)), "")
    shown = _UNREADABLE.sub("_", text[: len(text) - len(ending)])[-_READABLE:]
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return f"{shown}~{base64.b32encode(digest).decode().rstrip('=').lower()}{ending}"


@dataclass(frozen=True)
class Copy:
    """The copy of one version of an object, whether it is there or not."""

    location: ObjectLocation
    version: str
    folder: Path
    """Where the mirror of its bucket is."""

    @classmethod
    def of(cls, location: ObjectLocation, version: str, mirrors: Path) -> Copy:
        """The copy of an object below ``mirrors``, where all mirrors are."""
        server, bucket = file_name(server_name(location)), file_name(location.bucket)
        return cls(location, version, mirrors / server / bucket)

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder / "objects" / file_name(self.location.key)

    @property
    def partial(self) -> Path:
        """Where it grows while it is fetched."""
        return self.folder / "partial" / file_name(f"{self.version}/{self.location.key}")

    def is_in(self, index: sqlite3.Connection) -> bool:
        """Whether this version is recorded, and its file is there in full."""
        wanted = (self.location.key.encode(), self.version)
        sizes = index.execute("select size from objects where key = ? and version = ?", wanted)
        size = sizes.fetchone()
        try:
            return bool(self.version) and size == (self.path.stat().st_size,)
        except OSError:
            return False

    def fetch(self) -> Transfer | Problem:
        """Fetch it to its place, going on where an earlier attempt stopped."""
        self.partial.parent.mkdir(exist_ok=True)
        with self.partial.open("a+b" if self.version else "w+b") as sink:
            received = Transfer(self.location, sink, self.version).run()
        if isinstance(received, Transfer):
            self.path.parent.mkdir(exist_ok=True)
            self.partial.replace(self.path)
        return received


def find_copy(location: ObjectLocation, version: str, mirrors: Path) -> Path | None:
    """The mirrored file of an object if it is there in this version; called in any thread."""
    copy = Copy.of(location, version, mirrors)
    path = copy.folder / INDEX
    if not path.is_file():
        return None
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as index:
        return copy.path if copy.is_in(index) else None


@contextmanager
def open_index(folder: Path) -> Iterator[sqlite3.Connection]:
    """The index of a mirror, for writing; one of another format, or damaged, is started anew."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(_connect(folder / INDEX)) as index:
        try:
            yield index
        finally:
            index.commit()


def _connect(path: Path) -> sqlite3.Connection:
    index = sqlite3.connect(path)
    try:
        if index.execute("pragma user_version").fetchone()[0] in (0, _FORMAT):
            index.executescript(_SCHEMA)
            return index
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
    index.close()
    # What no index knows is never found again.
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    return _connect(path)


@dataclass
class SyncReport:
    """How many objects were fetched, were there already, could not be had."""

    downloaded: int = 0
    skipped: int = 0
    failed: int = 0
    transient: str = ""
    """One that could not be had, and why, if syncing again may fetch it; else empty."""
    compressed: set[str] = field(default_factory=set)
    """The files in the mirror that are archives and videos."""


def sync_to_local(
    listed: Iterable[Entry], mirrors: Path, run: str, min_file_size: int = 0
) -> SyncReport:
    """Mirror the objects of a listing, which may be long or slow, many at a time.

    What is there in the same size and version is skipped, and what was begun is continued. An
    object that can't be fetched is counted, and the others go on. By the name of the ``run``
    :func:`remove_downloaded` knows what to remove. Raises what listing raises, and
    WorkDirUnusableError if the mirror can't be written to.
    """
    wanted = (entry for entry in listed if entry.checked(min_file_size).status is Reason.OK)
    copies = (Copy.of(parse_location(entry.path), entry.version, mirrors) for entry in wanted)
    try:
        with ExitStack() as stack:
            sync = _Sync(run, stack)
            # What is fetched goes to disk, so nothing but its name counts as held.
            fetched = read_ahead(
                sync.missing(copies), lambda copy: (copy, copy.fetch()), size_of=lambda _: 0
            )
            for copy, received in tracked(fetched, "sync_s3_to_local", 0, 0):
                sync.note(copy, received)
    except (OSError, sqlite3.Error) as error:
        raise WorkDirUnusableError(
            f"The mirror {mirrors} can't be written to ({error})",
            "Free some space, or choose another work dir with --work-dir",
        ) from None
    if not sync.report.transient:
        # Nothing that began to be fetched will be continued.
        for folder in sync.indexes:
            shutil.rmtree(folder / "partial", ignore_errors=True)
    return sync.report


class _Sync:
    """The open indexes of the mirrors, and what has happened so far; used from one thread."""

    def __init__(self, run: str, stack: ExitStack) -> None:
        self._run, self._stack = run, stack
        self.indexes: dict[Path, sqlite3.Connection] = {}
        self.report = SyncReport()

    def missing(self, copies: Iterable[Copy]) -> Iterator[Copy]:
        for copy in copies:
            if copy.folder not in self.indexes:
                self.indexes[copy.folder] = self._stack.enter_context(open_index(copy.folder))
            if copy.is_in(self.indexes[copy.folder]):
                self.report.skipped += 1
                self._note_compressed(copy)
            else:
                yield copy

    def note(self, copy: Copy, received: Transfer | Problem) -> None:
        if isinstance(received, Problem):
            self.report.failed += 1
            if received.kind in RETRIED:
                self.report.transient = f"{copy.location.uri} ({received.text})"
            return
        index, size = self.indexes[copy.folder], copy.path.stat().st_size
        row = (copy.location.key.encode(), size, received.version, self._run)
        index.execute("insert or replace into objects values (?, ?, ?, ?)", row)
        if index.total_changes % _COMMIT_EVERY == 0:
            index.commit()
        self.report.downloaded += 1
        self._note_compressed(copy)

    def _note_compressed(self, copy: Copy) -> None:
        if kinds.kind_of_file(copy.location.key) is not kinds.Kind.IMAGE:
            self.report.compressed.add(str(copy.path))


def remove_downloaded(
    mirrors: Path, run: str, is_wanted: Callable[[str], bool], before: Callable[[Path], None]
) -> int:
    """Remove mirrored objects that one run downloaded, if wanted by their keys; say how many.

    The path of each file is given to ``before`` ahead of its removal.
    """
    removed = 0
    for path in sorted(mirrors.glob(f"*/*/{INDEX}")):
        objects = path.parent / "objects"
        with open_index(path.parent) as index:
            index.create_function("wanted", 1, lambda key: is_wanted(key.decode()))
            rows = index.execute("select key from objects where run = ? and wanted(key)", (run,))
            for file in (objects / file_name(key.decode()) for (key,) in rows):
                before(file)
                file.unlink(missing_ok=True)
            gone = index.execute("delete from objects where run = ? and wanted(key)", (run,))
            removed += gone.rowcount
        with suppress(OSError):  # It still holds something, which stays.
            objects.rmdir()
    return removed
