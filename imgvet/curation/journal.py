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
from enum import StrEnum
from pathlib import Path

import filelock

from imgvet.errors import QuarantineError
from imgvet.parameters import Frozen

JOURNAL, LOCK, FILES = "journal.jsonl", "lock", "files"
"""What lies in a quarantine: its journal, its lock, and the files."""


class Held(Frozen):
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


class State(StrEnum):
    """What was last written of a file; what ends in -ing is begun and may not be done."""

    TAKING = "taking"
    TAKEN = "taken"
    RETURNING = "returning"
    RETURNED = "returned"
    DELETING = "deleting"
    DELETED = "deleted"


class Journal:
    """The files of a quarantine by number, in the order in which they were taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: list[Held] = []
        self.states: list[State] = []
        data = _read(folder / JOURNAL)
        self._sound = data.rfind(b"\n") + 1
        for number, line in enumerate(data[: self._sound].splitlines(), 1):
            try:
                self._follow(json.loads(line))
            except (ValueError, KeyError, IndexError, TypeError) as error:
                raise QuarantineError(
                    f"Line {number} of {folder / JOURNAL} is damaged ({error})",
                    "Restore the file from a backup: it tells where the files belong",
                ) from None

    def _follow(self, record: Mapping[str, object]) -> None:
        if "held" in record:
            self.held.append(Held.model_validate(record["held"]))
            self.states.append(State.TAKING)
        else:
            for number in record["numbers"]:  # type: ignore[attr-defined]
                self.states[number] = State(str(record["state"]))

    def numbers(self, *states: State) -> list[int]:
        """The files in some states, first taken first."""
        return [number for number, state in enumerate(self.states) if state in states]

    def place_of(self, number: int) -> Path:
        """Where a file is kept."""
        return self.folder / self.held[number].place

    def take(self, files: Sequence[Held]) -> list[int]:
        """Write down that files will be taken; their numbers."""
        first = len(self.held)
        self._write([{"held": file.model_dump(exclude_none=True)} for file in files])
        return list(range(first, len(self.held)))

    def mark(self, numbers: Sequence[int], state: State) -> None:
        """Write down a state of files."""
        if numbers:
            self._write([{"state": state, "numbers": list(numbers)}])

    def _write(self, records: Sequence[Mapping[str, object]]) -> None:
        """Append records and wait until the disk has them; a line that was cut short goes first."""
        path, lines = self.folder / JOURNAL, "".join(json.dumps(one) + "\n" for one in records)
        is_new = not path.exists()
        try:
            with path.open("ab") as stream:
                stream.truncate(self._sound)
                stream.write(lines.encode())
                stream.flush()
                os.fsync(stream.fileno())
            if is_new:
                sync_folder(self.folder)
        except OSError as error:
            raise QuarantineError(
                f"{path} can't be written ({error.strerror})",
                "Nothing else is moved; mend that, and give the same command again",
            ) from None
        self._sound += len(lines.encode())
        for record in records:
            self._follow(record)


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


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
