"""Which run is the baseline: the first, one of the last, or one that was chosen."""

from __future__ import annotations

from dataclasses import dataclass

from imgvet.errors import RunNotFoundError
from imgvet.monitor.baselines import baselines_folder, kept_baselines
from imgvet.monitor.facts import Settings
from imgvet.monitor.history import History, HistoryRow, read_history
from imgvet.monitor.options import FIRST, is_run_id, last_of
from imgvet.workdir import WorkDir, write_text


@dataclass(frozen=True)
class Choice:
    """The baseline of a run.

    Attributes:
        run_id: the run to compare with, None if there is none.
        notice: what a person should know of it, one sentence; empty if nothing.
    """

    run_id: str | None
    notice: str = ""


def choose(history: History, kept: frozenset[str], wanted: str, settings: Settings) -> Choice:
    """Which earlier run a run is compared with.

    Args:
        history: the runs before it.
        kept: ids of runs of which a baseline is kept.
        wanted: first, last:N or a run id.
        settings: those of the run; runs with others can't be compared.
    """
    finished = [row for row in history.rows if row.status == "finished"]
    if wanted != FIRST and last_of(wanted) is None:
        return _named(history, kept, wanted, settings)
    alike = [row for row in finished if are_alike(row.settings, settings)]
    if not alike:
        if not finished:
            return Choice(None, "The first run: later ones are compared with it.")
        changes = differences(finished[-1].settings, settings)
        return Choice(
            None, f"Not compared with earlier runs: {changes}. Later runs are compared with this."
        )
    return _oldest(_candidates(alike, wanted), alike, kept)


def _candidates(alike: list[HistoryRow], wanted: str) -> list[HistoryRow]:
    """The runs that may be the baseline, the most wanted first."""
    number = last_of(wanted)
    if number is None:
        return alike
    in_order = [row for row in alike if row.in_order]
    return in_order[-number:] or alike


def _oldest(candidates: list[HistoryRow], alike: list[HistoryRow], kept: frozenset[str]) -> Choice:
    """The oldest candidate that is kept, else the oldest run that is."""
    found = next((row for row in (*candidates, *alike) if row.run_id in kept), None)
    if found is None:
        return Choice(
            None, "The baselines were deleted, so nothing was compared. Later runs are, with this."
        )
    if found is candidates[0]:
        return Choice(found.run_id)
    return Choice(
        found.run_id,
        f"The baseline, run {candidates[0].run_id}, was deleted; "
        f"run {found.run_id} of {day(found.identity.started)} stands in for it.",
    )


def _named(history: History, kept: frozenset[str], run_id: str, settings: Settings) -> Choice:
    row = history.row(run_id)
    remedy = "Choose another with 'imgvet baseline OUT --set RUN'."
    if row is None or run_id not in kept:
        why = "is not in the history" if row is None else "was deleted"
        return Choice(None, f"Not compared: the baseline, run {run_id}, {why}. {remedy}")
    if not are_alike(row.settings, settings):
        changes = differences(row.settings, settings)
        return Choice(None, f"Not compared with the baseline, run {run_id}: {changes}. {remedy}")
    return Choice(run_id)


def are_alike(before: Settings, after: Settings) -> bool:
    """Whether two runs can be compared.

    A setting that only one of them knows came with another version and does not part them; what
    an update measures differently is a setting of its own.
    """
    return all(before[name] == after[name] for name in before if name in after)


def differences(before: Settings, after: Settings) -> str:
    """What changed between two runs, for a person; empty if they can be compared."""
    changed = [name for name in before if name in after and before[name] != after[name]]
    return ", ".join(_change(name, before[name], after[name]) for name in changed)


def _change(name: str, before: str, after: str) -> str:
    if name == "model":
        return "the model changed"
    if name == "measures":
        return "imgvet measures differently since an update"
    return f"{name} was {before} and is {after}"


def day(started: str) -> str:
    """The day of a time in ISO 8601."""
    return started[:10]


def in_force(work: WorkDir, option: str | None) -> str:
    """Which baseline is wanted: the option if given, else what was set, else the first run."""
    if option is not None:
        return option
    path = baselines_folder(work) / "chosen.txt"
    text = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    return text if is_run_id(text) or last_of(text) else FIRST


def set_baseline(work: WorkDir, wanted: str) -> None:
    """Choose the baseline of a work dir's later runs.

    Args:
        work: the work dir.
        wanted: first, last:N or a run id.

    Raises:
        RunNotFoundError: of that run no baseline is kept.
        HistoryError: the history can't be read.
    """
    if wanted != FIRST and last_of(wanted) is None:
        kept = kept_baselines(work)
        known = [row.run_id for row in read_history(work).rows if row.run_id in kept]
        if wanted not in known:
            raise RunNotFoundError(
                f"Of run {wanted!r} no baseline is kept in {work.path}",
                f"Kept are {', '.join(known[::-1])}" if known else "Watch a run first",
            )
    write_text(baselines_folder(work) / "chosen.txt", wanted + "\n")
