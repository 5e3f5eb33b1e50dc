"""Carry out a plan: take what goes into a quarantine, or tell of it; and bring it all back."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from imgvet.curation.images import FILE
from imgvet.curation.journal import FILES, Held, Journal, State, opened, require_quarantine
from imgvet.curation.moves import Refused, bring, leave_link, take_link_away
from imgvet.curation.plan_file import elsewhere, require_sound, stays_for, write_manifest
from imgvet.curation.whole_files import WHOLE_FILE
from imgvet.errors import QuarantineError
from imgvet.format import counted
from imgvet.progress import report_progress, tracked
from imgvet.store.references import digest_file
from imgvet.threads import in_threads

BATCH = 64
"""So many files are written down with one wait for the disk, before they are moved."""


@dataclass(repr=False)
class Outcome:
    """What was done, or would be, to files; those that were refused with the reason."""

    moved: list[Held] = field(default_factory=list)
    already: int = 0
    """Files that were taken before."""
    elsewhere: int = 0
    """Rows that are no files here: a manifest lists them."""
    deleted: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Numbers alone, as the files may be many."""
        several = {"moved": len(self.moved), "refused": len(self.refused)}
        return f"Outcome({', '.join(f'{name}={n}' for name, n in (vars(self) | several).items())})"

    def add(self, files: Sequence[Held], problems: Mapping[int, str]) -> None:
        """Tell of files that were moved, except those that have a problem, by number."""
        self.moved += [file for file in files if file.number not in problems]
        self.refused |= {f.path: problems[f.number] for f in files if f.number in problems}


def preview(plan: pd.DataFrame, quarantine: Path) -> Outcome:
    """What :func:`apply` would do: every file is read and compared, nothing is written."""
    _require_usable(plan, quarantine)
    require_quarantine(quarantine, new=True)
    return _check(plan, Journal(quarantine))


def apply(
    plan: pd.DataFrame, quarantine: Path, *, link: bool = False, delete: int | None = None
) -> Outcome:
    """Take the files that go into the quarantine, except what changed since the plan was made.

    With ``link`` exact copies leave a hard link to the one that stays. ``delete`` confirms that so
    many files of this plan are deleted from the quarantine. May be killed at any moment and called
    again. Raises PlanError or QuarantineError before anything is done.
    """
    _require_usable(plan, quarantine)
    with opened(quarantine, new=True) as journal:
        finish(journal)
        outcome = _check(plan, journal, link=link)
        _require_confirmed(outcome, delete)
        files, outcome.moved = outcome.moved, []
        changed = {folder: folder.stat().st_mtime_ns for folder in _folders(files)}
        for part in _batches(files, "apply"):
            for file in part:
                file.place = _free_place(journal, file)
                file.folder_mtime_ns = changed[Path(file.path).parent]
            journal.take(part)
            outcome.add(part, _carry_out(journal, _TAKE, part))
        write_manifest(plan, quarantine)
        if delete is not None:
            names = set(plan["filename"][plan["action"] == "remove"])
            taken = [file for file in journal.files(State.TAKEN) if file.path in names]
            journal.mark(taken, State.DELETING)
            outcome.deleted = len(taken) - len(_carry_out(journal, _DELETE, taken))
    return outcome


def undo(quarantine: Path) -> Outcome:
    """Bring everything back that a quarantine holds; may be killed and called again.

    Nothing is overwritten: a file whose place is taken stays, and is told. Folders get back their
    times, but those that were changed after the files were taken.
    """
    outcome = Outcome()
    with opened(quarantine) as journal:
        finish(journal)
        times = _times_of_folders(journal)
        outcome.deleted = len(journal.files(State.DELETED))
        for part in _batches(journal.files(State.TAKEN)[::-1], "undo"):
            journal.mark(part, State.RETURNING)
            outcome.add(part, _carry_out(journal, _RETURN, part))
        for folder in times.keys() - _folders(journal.files(State.TAKEN)):
            with suppress(PermissionError):  # the folder of another user
                os.utime(folder, ns=(folder.stat().st_atime_ns, times[folder]))
    for current, _, _ in os.walk(quarantine / FILES, topdown=False):
        if not os.listdir(current):  # noqa: PTH208
            Path(current).rmdir()
    return outcome


@dataclass(frozen=True)
class _Act:
    """Something that is done to files that are held, with what is written down of it."""

    begun: State
    done: State
    undone: State
    do: Callable[[Path, Held], None]
    """To where a file is kept, and the file; Refused or OSError if it can't be done."""


def _take(place: Path, file: Held) -> None:
    bring(Path(file.path), place, file)
    leave_link(file)


def _give_back(place: Path, file: Held) -> None:
    if os.path.lexists(place):
        take_link_away(file)
    bring(place, Path(file.path), file)


_TAKE = _Act(State.TAKING, State.TAKEN, State.RETURNED, _take)
_RETURN = _Act(State.RETURNING, State.RETURNED, State.TAKEN, _give_back)
_DELETE = _Act(
    State.DELETING, State.DELETED, State.TAKEN, lambda place, _: place.unlink(missing_ok=True)
)


def finish(journal: Journal) -> None:
    """Finish what a killed process began: nothing stays half done."""
    for act in (_TAKE, _RETURN, _DELETE):
        _carry_out(journal, act, journal.files(act.begun))


