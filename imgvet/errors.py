"""The errors imgvet raises for a bad request, one line each, with what to do next.

A bad image is never an exception: it is a row of ``tables/invalid.parquet`` with a
:class:`imgvet.reasons.Reason`.
"""

from __future__ import annotations

import difflib
import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from imgvet.format import message_of, redacted, visible

EXIT_BAD_REQUEST = 2
EXIT_CHECKS_FAILED = 3
EXIT_INTERRUPTED, EXIT_TERMINATED, EXIT_UNREAD = 130, 143, 141

EXIT_CODES = {
    0: "done",
    1: "an error that imgvet does not know, with its traceback: please report it",
    EXIT_BAD_REQUEST: "a request that can't be carried out: one line says what to do",
    EXIT_CHECKS_FAILED: "done, but something is not as it should be: a check failed and --fail-on "
    "says so, an alarm is on and --fail-on-alarm was given, files were left out or left alone, "
    "messages wait, the store is damaged",
    EXIT_INTERRUPTED: "Ctrl-C: the same command again goes on where it was",
    EXIT_TERMINATED: "SIGTERM: likewise",
    EXIT_UNREAD: "nobody reads the output on, as after 'imgvet ... | head'",
}
"""What the exit codes of the command line mean; those of signals are the codes of shells."""


class ImgvetError(Exception):
    """A request that can't be carried out: what is wrong, and what the user can do next.

    Both are one sentence of one line without a full stop; as they are logged and sent, what is
    secret in them is left out.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem, self.remedy = visible(redacted(problem)), visible(redacted(remedy))
        super().__init__(self.problem, self.remedy)

    def __str__(self) -> str:
        said = f"{self.problem}. {self.remedy}" if self.remedy else self.problem
        return said if said.endswith("?") else f"{said}."

    def _render_traceback_(self) -> list[str]:
        """What notebooks show instead of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class InputNotFoundError(ImgvetError):
    """The input does not exist."""


class InputEmptyError(ImgvetError):
    """The input holds no image."""


class InputUnreadableError(ImgvetError):
    """The input may not be read."""


class TransportError(InputUnreadableError):
    """A server can't be reached or keeps failing; asking again later may help."""


class ListFileError(ImgvetError):
    """A list of images is not as it should be."""


class WorkDirInsideInputError(ImgvetError):
    """The work dir lies inside an input folder (or is one), so results would become input."""


class WorkDirBusyError(ImgvetError):
    """Another run is writing to this work dir."""


class WorkDirUnusableError(ImgvetError):
    """The work dir is no folder, can't be written to, or holds results that must stay."""


class RunNotFoundError(ImgvetError):
    """The work dir holds no finished run."""


class HistoryError(ImgvetError):
    """The history of a work dir can't be read."""


class HistoryUnusableError(HistoryError):
    """The file of the history is damaged, or was written by an earlier version: it is set aside."""


class PlanError(ImgvetError):
    """A plan of what to remove, or a file of decisions, can't be used."""


class QuarantineError(ImgvetError):
    """A folder can't be used as a quarantine, or its journal can't be read."""


class StaleReferenceError(ImgvetError):
    """A stored result is gone or is not what was stored."""


class UnknownParameterError(ImgvetError):
    """No parameter has this name."""


class InvalidParameterError(ImgvetError):
    """A parameter has a value it may not have."""


class ConfigFileError(ImgvetError):
    """The config file may not be read or parsed."""


class ModelError(ImgvetError):
    """The embedding model may not be used."""


class EngineError(ImgvetError):
    """Prefect's server can't be started or reached."""


class MachineError(ImgvetError):
    """The machine lacks what is needed: space on a disk, memory, open files, permissions."""


class MissingExtraError(ImgvetError):
    """A package that only this feature needs is not installed."""


