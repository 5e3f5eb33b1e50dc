"""The work dir: which file lies where, and atomic writing."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imgvet.errors import MachineError, failing_as

CROPS_PART = "crops"
"""Folder of the work dir with the results of a run on crops."""

DRAFT = ".draft-"
"""Beginning of the names of what is being written, and of nothing else."""

SCRATCH, NEW_SECONDS = "imgvet-scratch-", 60.0
"""Beginning of the names of temporary folders; and for how long one may not be held yet."""

STORE = "store"
"""Folder of the work dir with what can be made again."""

ADDRESS = "address"
"""File of the store of a copy: the address of its bucket, and below what no other copy has."""

UNUSED_DAYS = 30
"""So long after the last run that needed a content the store keeps its results."""


class _Place:
    """A file or folder at a fixed place: among the results, or in the store."""

    def __init__(self, name: str, *, stored: bool = False) -> None:
        self.name = name
        self.stored = stored

    def __get__(self, work: WorkDir, _: type[WorkDir]) -> Path:
        return (work.path / STORE if self.stored else work.home) / self.name


@dataclass(frozen=True)
class WorkDir:
    """The files of one work dir; ``run.json`` is written last and marks a finished run.

    Results of crops lie in a folder of their own, so that those of whole images stay beside them;
    both share the store.
    """

    path: Path
    part: str = ""
    """Folder of the results in it: empty, or :data:`CROPS_PART`."""

    run_json = _Place("run.json")
    summary_json = _Place("summary.json")
    checks_json = _Place("checks.json")
    tables = _Place("tables")
    embeddings = _Place("embeddings.npy")
    decisions = _Place("decisions.csv")
    """What a person decided; no run replaces it."""
    report = _Place("report")
    report_index = _Place("report/index.html")
    plan_csv = _Place("plan.csv")
    plan_table = _Place("plan.parquet")
    plan_page = _Place("plan.html")
    report_file = _Place("report.html")
    """The report as one file, if it was asked for."""
    store = _Place("", stored=True)
    """Packs, stage results and cache records: deletable, all of it can be made again."""
    stages = _Place("stages", stored=True)
    """Outputs of stages, named by content."""
    mirror = _Place("mirror", stored=True)
    """Copies of objects in buckets."""
    extracted = _Place("extracted", stored=True)
    """Indexes of archives, and what gzipped ones were unpacked to."""
    frames = _Place("frames", stored=True)
    given = _Place("given", stored=True)
    """Annotations and embeddings that were given from Python, as files."""
    results = _Place("results", stored=True)
    """Prefect's cache records."""
    engine_home = _Place("prefect", stored=True)
    """Home of Prefect's temporary server."""

    @property
    def home(self) -> Path:
        """Folder of the results."""
        return self.path / self.part if self.part else self.path

    @property
    def address(self) -> str:
        """Where it lies if that is a bucket, and this its copy; else empty."""
        file = self.store / ADDRESS
        return file.read_text().partition("\n")[0] if file.is_file() else ""

    @property
    def name(self) -> str:
        """Address or folder of the results, as a person gives it to a command."""
        address = self.address or str(self.path)
        return f"{address}/{self.part}" if self.part else address

    def table(self, name: str) -> Path:
        """The file of one result table."""
        return self.tables / f"{name}.parquet"

    def is_finished(self) -> bool:
        """Whether it holds the results of a finished run."""
        return self.run_json.is_file()


def remove_all_drafts(work: WorkDir) -> None:
    """Remove the drafts in a work dir, but where others than its holder, who calls this, write."""
    for part in ("", CROPS_PART):
        results = WorkDir(work.path, part)
        for folder in (results.home, results.tables, results.home / "baselines"):
            remove_drafts(folder)
    for current, folders, _ in os.walk(work.store):
        folders[:] = [name for name in folders if name not in ("mirror", "search")]
        remove_drafts(Path(current))


def draft_in(folder: Path, of: str = "") -> tempfile.TemporaryDirectory[str]:
    """A folder in another one in which something, maybe ``of`` a name, is written."""
    return tempfile.TemporaryDirectory(prefix=f"{DRAFT}{of}", dir=folder)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder; first those of processes that were killed are removed.

    Who lives holds a lock on the folder, which the system takes from who ends, however that is.
    MachineError if there is no place for it.
    """
    problem, remedy = "No temporary folder can be made", "Free some space, or set TMPDIR to one"
    with failing_as(MachineError, problem, remedy):
        place = Path(tempfile.gettempdir())
    for left in place.glob(f"{SCRATCH}*"):
        with suppress(OSError):
            if time.time() - left.lstat().st_mtime > NEW_SECONDS:
                with _locked(left):
                    shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=SCRATCH) as name, ExitStack() as held:
        with suppress(OSError):  # nobody can lock there, so nobody removes what is there
            held.enter_context(_locked(Path(name)))
        yield Path(name)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; OSError if somebody does, or it is none."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def remove_drafts(folder: Path, of: str = "") -> None:
    """Remove the drafts in a folder that were left by processes that were killed."""
    for left in folder.glob(f"{DRAFT}{glob.escape(of)}*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


@contextmanager
def made_in_one_step(target: Path) -> Iterator[Path]:
    """Where to make a file or a folder, which takes its place at the end, instead of what is there.

    Who is killed leaves nothing of it there; what they leave beside it is removed the next time.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_drafts(target.parent, f"{target.name}-")
    with draft_in(target.parent, f"{target.name}-") as folder:
        draft = Path(folder) / target.name
        yield draft
        swap_folder(draft, target)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file of the same name in a draft, then move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft_in(path.parent) as folder:
        draft = Path(folder) / path.name
        write(draft)
        draft.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    write_atomically(path, lambda temporary: temporary.write_bytes(data))


def link_or_copy(source: Path, target: Path) -> None:
    """Put ``source`` at ``target`` atomically, as a hard link where the file system allows it."""
    write_atomically(target, lambda temporary: link(source, temporary))


def link(source: str | Path, target: str | Path) -> None:
    """Make ``target``, which is not there yet, a hard link where the file system allows it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def swap_folder(new: Path, target: Path) -> None:
    """Replace the folder ``target`` by the folder ``new``; or a file, likewise."""
    with draft_in(target.parent) as folder:
        old = Path(folder) / target.name
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
