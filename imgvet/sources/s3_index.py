"""What a mirror holds: one SQLite file beside it, so that a million objects take no memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

FORMAT = 1
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

    def put(self, found: Mirrored) -> None:
        """Record an object whose file is in place."""
        self._connection.execute(
            "insert or replace into objects values (?, ?, ?, ?)",
            (found.key.encode(), found.size, found.version, found.run),
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


@contextmanager
def open_index(path: Path) -> Iterator[MirrorIndex]:
    """Open an index for writing; one of another format, or damaged, is started anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(_connect(path)) as connection:
        index = MirrorIndex(connection)
        try:
            yield index
        finally:
            index.save()


def find_mirrored(path: Path, key: str) -> Mirrored | None:
    """Look one object up in the index at ``path``; may be called in any thread."""
    if not path.is_file():
        return None
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return MirrorIndex(connection).find(key)


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
