"""Which run is the baseline: the first, one of the last, or one that was set; and what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from imgvet.errors import RunNotFoundError
from imgvet.format import rough_percent
from imgvet.monitor.baselines import kept_baselines, read_baseline
from imgvet.monitor.history import Run, find_run, read_history
from imgvet.monitor.options import FIRST, is_run_id, last_of
from imgvet.monitor.rates import RATES
from imgvet.workdir import WorkDir, write_text

REMEDY = "Choose another with 'imgvet baseline OUT --set RUN'."

Settings = Mapping[str, str]


def choose(
    history: Sequence[Run], kept: frozenset[str], wanted: str, settings: Settings
) -> tuple[Run | None, str]:
    """Which earlier run a run is compared with.

    Args:
        history: the monitored runs before it.
        kept: ids of runs of which a baseline is kept.
        wanted: first, last:N or a run id.
        settings: those of the run; runs with others can't be compared.

    Returns:
        the run to compare with, None if there is none; and what a person should know of it, one
        sentence, empty if nothing.
    """
    if wanted != FIRST and last_of(wanted) is None:
        return _named(history, kept, wanted, settings)
    finished = [run for run in history if run.status == "finished"]
    alike = [run for run in finished if are_alike(run.settings, settings)]
    if not finished:
        return None, "The first run: later ones are compared with it."
    if not alike:
        changes = _differences(finished[-1].settings, settings)
        return (
            None,
            f"Not compared with earlier runs: {changes}. Later runs are compared with this.",
        )
    number = last_of(wanted)
    in_order = [run for run in alike if run.in_order]
    candidates = alike if number is None else in_order[-number:] or alike
    found = next((run for run in (*candidates, *alike) if run.run_id in kept), None)
    if found is None:
        return (
            None,
            "The baselines were deleted, so nothing was compared. Later runs are, with this.",
        )
    if found is candidates[0]:
        return found, ""
    return found, (
        f"The baseline, run {candidates[0].run_id}, was deleted; "
        f"run {found.run_id} of {day(found.started)} stands in for it."
    )


def _named(
    history: Sequence[Run], kept: frozenset[str], run_id: str, settings: Settings
) -> tuple[Run | None, str]:
    run = find_run(history, run_id)
    if run is None or run_id not in kept:
        why = "is not in the history" if run is None else "was deleted"
        return None, f"Not compared: the baseline, run {run_id}, {why}. {REMEDY}"
    if not are_alike(run.settings, settings):
        changes = _differences(run.settings, settings)
        return None, f"Not compared with the baseline, run {run_id}: {changes}. {REMEDY}"
    return run, ""


def are_alike(before: Settings, after: Settings) -> bool:
    """Whether two runs can be compared.

    A setting that only one of them knows came with another version and does not part them; what
    an update measures differently is a setting of its own.
    """
    return all(before[name] == after[name] for name in before if name in after)


def _differences(before: Settings, after: Settings) -> str:
    """What changed between two runs, for a person."""
    words = {
        "model": "the model changed",
        "measures": "imgvet measures differently since an update",
    }
    return ", ".join(
        words.get(name, f"{name} was {before[name]} and is {after[name]}")
        for name in before
        if name in after and before[name] != after[name]
    )


def day(started: str) -> str:
    """The day of a time in ISO 8601."""
    return started[:10]


def minute(started: str) -> str:
    """A time in ISO 8601 as a person writes it, without seconds."""
    return started[:16].replace("T", " ")


def in_force(work: WorkDir, option: str | None) -> str:
    """Which baseline is wanted: the option if given, else what was set, else the first run."""
    if option is not None:
        return option
    path = _chosen(work)
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
        known = [run.run_id for run in read_history(work) if run.run_id in kept]
        if wanted not in known:
            raise RunNotFoundError(
                f"Of run {wanted!r} no baseline is kept in {work.path}",
                f"Kept are {', '.join(known[::-1])}" if known else "Watch a run first",
            )
    write_text(_chosen(work), wanted + "\n")


def _chosen(work: WorkDir) -> Path:
    return work.path / "baselines" / "chosen.txt"


def baseline_lines(work: WorkDir) -> list[str]:
    """Which run later runs are compared with, what its rates are, and which could be set instead.

    Raises:
        HistoryError: the history can't be read.
    """
    history = [run for run in read_history(work) if run.monitored]
    last = next((run for run in reversed(history) if run.status == "finished"), None)
    if last is None:
        return ["No run was watched yet: the first one becomes the baseline."]
    kept, wanted = kept_baselines(work), in_force(work, None)
    chosen, notice = choose(history, kept, wanted, last.settings)
    return [
        f"Baseline   {wanted}",
        *([f"           {notice}"] if notice else []),
        *(_about(work, chosen) if chosen is not None else []),
        f"Alarms on  {', '.join(history[-1].alarms) or 'none'}",
        "",
        "Runs that can be set with --set RUN:",
        *(_line(run) for run in reversed(history) if run.run_id in kept),
    ]


def _about(work: WorkDir, chosen: Run) -> list[str]:
    baseline = read_baseline(work, chosen)
    if baseline is None:
        return []
    shares = {rate.title.lower(): rate.proportion(baseline.run.counts) for rate in RATES}
    rates = [f"{name} {rough_percent(share.rate)}" for name, share in shares.items() if share]
    return [
        f"Run        {chosen.run_id} of {day(chosen.started)}, {chosen.images:,} images",
        f"Rates      {', '.join(rates)}",
    ]


def _line(run: Run) -> str:
    alarms = f", alarms: {', '.join(run.alarms)}" if run.alarms else ""
    return f"  {run.run_id}  {minute(run.started)}  {run.images:,} images{alarms}"