_LONGEST_REASON = 200
_MEMORY = "Close other programs, or give a smaller --num-threads"
_FILES = "Allow more, as by 'ulimit -n 4096'"
_PROCESSES = "Allow more processes and threads, as by 'ulimit -u 4096', or more memory"
_RIGHTS = "Let this user read and write there, or choose another place"
_LACKS = {
    errno.ENOSPC: "Free some space, or choose another place",
    errno.EDQUOT: "Free some space, or choose another place",
    errno.EFBIG: "Allow larger files, as by 'ulimit -f unlimited'",
    errno.EROFS: "Choose another place",
    errno.EIO: "Check the disk",
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: _PROCESSES,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
}
_SAID = {  # where libraries keep no number
    errno.ENOSPC: (" requested and ", "disk is full"),
    errno.EIO: ("disk i/o error",),
    errno.ENOMEM: (
        "out of memory", "insufficient memory", "memory allocation", "std::bad_alloc",
        "failed to map segment",
    ),
    errno.EAGAIN: ("can't start new thread",),
}  # fmt: skip


def lacking(error: BaseException | None) -> int | None:
    """The number (errno) of what the machine lacks, by an error or what led to it; else None.

    Libraries raise errors of their own kinds, so the text counts as well.
    """
    while error is not None:
        if isinstance(error, MemoryError):
            return errno.ENOMEM
        if (number := getattr(error, "errno", None)) in _LACKS:
            return int(number)
        text = str(error).lower()
        for number in _LACKS:
            said = (os.strerror(number).lower(), *_SAID.get(number, ()))
            if any(words in text for words in said):
                return number
        error = error.__cause__ or error.__context__
    return None


@contextmanager
def failures_of_machine(*places: Path) -> Iterator[None]:
    """Raise MachineError of what fails inside because the machine lacks something.

    Of a disk that is full it tells what is free where something may be written, besides ``places``.
    """
    try:
        yield
    except ImgvetError:
        raise
    except Exception as error:
        if (number := lacking(error)) is None:
            raise
        file = getattr(error, "filename", None)
        if file is None and number in (errno.ENOSPC, errno.EDQUOT):
            with suppress(FileNotFoundError):  # all are full
                places += (Path(tempfile.gettempdir()),)
            file = ", ".join(map(_free_in, filter(Path.exists, places)))
        problem = os.strerror(number) + (f" ({file})" if file else "")
        raise MachineError(
            problem, f"{_LACKS[number]}; then run again: what was computed is kept"
        ) from error


def _free_in(place: Path) -> str:
    status = os.statvfs(place)
    files = " for 0 files" if status.f_files and not status.f_favail else ""
    return f"{status.f_bavail * status.f_frsize / 1e6:,.1f} MB{files} are free in {place}"


@contextmanager
def failing_as(
    kind: type[ImgvetError], problem: str, remedy: str, *of: type[Exception]
) -> Iterator[None]:
    """Raise an error of this kind, with the reason in brackets, of what fails inside.

    That is an OSError, unless others are named.
    """
    wrong = of or (OSError,)
    try:
        yield
    except wrong as error:
        why = getattr(error, "strerror", None) or message_of(error)[:_LONGEST_REASON]
        raise kind(f"{problem} ({why})", remedy) from None


def written(path: Path) -> AbstractContextManager[None]:
    """Raise WorkDirUnusableError of an OSError inside, where what a person named is written."""
    return failing_as(WorkDirUnusableError, f"{path} can't be written", "Choose another place")


def all_errors() -> list[type[ImgvetError]]:
    """Each error of this module that a request may end with, as they stand above."""
    kinds = [kind for kind in globals().values() if isinstance(kind, type)]
    return [kind for kind in kinds if issubclass(kind, ImgvetError) and kind is not ImgvetError]


def unknown_parameter(name: str, known: Iterable[str], command: str) -> UnknownParameterError:
    """The error for a parameter that a command does not have, with the nearest one that it has."""
    nearest = difflib.get_close_matches(name, list(known), n=1)
    remedy = f"Did you mean {nearest[0]!r}?" if nearest else f"'{command} --help' lists them all"
    return UnknownParameterError(f"Unknown parameter {name!r}", remedy)