def _carry_out(journal: Journal, act: _Act, files: Sequence[Held]) -> dict[int, str]:
    """Do something to files and write down of which it was done; by number why not to others."""
    problems: dict[int, str] = {}
    done, undone = list[Held](), list[Held]()
    for file in files:
        place = journal.folder / file.place
        try:
            act.do(place, file)
        except Refused as refused:
            problems[file.number] = str(refused)
        except OSError as error:
            problems[file.number] = f"stays where it is ({error.strerror})"
        # What was taken is, even if no link could be left.
        is_done = file.number not in problems or (act is _TAKE and os.path.lexists(place))
        (done if is_done else undone).append(file)
    journal.mark(done, act.done)
    journal.mark(undone, act.undone)
    return problems


def _check(plan: pd.DataFrame, journal: Journal, *, link: bool = False) -> Outcome:
    """Read every file that goes and every copy that stays, and compare them with the plan."""
    rows = plan.drop_duplicates("filename").to_dict("records")
    files = [row for row in rows if row["action"] == "remove" and row["place"] == FILE]
    staying = stays_for(plan)
    stays = {row["filename"]: staying.get(row["kept"]) for row in files}
    wanted = {*stays, *stays.values()}
    digests: dict[str, Any] = {
        row["filename"]: row["digest"]
        for row in rows
        if row["place"] == FILE and row["filename"] in wanted
    }
    found = in_threads(lambda file: _compare(*file), digests.items(), os.cpu_count() or 1)
    compared = dict(zip(digests, tracked(found, "check", 0, len(digests)), strict=True))
    outcome = Outcome(elsewhere=elsewhere(plan)["filename"].nunique())
    before = journal.files(State.TAKING, State.TAKEN)
    taken = {file.path for file in before if file.linked or not os.path.lexists(file.path)}
    for row in files:
        name, kept = row["filename"], stays[row["filename"]]
        result = compared[name]
        if name in taken:
            outcome.already += 1
        elif isinstance(result, str):
            outcome.refused[name] = result
        elif problem := _problem_of_kept(name, kept, compared):
            outcome.refused[name] = problem
        else:
            outcome.moved.append(
                Held(
                    path=name,
                    place=f"{FILES}{name}",
                    digest=digests[name],
                    size=result.st_size,
                    mtime_ns=result.st_mtime_ns,
                    kept=kept,
                    linked=link and row["list"] in ("exact", WHOLE_FILE) and kept is not None,
                )
            )
    return outcome


def _compare(name: str, digest: object) -> os.stat_result | str:
    """What a file was before it was read, or why it is not what the plan tells of."""
    path = Path(name)
    try:
        before = path.lstat()
        if not stat.S_ISREG(before.st_mode):
            return "is a link or no file"
        if not isinstance(digest, str):
            return "can't be checked, as its content was never read"
        return before if digest_file(path) == digest else "was changed since the plan was made"
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"can't be read ({error.strerror})"


def _problem_of_kept(
    name: str, kept: str | None, compared: Mapping[str, os.stat_result | str]
) -> str | None:
    """Why a file must stay: the copy that should stay is not what it was. None if it is well."""
    if kept is None:
        return None
    found = compared.get(kept)
    if found is None:
        return f"stays, as {kept}, which should stay, is no file that can be checked"
    if isinstance(found, str):
        return f"stays, as {kept}, which should stay, {found}"
    same = os.path.realpath(kept) == os.path.realpath(name)
    return f"stays, as {kept} is the same file" if same else None


def _folders(files: Sequence[Held]) -> set[Path]:
    return {Path(file.path).parent for file in files}


def _times_of_folders(journal: Journal) -> dict[Path, int]:
    """When folders of files that are held were changed before, if nothing changed them since."""
    held, written = journal.files(State.TAKEN), journal.written_ns
    times = {
        Path(file.path).parent: file.folder_mtime_ns for file in held[::-1] if file.folder_mtime_ns
    }
    return {
        folder: time
        for folder, time in times.items()
        if folder.is_dir() and folder.stat().st_mtime_ns <= written
    }


def _require_usable(plan: pd.DataFrame, quarantine: Path) -> None:
    """PlanError if a plan is not sound; QuarantineError if the next run would find what goes."""
    require_sound(plan)
    around = {quarantine.resolve(), *quarantine.resolve().parents}
    files = plan[plan["place"] == FILE]
    # What is annotated but not there has the name that the annotations give, maybe a relative one.
    folders = {Path(name).parent for name in files["filename"] if Path(name).is_absolute()}
    inputs = {Path(name) for name in files["source"].dropna().unique()}
    for folder in sorted({*folders, *inputs}):
        if folder.is_dir() and folder.resolve() in around:
            raise QuarantineError(
                f"The quarantine {quarantine} lies inside {folder}, among the images",
                "Choose a folder outside of the input, best on the same file system",
            )


def _require_confirmed(outcome: Outcome, delete: int | None) -> None:
    count = len(outcome.moved) + outcome.already
    if delete is not None and delete != count:
        raise QuarantineError(
            f"{counted(delete, 'file')} confirmed, but {counted(count, 'file')} of this plan "
            "would be deleted",
            f"Look at the plan again; --delete {count} confirms it",
        )


def _batches(files: Sequence[Held], stage: str) -> Iterator[Sequence[Held]]:
    for start in range(0, len(files), BATCH):
        yield files[start : start + BATCH]
        report_progress(stage, min(start + BATCH, len(files)), len(files))


def _free_place(journal: Journal, file: Held) -> str:
    """A place where nothing is: the file may have been taken before and come again."""
    place, number = file.place, 1
    while os.path.lexists(journal.folder / place):
        number += 1
        place = f"{file.place}~{number}"
    return place
