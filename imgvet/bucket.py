"""A work dir in a bucket, and its copy on this machine, which is what all commands work in.

    <work dir>/files.json            which files there are, and their digests; put last
               objects/<digest>      what they hold, each content once
               lock                  who holds the work dir
               run.json, report/...  the results under their names, for people and other programs

``files.json`` is the commit: it is put after all that it names, and only in the place of the one
that was read. So a run that is killed leaves the results of the last one, a reader sees one state
or the other, never a mixture, and nobody overwrites what somebody else wrote meanwhile. Contents
that no state names are deleted after it: also those by which workers on other machines, which have
no copy, get what a shard is computed from, and give what came of it. The server must know
conditional writes, as those of AWS and MinIO do.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TypeVar

from imgvet.errors import ImgvetError, StaleReferenceError, WorkDirBusyError, WorkDirUnusableError
from imgvet.progress import tracked
from imgvet.sources.s3 import parse_location
from imgvet.sources.s3_folder import Folder
from imgvet.store.references import digest_file, known_digests
from imgvet.threads import read_ahead
from imgvet.workdir import (
    ADDRESS,
    DRAFT,
    STORE,
    WorkDir,
    draft_in,
    link,
    link_or_copy,
    scratch_folder,
    write_atomically,
    write_bytes,
)

RENEWED, STALE = 60.0, 300.0
"""Seconds after which a lock is renewed, and after which one that was not counts as left."""

_TRIES = 2

GRANTED = 120.0
"""Seconds that a server may be away while a run holds its work dir there, whose work would be lost;
but before a lock that can't be renewed counts as left."""

FILES, OBJECTS, LOCK = "files.json", "objects/", "lock"
_RUN, _STORE = "run.json", f"{STORE}/"
_BY_PEOPLE = ("decisions.csv", "plan.", "lists/")
_WITHOUT_RESULTS = (_STORE, "history.parquet", *_BY_PEOPLE)
_STATE, _DIGESTS = f"{STORE}/{FILES}", f"{STORE}/digests.json"
"""Of the copy: the state that it was last brought to, and its digests by size and time."""
_OF_THIS_MACHINE = {_STATE, _DIGESTS} | {
    _STORE + name for name in (ADDRESS, LOCK, "prefect", "mirror", "extracted", "frames", "search")
}

Item = TypeVar("Item")
Result = TypeVar("Result")
_logger = logging.getLogger(__name__)


Files = dict[str, str]
"""The digests (BLAKE2b-128) of files, by name."""


