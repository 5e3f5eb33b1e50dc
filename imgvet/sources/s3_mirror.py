"""A local copy of what lies in buckets, made ahead of the run that reads them.

    <folder>/<server>/<bucket>/objects/...     the objects, where :func:`mirror_path` says
                               partial/        objects on their way
                               index.sqlite    size and ETag of each object

The mirror is a cache: items keep the names they have in the bucket, and a reader that does not find
an object there, in the version that was listed, asks the server for it. The index is SQLite, so
that a million objects take no memory.

A key may be anything: ``../x``, ``/x``, ``a//b``, a kilobyte long, full of line breaks, equal to
another but for upper and lower case, or both a file and a folder (``a.jpg`` and ``a.jpg/b.jpg``).
So each part between slashes is kept only if it is plain, and otherwise becomes what can be read of
it, a mark and a digest of the exact part:

    photos/cat 1.jpg         photos/cat 1.jpg
    Photos/IMG_0001.JPG      Photos~d2i…/IMG_0001~f7q….jpg
    ../x.jpg                 _~dk4…/x.jpg

A plain part holds lower case ASCII letters, digits and ``. _ - + = ,``, brackets and inner spaces;
plain files end like images, archives or videos and plain folders do not, so that the two never
meet. A digest has 128 bits, so that nobody finds two parts with the same one; paths are equal only
for equal keys, also where the file system ignores case or normalises Unicode.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from imgvet.errors import WorkDirUnusableError
from imgvet.progress import tracked
from imgvet.reasons import Reason
from imgvet.sources.entry import Entry
from imgvet.sources.kinds import (
    ARCHIVE_ENDINGS,
    IMAGE_EXTENSIONS,
    VIDEO_ENDINGS,
    Kind,
    kind_of_file,
)
from imgvet.sources.s3 import RETRIED, ObjectLocation, Problem, parse_location, server_name
from imgvet.sources.s3_objects import Transfer
from imgvet.threads import read_ahead

STAGE = "sync_s3_to_local"
MAX_PART = 200
"""Bytes of one part; file systems take 255."""
MAX_PATH = 512
"""Bytes of a path in the mirror; what would be longer is kept by a digest of its whole key."""
LONG_FOLDER = "long~"
_ENDINGS = (*sorted(IMAGE_EXTENSIONS), *ARCHIVE_ENDINGS, *VIDEO_ENDINGS)
_READABLE = 60
_PLAIN = re.compile(r"[a-z0-9_(\[][a-z0-9 ._+=,()\[\]-]*[a-z0-9_)\]]|[a-z0-9_]")
_RESERVED = re.compile(r"(con|prn|aux|nul|conin|conout|com[0-9]|lpt[0-9])( *\..*)?")
_UNREADABLE = re.compile(r"[^\w .+=,()\[\]-]|^[ .]+|[ .]+$")

_INDEX = "index.sqlite"
_FORMAT = 1
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


def mirror_path(key: str) -> PurePosixPath:
    """The relative path of an object: below its folder, and different for every key."""
    *folders, name = key.split("/")
    extension = _extension(name)
    shown = f"{_readable(name[: len(name) - len(extension)])}~f"
    plain = extension and _is_plain(name)
    file = name if plain else f"{shown}{digest_name(name)}{extension}"
    path = PurePosixPath(*map(folder_name, folders), file)
    if len(str(path).encode()) <= MAX_PATH:
        return path
    return PurePosixPath(LONG_FOLDER, f"{shown}{digest_name(key)}{extension}")


def folder_name(part: str) -> str:
    """A name for a folder: different for every text."""
    if _is_plain(part) and not _extension(part):
        return part
    return f"{_readable(part)}~d{digest_name(part)}"


def digest_name(text: str) -> str:
    """BLAKE2b-128 of a text as 26 lower case letters and digits (base 32)."""
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()


def _is_plain(part: str) -> bool:
    return (
        len(part) <= MAX_PART
        and _PLAIN.fullmatch(part) is not None
        and _RESERVED.fullmatch(part) is None
    )


def _extension(name: str) -> str:
    """The ending if it is that of an image, an archive or a video, in lower case, else nothing."""
    lowered = name.lower()
    return next((ending for ending in _ENDINGS if lowered.endswith(ending)), "")


def _readable(text: str) -> str:
    """What can be read of a text: no longer than 60 characters, never empty."""
    kept = _UNREADABLE.sub("_", text[:_READABLE])
    kept = kept.encode()[: 2 * _READABLE].decode(errors="ignore") or "_"
    return f"_{kept}" if _RESERVED.fullmatch(kept.lower()) else kept


@dataclass(frozen=True)
class Mirror:
    """The mirror of one bucket."""

    folder: Path

    @classmethod
    def of(cls, location: ObjectLocation, folder: Path) -> Mirror:
        """The mirror of a location's bucket below ``folder``, where all mirrors are."""
        return cls(folder / folder_name(server_name(location)) / folder_name(location.bucket))

    @property
    def index(self) -> Path:
        """Size and ETag of what is there."""
        return self.folder / _INDEX

    def path(self, key: str) -> Path:
        """Where an object lies, whether it is there or not."""
        return self.folder / "objects" / mirror_path(key)

    def partial(self, key: str, version: str) -> Path:
        """Where one version of an object grows while it is fetched."""
        return self.folder / "partial" / digest_name(f"{version}/{key}")

    def holds(self, index: sqlite3.Connection, key: str, version: str) -> bool:
        """Whether this version of an object is recorded, and its file is there in full."""
        row = index.execute(
            "select size from objects where key = ? and version = ?", (key.encode(), version)
        ).fetchone()
        try:
            return bool(version) and row is not None and self.path(key).stat().st_size == row[0]
        except OSError:
            return False

    @contextmanager
    def open_index(self) -> Iterator[sqlite3.Connection]:
        """The index for writing; one of another format, or damaged, is started anew."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with closing(_connect(self.index)) as index:
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
    path.unlink()
    return _connect(path)


def find_copy(location: ObjectLocation, version: str, folder: Path) -> Path | None:
    """The mirrored file of an object if it is there in this version; called in any thread."""
    mirror = Mirror.of(location, folder)
    if not mirror.index.is_file():
        return None
    uri = f"{mirror.index.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as index:
        held = mirror.holds(index, location.key, version)
    return mirror.path(location.key) if held else None


@dataclass
class SyncReport:
    """What mirroring did: how many objects were fetched, were there already, could not be had."""

    downloaded: int = 0
    skipped: int = 0
    failed: int = 0
    transient: str = ""
    """One that could not be had, and why, if syncing again may fetch it; else empty."""
    compressed: set[str] = field(default_factory=set)
    """The files in the mirror that are archives and videos."""


def sync_to_local(
    listed: Iterable[Entry], folder: Path, run: str, min_file_size: int = 0
) -> SyncReport:
    """Mirror objects below ``folder``, many at a time.

    What is there in the same size and version is skipped, and what was begun is continued. An
    object that can't be fetched is counted, and the others go on.

    Args:
        listed: the objects; taken as they are needed.
        folder: where all mirrors are.
        run: the run that asks, by which :func:`remove_downloaded` knows what to remove.
        min_file_size: smaller ones are left out, in bytes.

    Raises:
        InputNotFoundError: a bucket or a folder does not exist.
        InputUnreadableError: it may not be listed, or the credentials are not valid.
        TransportError: the server can't be reached, or keeps failing to list.
        WorkDirUnusableError: the mirror can't be written to.
    """
    sync = _Sync(folder, run)
    wanted = (entry for entry in listed if entry.checked(min_file_size).status is Reason.OK)
    try:
        with sync.stack:
            # What is fetched goes to disk, so nothing but its name counts as held.
            fetched = read_ahead(sync.missing(wanted), _fetch, size_of=lambda _: 0)
            for mirror, location, received in tracked(fetched, STAGE, 0, 0):
                sync.note(mirror, location, received)
    except (OSError, sqlite3.Error) as error:
        raise WorkDirUnusableError(
            f"The mirror {folder} can't be written to ({error})",
            "Free some space, or choose another work dir with --work-dir",
        ) from None
    if not sync.report.transient:
        # Nothing that began to be fetched will be continued.
        for mirror in sync.indexes:
            shutil.rmtree(mirror.folder / "partial", ignore_errors=True)
    return sync.report


@dataclass
class _Sync:
    """The open indexes of the mirrors, and what has happened so far; used from one thread."""

    folder: Path
    run: str
    indexes: dict[Mirror, sqlite3.Connection] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)
    """Closes the indexes."""
    report: SyncReport = field(default_factory=SyncReport)

    def missing(self, wanted: Iterable[Entry]) -> Iterator[tuple[Mirror, ObjectLocation, str]]:
        """What is not there yet, with the version that was listed."""
        for entry in wanted:
            location = parse_location(entry.path)
            mirror = Mirror.of(location, self.folder)
            if mirror not in self.indexes:
                self.indexes[mirror] = self.stack.enter_context(mirror.open_index())
            if mirror.holds(self.indexes[mirror], location.key, entry.version):
                self.report.skipped += 1
                self._note_compressed(mirror, location.key)
            else:
                yield mirror, location, entry.version

    def note(self, mirror: Mirror, location: ObjectLocation, received: Transfer | Problem) -> None:
        """Record what fetching an object gave."""
        if isinstance(received, Problem):
            self.report.failed += 1
            if received.kind in RETRIED:
                self.report.transient = f"{location.uri} ({received.text})"
            return
        index, size = self.indexes[mirror], mirror.path(location.key).stat().st_size
        row = (location.key.encode(), size, received.version, self.run)
        index.execute("insert or replace into objects values (?, ?, ?, ?)", row)
        if index.total_changes % _COMMIT_EVERY == 0:
            index.commit()
        self.report.downloaded += 1
        self._note_compressed(mirror, location.key)

    def _note_compressed(self, mirror: Mirror, key: str) -> None:
        if kind_of_file(key) is not Kind.IMAGE:
            self.report.compressed.add(str(mirror.path(key)))


def _fetch(
    missing: tuple[Mirror, ObjectLocation, str],
) -> tuple[Mirror, ObjectLocation, Transfer | Problem]:
    """Fetch an object to its place."""
    mirror, location, version = missing
    partial, target = mirror.partial(location.key, version), mirror.path(location.key)
    partial.parent.mkdir(exist_ok=True)
    with partial.open("a+b" if version else "w+b") as sink:
        received = Transfer(location, sink, version).run()
    if isinstance(received, Transfer):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
    return mirror, location, received


def remove_downloaded(
    folder: Path, run: str, is_wanted: Callable[[str], bool], before: Callable[[Path], None]
) -> int:
    """Remove mirrored objects that one run downloaded, and nothing else; say how many.

    Args:
        folder: where all mirrors are.
        run: the run.
        is_wanted: whether an object is removed, by its key.
        before: called with the path of each file before it is removed.
    """
    removed = 0
    for path in sorted(folder.glob(f"*/*/{_INDEX}")):
        mirror = Mirror(path.parent)
        with mirror.open_index() as index:
            index.create_function("wanted", 1, lambda key: is_wanted(key.decode()))
            rows = index.execute("select key from objects where run = ? and wanted(key)", (run,))
            for file in (mirror.path(key.decode()) for (key,) in rows):
                before(file)
                file.unlink(missing_ok=True)
            gone = index.execute("delete from objects where run = ? and wanted(key)", (run,))
            removed += gone.rowcount
        for folder_left, _, _ in os.walk(mirror.folder / "objects", topdown=False):
            with suppress(OSError):  # It still holds something, which stays.
                Path(folder_left).rmdir()
    return removed
