"""A local copy of what lies in buckets, made ahead of the run that reads them.

    <folder>/<server>/<bucket>/objects/<key>/<version>    the objects
                               partial/<version>          objects on their way
    <folder>/downloaded-<run>                             what the last run fetched, a path a row

It is a cache: a reader that does not find an object here, in the version that was listed, asks the
server for it. What is there is there in full, as it came to its place when it was.

A key may be anything: ``../x``, ``/x``, ``a//b``, a kilobyte long, full of line breaks, equal to
another but for upper and lower case, or both a file and a folder (``a.jpg`` and ``a.jpg/b.jpg``).
So an object is called by what can be read of the end of its key, and a digest of all of it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
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
    def _name(self) -> str:
        return file_name(f"{self.version}/{self.location.key}")

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder / "objects" / file_name(f"{self.location.key}/") / self._name

    @property
    def partial(self) -> Path:
        """Where it grows while it is fetched."""
        return self.folder / "partial" / self._name

    def is_there(self, size: int | None = None) -> bool:
        """Whether it is there, and of this size; what has no version never is."""
        try:
            return bool(self.version) and size in (None, self.path.stat().st_size)
        except OSError:
            return False

    def fetch(self) -> Copy | Problem:
        """Fetch it to its place, going on where an earlier attempt stopped; the copy that came."""
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        with self.partial.open("a+b" if self.version else "w+b") as sink:
            received = Transfer(self.location, sink, self.version).run()
        if isinstance(received, Problem):
            return received
        arrived = replace(self, version=received.version)
        shutil.rmtree(arrived.path.parent, ignore_errors=True)  # of another version
        arrived.path.parent.mkdir(parents=True)
        self.partial.replace(arrived.path)
        return arrived


def find_copy(location: ObjectLocation, version: str, mirrors: Path) -> Path | None:
    """The mirrored file of an object if it is there in this version; called in any thread."""
    copy = Copy.of(location, version, mirrors)
    return copy.path if copy.is_there() else None


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

    def note(self, copy: Copy) -> None:
        """Note a copy that is there, if it is one of these."""
        if kinds.kind_of_file(copy.path.name) is not kinds.Kind.IMAGE:
            self.compressed.add(str(copy.path))


def sync_to_local(
    listed: Iterable[Entry], mirrors: Path, run: str, min_file_size: int = 0
) -> SyncReport:
    """Mirror the objects of a listing, which may be long or slow, many at a time.

    What is there in the same size and version is skipped, and what was begun is continued. An
    object that can't be fetched is counted, and the others go on. By the name of the ``run``
    :func:`remove_downloaded` knows what to remove. Raises what listing raises, and
    WorkDirUnusableError if the mirror can't be written to.
    """
    report = SyncReport()
    wanted = (entry for entry in listed if entry.checked(min_file_size).status is Reason.OK)
    missing = _missing(wanted, mirrors, report)
    for other in set(mirrors.glob("downloaded-*")) - {_downloaded(mirrors, run)}:
        other.unlink()  # of a run that ended: nobody asks for it again
    try:
        # What is fetched goes to disk, so nothing but its name counts as held.
        fetched = read_ahead(missing, lambda copy: (copy, copy.fetch()), size_of=lambda _: 0)
        for copy, arrived in tracked(fetched, "sync_s3_to_local", 0, 0):
            if isinstance(arrived, Problem):
                report.failed += 1
                if arrived.kind in RETRIED:
                    report.transient = f"{copy.location.uri} ({arrived.text})"
                continue
            with _downloaded(mirrors, run).open("a", encoding="utf-8") as rows:
                rows.write(f"{arrived.path.relative_to(mirrors)}\n")
            report.downloaded += 1
            report.note(arrived)
        # Unless that is tried again, nothing that began to be fetched will be continued.
        for folder in () if report.transient else mirrors.glob("*/*/partial"):
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise WorkDirUnusableError(
            f"The mirror {mirrors} can't be written to ({error})",
            "Free some space, or choose another work dir with --work-dir",
        ) from None
    return report


def _missing(wanted: Iterable[Entry], mirrors: Path, report: SyncReport) -> Iterator[Copy]:
    for entry in wanted:
        copy = Copy.of(parse_location(entry.path), entry.version, mirrors)
        if copy.is_there(entry.file_size):
            report.skipped += 1
            report.note(copy)
        else:
            yield copy


def _downloaded(mirrors: Path, run: str) -> Path:
    """The list of what a run fetched."""
    return mirrors / f"downloaded-{file_name(run)}"


def remove_downloaded(
    mirrors: Path, run: str, is_wanted: Callable[[str], bool], before: Callable[[Path], None]
) -> int:
    """Remove mirrored objects that one run downloaded, if wanted by their names; say how many.

    The path of each file is given to ``before`` ahead of its removal.
    """
    fetched, removed = _downloaded(mirrors, run), 0
    rows = fetched.read_text(encoding="utf-8").splitlines() if fetched.exists() else []
    for path in (mirrors / row for row in rows if is_wanted(row)):
        if path.exists():
            before(path)
            shutil.rmtree(path.parent)
            removed += 1
    return removed
