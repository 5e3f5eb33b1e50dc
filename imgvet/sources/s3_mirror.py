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
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from imgvet.sources.kinds import ARCHIVE_ENDINGS, IMAGE_EXTENSIONS, VIDEO_ENDINGS
from imgvet.sources.s3 import ObjectLocation, server_name

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
FORMAT = 1
_INDEX = "index.sqlite"
_COMMIT_EVERY = 64
"""Objects after which the index is saved: as many are fetched again after a power cut."""
_SCHEMA = """
create table if not exists objects (
    key blob primary key,
    size integer not null,
    version text not null,
    run text not null
) without rowid
"""


def mirror_path(key: str) -> PurePosixPath:
    """The relative path of an object: below its folder, and different for every key."""
    *folders, name = key.split("/")
    path = PurePosixPath(*(_folder(part) for part in folders), _file(name, name))
    if len(str(path).encode()) <= MAX_PATH:
        return path
    return PurePosixPath(LONG_FOLDER, _file(name, key, plain=False))


def folder_name(text: str) -> str:
    """A name for a folder: different for every text."""
    return _folder(text)


def digest_name(text: str) -> str:
    """BLAKE2b-128 of a text as 26 lower case letters and digits (base 32)."""
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()


def _folder(part: str) -> str:
    if _is_plain(part) and not _extension(part):
        return part
    return f"{_readable(part)}~d{digest_name(part)}"


def _file(name: str, digested: str, *, plain: bool = True) -> str:
    extension = _extension(name)
    if plain and _is_plain(name) and extension:
        return name
    stem = name[: len(name) - len(extension)]
    return f"{_readable(stem)}~f{digest_name(digested)}{extension}"


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


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What is recorded of an object in the mirror.

    Attributes:
        key: its key.
        size: bytes.
        version: its ETag without quotes.
        run: the run that downloaded it.
    """

    key: str
    size: int
    version: str
    run: str


class MirrorIndex:
    """The index while one run writes to it; used from one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._unsaved = 0

    def find(self, key: str) -> Mirrored | None:
        """What is recorded of an object."""
        row = self._connection.execute(
            "select size, version, run from objects where key = ?", (key.encode(),)
        ).fetchone()
        return None if row is None else Mirrored(key, *row)

    def put(self, mirrored: Mirrored) -> None:
        """Record an object whose file is in place."""
        self._connection.execute(
            "insert or replace into objects values (?, ?, ?, ?)",
            (mirrored.key.encode(), mirrored.size, mirrored.version, mirrored.run),
        )
        self._count()

    def remove(self, key: str) -> None:
        """Forget an object."""
        self._connection.execute("delete from objects where key = ?", (key.encode(),))
        self._count()

    def of_run(self, run: str) -> Iterator[str]:
        """Keys that one run downloaded; they may be removed while this goes on."""
        last = b""
        while True:
            rows = self._connection.execute(
                "select key from objects where run = ? and key > ? order by key limit 1000",
                (run, last),
            ).fetchall()
            if not rows:
                return
            yield from (row[0].decode() for row in rows)
            last = rows[-1][0]

    def save(self) -> None:
        """Make sure that what was recorded stays."""
        self._connection.commit()
        self._unsaved = 0

    def _count(self) -> None:
        self._unsaved += 1
        if self._unsaved >= _COMMIT_EVERY:
            self.save()


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

    def forget_partial(self) -> None:
        """Remove what began to be fetched and is no longer needed."""
        shutil.rmtree(self.folder / "partial", ignore_errors=True)

    def holds(self, mirrored: Mirrored | None, version: str) -> bool:
        """Whether what is recorded is this version, and its file is there in full."""
        if mirrored is None or not version or mirrored.version != version:
            return False
        try:
            return self.path(mirrored.key).stat().st_size == mirrored.size
        except OSError:
            return False

    @contextmanager
    def open_index(self) -> Iterator[MirrorIndex]:
        """The index for writing; one of another format, or damaged, is started anew."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with closing(_connect(self.index)) as connection:
            index = MirrorIndex(connection)
            try:
                yield index
            finally:
                index.save()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    try:
        if connection.execute("pragma user_version").fetchone()[0] in (0, FORMAT):
            connection.execute(_SCHEMA)
            connection.execute(f"pragma user_version = {FORMAT}")
            connection.commit()
            return connection
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
    connection.close()
    path.unlink()
    return _connect(path)


def find_copy(location: ObjectLocation, version: str, folder: Path) -> Path | None:
    """The mirrored file of an object if it is there in this version; called in any thread."""
    mirror = Mirror.of(location, folder)
    if not mirror.index.is_file():
        return None
    uri = f"{mirror.index.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        mirrored = MirrorIndex(connection).find(location.key)
    return mirror.path(location.key) if mirror.holds(mirrored, version) else None


def remove_downloaded(
    folder: Path,
    run: str,
    is_wanted: Callable[[str], bool],
    before: Callable[[Path], None] = lambda _: None,
) -> int:
    """Remove mirrored objects that one run downloaded, and nothing else.

    Args:
        folder: where all mirrors are.
        run: the run.
        is_wanted: whether an object is removed, by its key.
        before: called with the path of each file before it is removed.

    Returns:
        how many were removed.
    """
    removed = 0
    for mirror in (Mirror(path.parent) for path in sorted(folder.glob(f"*/*/{_INDEX}"))):
        with mirror.open_index() as index:
            for key in filter(is_wanted, index.of_run(run)):
                before(mirror.path(key))
                mirror.path(key).unlink(missing_ok=True)
                index.remove(key)
                removed += 1
        _remove_empty_folders(mirror.folder / "objects")
    return removed


def _remove_empty_folders(folder: Path) -> None:
    for current, _, _ in os.walk(folder, topdown=False):
        try:
            Path(current).rmdir()
        except OSError:
            # It still holds something, which stays.
            continue
