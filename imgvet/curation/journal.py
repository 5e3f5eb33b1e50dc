"""The journal of a quarantine: what is done to each file, written down before it is done.

One JSON object a line, only ever appended to. A line is on the disk before the act that it tells
of begins, so that whoever comes after a kill knows every file that may have been touched. A line
that a kill cut short tells of nothing that was begun, and is taken away.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

import filelock

from imgvet.errors import QuarantineError, failing_as

JOURNAL, LOCK, FILES = "journal.jsonl", "lock", "files"
"""What lies in a quarantine: its journal, its lock, and the files."""


class State(StrEnum):
    """What was last written of a file; what ends in -ing is begun and may not be done."""

    TAKING = "taking"
    TAKEN = "taken"
    RETURNING = "returning"
    RETURNED = "returned"
    DELETING = "deleting"
    DELETED = "deleted"


@dataclass
class Held:
    """A file that a quarantine takes: where it was, where it is kept, and what it is."""

    path: str
    place: str
    """Where it is kept, relative to the quarantine."""
    digest: str
    size: int
    mtime_ns: int
    kept: str | None = None
    """The copy that stayed."""
    linked: bool = False
    """Whether a hard link to that one is left in its place."""
    folder_mtime_ns: int | None = None
    """When its folder was last changed before the first file was taken from it."""
    state: State = State.TAKING
    number: int = -1
    """Its place in the journal."""


_WRITTEN = [field.name for field in fields(Held) if field.name not in ("state", "number")]


class Journal:
    """The files of a quarantine, in the order in which they were taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: list[Held] = []
        path = folder / JOURNAL
        data = path.read_bytes() if path.exists() else b""
        self._sound = data.rfind(b"\n") + 1
        remedy = "Restore the file from a backup: it tells where the files belong"
        for number, line in enumerate(data[: self._sound].splitlines(), 1):
            problem = f"Line {number} of {path} is damaged"
            with failing_as(QuarantineError, problem, remedy, ValueError, LookupError, TypeError):
                record = json.loads(line)
                if "held" in record:
                    self.held.append(Held(**record["held"], number=len(self.held)))
                else:
                    for known in record["numbers"]:
                        self.held[known].state = State(record["state"])

    def files(self, *states: State) -> list[Held]:
        """The files in some states, first taken first."""
        return [file for file in self.held if file.state in states]

    @property
    def written_ns(self) -> int:
        """When it was last written to."""
        return (self.folder / JOURNAL).stat().st_mtime_ns

    def take(self, files: Sequence[Held]) -> None:
        """Write down that files will be taken."""
        known = [{name: getattr(file, name) for name in _WRITTEN} for file in files]
        self._write([{"held": record} for record in known])
        for file in files:
            file.number = len(self.held)
            self.held.append(file)

    def mark(self, files: Sequence[Held], state: State) -> None:
        """Write down a state of files."""
        if files:
            self._write([{"state": state, "numbers": [file.number for file in files]}])
        for file in files:
            file.state = state

    def _write(self, records: Sequence[Mapping[str, object]]) -> None:
        """Append records and wait until the disk has them; a line that was cut short goes first."""
        path, lines = self.folder / JOURNAL, "".join(json.dumps(one) + "\n" for one in records)
        is_new = not path.exists()
        remedy = "Nothing else is moved; mend that, and give the same command again"
        with failing_as(QuarantineError, f"{path} can't be written", remedy):
            with path.open("ab") as stream:
                stream.truncate(self._sound)
                stream.write(lines.encode())
                stream.flush()
                os.fsync(stream.fileno())
            if is_new:
                sync_folder(self.folder)
        self._sound += len(lines.encode())


@contextmanager
def opened(folder: Path, *, new: bool = False) -> Iterator[Journal]:
    """The journal of a quarantine, held until the end; with ``new`` it is made if need be.

    QuarantineError if there is none, the folder holds other files, or another process has it.
    """
    require_quarantine(folder, new=new)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / LOCK, timeout=0):
            yield Journal(folder)
    except filelock.Timeout:
        raise QuarantineError(f"Another process works in {folder}", "Wait for it") from None
    except PermissionError as error:
        raise QuarantineError(
            f"{error.filename} can't be written ({error.strerror})", "Check its permissions"
        ) from None


def require_quarantine(folder: Path, *, new: bool = False) -> None:
    """QuarantineError if a folder is no quarantine, or with ``new`` could not become one."""
    if (folder / JOURNAL).is_file():
        return
    if not new:
        raise QuarantineError(
            f"{folder} is no quarantine", "Name the folder that 'imgvet curate apply --to' made"
        )
    others = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if others - {LOCK} or (folder.exists() and not folder.is_dir()):
        raise QuarantineError(f"{folder} holds other files", "Name a new folder, or an empty one")


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
