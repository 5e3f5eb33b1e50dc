"""Which run is the baseline: the first, one of the last, or one that was set; and what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from imgvet.errors import RunNotFoundError
from imgvet.monitor.baselines import kept_baselines, read_baseline
from imgvet.monitor.history import Run, find_run, monitored_runs, read_history
from imgvet.monitor.options import FIRST, is_baseline, last_of
from imgvet.monitor.rates import rates_in_words
from imgvet.workdir import WorkDir, write_text

REMEDY = "Choose another with 'imgvet baseline OUT --set RUN'."


def choose(
    history: Sequence[Run], kept: frozenset[str], wanted: str, settings: Mapping[str, str]
) -> tuple[Run | None, str]:
    """Which of the monitored runs before it a run with some settings is compared with.

    Returns:
        the run, of which a baseline must be kept, None if there is none; and what a person should
        know of it, one sentence, empty if nothing.
    """
    number = last_of(wanted)
    if wanted != FIRST and number is None:
        return _named(history, kept, wanted, settings)
    finished = [run for run in history if run.status == "finished"]
    alike = [run for run in finished if not run.changes(settings)]
    if not finished:
        return None, "The first run: later ones are compared with it."
    if not alike:
        changes = _differences(finished[-1], settings)
        said = f"Not compared with earlier runs: {changes}. Later runs are compared with this."
        return None, said
    in_order = [run for run in alike if run.in_order]
    candidates = alike if number is None else in_order[-number:] or alike
    found = next((run for run in (*candidates, *alike) if run.run_id in kept), None)
    if found is None:
        said = "The baselines were deleted, so nothing was compared. Later runs are, with this."
    elif found is candidates[0]:
        said = ""
    else:
        gone = f"The baseline, run {candidates[0].run_id}, was deleted"
        said = f"{gone}; run {found.run_id} of {found.day} stands in for it."
    return found, said


def _named(
    history: Sequence[Run], kept: frozenset[str], run_id: str, settings: Mapping[str, str]
) -> tuple[Run | None, str]:
    run, said = find_run(history, run_id), f"the baseline, run {run_id}"
    if run is None:
        return None, f"Not compared: {said}, is not in the history. {REMEDY}"
    if run_id not in kept:
        return None, f"Not compared: {said}, was deleted. {REMEDY}"
    if run.changes(settings):
        return None, f"Not compared with {said}: {_differences(run, settings)}. {REMEDY}"
    return run, ""


def _differences(run: Run, settings: Mapping[str, str]) -> str:
    words = {
        "model": "the model changed",
        "measures": "imgvet measures differently since an update",
    }
    return ", ".join(
        words.get(name, f"{name} was {run.settings[name]} and is {settings[name]}")
        for name in run.changes(settings)
    )


def in_force(work: WorkDir, option: str | None) -> str:
    """Which baseline is wanted: the option if given, else what was set, else the first run."""
    if option is not None:
        return option
    path = _chosen(work)
    text = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    return text if is_baseline(text) else FIRST


def set_baseline(work: WorkDir, wanted: str) -> None:
    """Choose the baseline of a work dir's later runs: first, last:N or a run id.

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
    """Which run later runs are compared with, its rates, and which could be set instead."""
    history = monitored_runs(work)
    last = next((run for run in reversed(history) if run.status == "finished"), None)
    if last is None:
        return ["No run was watched yet: the first one becomes the baseline."]
    kept, wanted = kept_baselines(work), in_force(work, None)
    chosen, notice = choose(history, kept, wanted, last.settings)
    baseline = None if chosen is None else read_baseline(work, chosen)
    lines = [f"Baseline   {wanted}", *([f"           {notice}"] if notice else [])]
    if baseline is not None:
        run = baseline.run
        rates = [f"{name.lower()} {share}" for name, share in rates_in_words(run.counts).items()]
        lines.append(f"Run        {run.run_id} of {run.day}, {run.images:,} images")
        lines.append(f"Rates      {', '.join(rates)}")
    lines += [f"Alarms on  {', '.join(history[-1].alarms) or 'none'}", ""]
    lines.append("Runs that can be set with --set RUN:")
    for run in reversed(history):
        if run.run_id in kept:
            alarms = f", alarms: {', '.join(run.alarms)}" if run.alarms else ""
            lines.append(f"  {run.run_id}  {run.minute}  {run.images:,} images{alarms}")
    return lines