class BucketCopy:
    """A work dir in a bucket, and the folder with its copy, which the caller holds."""

    def __init__(self, there: Folder, path: Path) -> None:
        self._there, self._path = there, path
        self._etag, self._files = "", Files()
        self._lent = Files()  # contents that are there, but in no state
        self._is_lost = False  # the lock

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the work dir; WorkDirBusyError tells who does if somebody else does.

        The lock of a process that was killed is taken over: by this machine at once, by others
        :data:`STALE` seconds after its last sign of life.
        """
        copy = (self._path / STORE / ADDRESS).read_bytes()  # which no other process holds
        since = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        who = f"process {os.getpid()} on {socket.gethostname()} since {since}"
        mine = who.encode() + b"\n" + copy
        etag = self._lock(mine, copy)
        ended, at_once = threading.Event(), replace(self._there, patience=0.0)

        def renew() -> None:
            while not (self._is_lost or ended.wait(RENEWED)):
                with only_told("%s It is tried again."):
                    self._is_lost = not at_once.put(LOCK, mine, etag)

        renewing = threading.Thread(target=renew, daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()
            if not self._is_lost:
                with only_told("The lock is left behind, for some minutes: %s"):
                    at_once.delete(LOCK)

    def _lock(self, mine: bytes, copy: bytes) -> str:
        """The ETag of the lock, which is ``mine`` now; WorkDirBusyError as :meth:`held`."""
        place, who, age = self._there.location.uri, "others, one after the other", 0.0
        for _ in range(_TRIES):  # it may be given back between both requests
            if etag := self._there.put(LOCK, mine, ""):
                return etag
            if (other := self._there.get(LOCK)) is None:
                continue
            who, age = other.data.decode(errors="replace").partition("\n")[0], other.age
            if age <= STALE and not other.data.endswith(copy):
                break
            if etag := self._there.put(LOCK, mine, other.etag):
                _logger.warning("%s is taken over from %s", place, who)
                return etag
        raise WorkDirBusyError(
            f"{place} is held by {who}, last heard of {age:.0f} s ago",
            f"Wait for it, as it is heard of every {RENEWED:.0f} s; if it was killed, run again in "
            f"{max(STALE - age, 0.0) + 1:.0f} s",
        )

    def fetch(self, *, stored: bool) -> None:
        """Bring the copy to the state of the bucket; but what is new in the store stays.

        Of the store, something is fetched only if ``stored`` says so. What people changed here, and
        nobody else did meanwhile, stays as well. WorkDirUnusableError if contents are gone, or the
        state is of another version.
        """
        while missing := self._bring(stored=stored):
            if (now := self._there.get(FILES)) is not None and now.etag == self._etag:
                raise WorkDirUnusableError(
                    f"{self._there.location.uri} has lost contents, such as that of {min(missing)}",
                    f"Delete {FILES} there: the next run begins anew",
                )  # else they were deleted because nobody needs them any more

    def _bring(self, *, stored: bool) -> set[str]:
        """Read the state, remove what is gone, fetch what is not here; the names of what is not."""
        found, here, earlier = self._there.get(FILES), self._here(), self._files
        self._etag = "" if found is None else found.etag
        self._files = state = Files() if found is None else self._state_in(found.data)
        path = self._path / _STATE
        before = self._state_in(path.read_bytes()) if found and path.is_file() else Files()
        for name in here.keys() - state.keys():
            if name in before | earlier or not name.startswith((_STORE, *_BY_PEOPLE)):
                (self._path / name).unlink()
        wanted = {
            name
            for name, digest in state.items()
            if here.get(name) != digest
            and (stored or not name.startswith(_STORE))
            and not (name.startswith(_BY_PEOPLE) and name in here and before.get(name) == digest)
        }
        if not all(name.startswith(_STORE) for name in wanted):
            for name in filter(_is_run, state):  # the first to go and the last to come
                (self._path / name).unlink(missing_ok=True)
                wanted.add(name)
        if not (missing := self._download(wanted, here)) and found is not None:
            write_bytes(path, found.data)
        return missing

    def _download(self, names: set[str], here: Files) -> set[str]:
        """Fetch files but what others here hold, up to one that is gone; give its names."""
        known = {digest: name for name, digest in here.items() if name not in names}
        by_digest: dict[str, list[str]] = {}
        for name in sorted(names, key=lambda name: (_is_run(name), name)):
            by_digest.setdefault(self._files[name], []).append(name)
        with draft_in(self._path / STORE) as folder:

            def load(digest: str) -> tuple[Path, bool]:
                path = Path(folder) / digest
                with suppress(KeyError, FileNotFoundError):  # runs were removed
                    link(self._path / known[digest], path)
                    return path, True
                return path, self._there.download(OBJECTS + digest, path)

            loaded = read_ahead(by_digest, load, size_of=lambda _: 0)
            for path, is_there in tracked(loaded, "fetch", 0, len(by_digest)):
                if not is_there:
                    return set(by_digest[path.name])
                for name in by_digest[path.name]:
                    link_or_copy(path, self._path / name)
        return set()

    def send(self, *, results: bool = True) -> None:
        """Make the bucket what the copy is; without ``results`` those that are there stay.

        WorkDirBusyError if somebody else wrote to it meanwhile.
        """
        before, files = self._files, self._here()
        if not results:
            kept = (name for name in before if not name.startswith(_WITHOUT_RESULTS))
            new = (name for name in files if name.startswith(_WITHOUT_RESULTS))
            files = {name: before[name] for name in kept} | {name: files[name] for name in new}
        if files == before:
            return
        there = {*before.values(), *self._lent.values()}
        names = {digest: name for name, digest in files.items() if digest not in there}
        _each(names, lambda one: self._there.upload(OBJECTS + one, self._path / names[one]), "send")
        state = json.dumps({"version": 1, "files": files}, sort_keys=True).encode()
        etag = "" if self._is_lost else self._there.put(FILES, state, self._etag)
        if not etag:
            raise WorkDirBusyError(
                f"Another run wrote to {self._there.location.uri} meanwhile, nothing was sent",
                "Run again",
            )
        self._etag, self._files, self._lent = etag, files, Files()
        write_bytes(self._path / _STATE, state)
        with only_told("All was sent, but what is old is still there: %s"):
            self._tidy(before)

    def lend(self, names: Iterable[str]) -> Files:
        """Have files of the copy in the bucket, for who computes elsewhere; which do not change."""
        lent = Files()
        for name in names:
            if (digest := self._lent.get(name) or self._files.get(name)) is None:
                digest = digest_file(self._path / name)
                self._there.upload(OBJECTS + digest, self._path / name)
            lent[name] = digest
        self._lent |= lent
        return lent

    def take(self, files: Files) -> None:
        """Fetch files that came of what was computed elsewhere."""
        _fetch(self._there, files, self._path)
        self._lent |= files

    def _tidy(self, before: Files) -> None:
        """Show the results under their names, and delete what is needed no more."""
        there = self._there.etags()
        contents = {name: OBJECTS + digest for name, digest in self._files.items()}
        shown = {name: one for name, one in contents.items() if not name.startswith(_STORE)}
        new = [name for name, content in shown.items() if there.get(name) != there.get(content)]
        _each(new, lambda name: self._there.copy(shown[name], name))
        gone = {name for name in there if name.startswith(OBJECTS)} - set(contents.values())
        _each(gone | (there.keys() & (before.keys() - shown.keys())), self._there.delete)

    def _here(self) -> Files:
        """What the files of the copy hold."""
        files = {name: self._path / name for name in _names_in(self._path)}
        return known_digests(files, self._path / _DIGESTS)

    def _state_in(self, data: bytes) -> Files:
        """The files of a state, which must not lie outside of the copy."""
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            state = json.loads(data)
            files = {str(name): str(digest) for name, digest in state["files"].items()}
            paths = map(PurePosixPath, files)
            leads_out = any(path.is_absolute() or ".." in path.parts for path in paths)
            if state["version"] == 1 and not leads_out and all(map(str.isalnum, files.values())):
                return files
        raise WorkDirUnusableError(
            f"{self._there.at(FILES).uri} is not of this version of imgvet",
            "Update imgvet, or name another folder of the bucket",
        )


@contextmanager
def only_told(said: str) -> Iterator[None]:
    """Let what fails inside be a warning, as nothing is lost by it."""
    try:
        yield
    except ImgvetError as error:
        _logger.warning(said, error)


def computed_elsewhere(
    address: str, files: Files, compute: Callable[[WorkDir], Result]
) -> tuple[Result, Files]:
    """Compute something from a few files of a work dir in a bucket, on a machine without a copy.

    With it come the files that it wrote, which are in the bucket then, for
    :meth:`BucketCopy.take`. StaleReferenceError if some are gone, as those of a run that ended.
    """
    there = Folder(parse_location(address), GRANTED)
    with scratch_folder() as path:
        _fetch(there, files, path)
        result = compute(WorkDir(path))
        written = {name: digest_file(path / name) for name in _names_in(path) if name not in files}
        for name, digest in written.items():
            there.upload(OBJECTS + digest, path / name)
    return result, written


def _fetch(there: Folder, files: Files, path: Path) -> None:
    for name, digest in files.items():

        def load(draft: Path, content: str = OBJECTS + digest) -> None:
            if not there.download(content, draft):
                raise StaleReferenceError(f"{there.at(content).uri} is gone", "Run again")

        write_atomically(path / name, load)


def _names_in(path: Path) -> Iterator[str]:
    """The names of the files of a copy that belong into the bucket."""
    for folder, folders, files in os.walk(path):
        inside = Path(folder).relative_to(path)
        names = {name: (inside / name).as_posix() for name in (*folders, *files)}
        for name, whole in names.items():
            if name.startswith(DRAFT) or whole in _OF_THIS_MACHINE:
                (folders if name in folders else files).remove(name)
        yield from (names[name] for name in files)


def _is_run(name: str) -> bool:
    return PurePosixPath(name).name == _RUN


def _each(items: Collection[Item], do: Callable[[Item], object], stage: str = "tidy") -> None:
    """Do something to many items at a time, which may be large."""
    done = read_ahead(items, do, size_of=lambda _: 0)
    deque(tracked(done, stage, 0, len(items)), maxlen=0)
