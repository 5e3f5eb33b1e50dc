"""What a person sees of the baseline of a work dir, as lines for a terminal."""

from __future__ import annotations

from imgvet.monitor.baselines import Baseline, kept_baselines, read_baseline
from imgvet.monitor.choice import choose, day, in_force
from imgvet.monitor.history import History, HistoryRow, read_history
from imgvet.monitor.tally import RATES
from imgvet.monitor.words import percent
from imgvet.workdir import WorkDir


def baseline_lines(work: WorkDir, option: str | None = None) -> list[str]:
    """Which run later runs are compared with, what its rates are, and which could be set instead.

    Args:
        work: the work dir.
        option: the run option ``baseline``, if it is given.

    Raises:
        HistoryError: the history can't be read.
    """
    history, wanted = read_history(work), in_force(work, option)
    last = next((row for row in reversed(history.rows) if row.status == "finished"), None)
    if last is None:
        return ["No run was watched yet: the first one becomes the baseline."]
    kept = kept_baselines(work)
    choice = choose(history, kept, wanted, last.settings)
    baseline = read_baseline(work, choice.run_id) if choice.run_id else None
    lines = [f"Baseline   {wanted}", *_about(baseline, choice.notice)]
    lines.append(f"Alarms on  {', '.join(history.alarms) or 'none'}")
    return [*lines, "", "Runs that can be set with --set RUN:", *_kept(history, kept)]


def _about(baseline: Baseline | None, notice: str) -> list[str]:
    said = [f"           {notice}"] if notice else []
    if baseline is None:
        return said
    about = baseline.about
    rates = [
        f"{rate.title.lower()} {percent(portion.rate)}"
        for rate in RATES
        if (portion := about.whole.portion(rate)) is not None
    ]
    return [
        *said,
        f"Run        {about.run_id} of {day(about.started)}, {about.whole.images:,} images",
        f"Rates      {', '.join(rates)}",
    ]


def _kept(history: History, kept: frozenset[str]) -> list[str]:
    return [_line(row) for row in reversed(history.rows) if row.run_id in kept]


def _line(row: HistoryRow) -> str:
    alarms = f", alarms: {', '.join(row.alarms)}" if row.alarms else ""
    when = row.identity.started[:16].replace("T", " ")
    return f"  {row.run_id}  {when}  {row.whole.images:,} images{alarms}"
