"""What changed since the last run, and how the counts went over all runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imgvet.reports import limits
from imgvet.reports.inputs import PastRun
from imgvet.reports.text import count, counted, moment, visible
from imgvet.reports.view.chart import Lines
from imgvet.reports.view.overview import VERDICTS
from imgvet.reports.view.section import Chart, SectionView
from imgvet.sections import Section
from imgvet.summary import Counts, RunRecord, RunSummary, Verdict

_NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Counted:
    """A number that every run has.

    Attributes:
        key: stem of its figure's id.
        title: its name.
        get: reads it; None if it was not measured.
        whole: reads what it is a share of, None if it is no share.
        worse: whether more of it is worse; None if neither.
        section: where the evidence is.
    """

    key: str
    title: str
    get: Callable[[Counts], int | None]
    whole: Callable[[Counts], int] | None
    worse: bool | None
    section: Section


def _valid(counts: Counts) -> int:
    return counts.valid


COUNTED: tuple[Counted, ...] = (
    Counted("images", "Images", lambda c: c.images, None, None, Section.STATISTICS),
    Counted("invalid", "Invalid files", lambda c: c.invalid, lambda c: c.images, True,
            Section.INVALID),
    Counted("copies", "Surplus copies", lambda c: c.exact_duplicate_surplus, _valid, True,
            Section.DUPLICATES),
    Counted("near", "Near duplicates", lambda c: c.near_duplicate_images, _valid, True,
            Section.DUPLICATES),
    Counted("outliers", "Outliers that stand out", lambda c: c.robust_outliers, _valid, True,
            Section.OUTLIERS),
    Counted("dark", "Dark", lambda c: c.dark, _valid, True, Section.DARK),
    Counted("bright", "Bright", lambda c: c.bright, _valid, True, Section.BRIGHT),
    Counted("blurry", "Blurry", lambda c: c.blurry, _valid, True, Section.BLURRY),
)  # fmt: skip
"""What is compared between runs."""


@dataclass(frozen=True)
class Change:
    """One number of this run and of the last one, in words; ``kind`` is better, worse or same."""

    title: str
    before: str
    now: str
    difference: str
    kind: str
    section: Section


@dataclass(frozen=True, kw_only=True)
class ChangesView(SectionView):
    """What changed since the last run."""

    changes: tuple[Change, ...]


@dataclass(frozen=True)
class RunRow:
    """One run in the table of all: when, how it ended, and its numbers."""

    run_id: str
    started: str
    verdict: Verdict
    heading: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class HistoryView(SectionView):
    """The section of the history: a line for each number, and all runs, the latest first."""

    lines: tuple[Lines, ...]
    titles: tuple[str, ...]
    runs: tuple[RunRow, ...]
    run_count: int

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The trends."""
        return self.lines


def changes_view(summary: RunSummary, history: Sequence[PastRun]) -> ChangesView | None:
    """What changed since the last run; None if this is the first."""
    if not history:
        return None
    last = history[-1]
    changes = tuple(_change(entry, last.counts, summary.counts) for entry in COUNTED)
    moved = sum(change.kind != "same" for change in changes)
    verdict = (
        f"The verdict is still \u201c{VERDICTS[summary.verdict]}\u201d"
        if last.verdict is summary.verdict
        else f"The verdict was \u201c{VERDICTS[last.verdict]}\u201d and is now "
        f"\u201c{VERDICTS[summary.verdict]}\u201d"
    )
    return ChangesView(
        anchor=Section.CHANGES,
        summary=f"{verdict}; since {moment(last.started)} "
        f"{'no number' if not moved else counted(moved, 'number')} changed.",
        changes=changes,
    )


def history_view(
    summary: RunSummary, record: RunRecord, history: Sequence[PastRun]
) -> HistoryView | None:
    """The section of the history; None if this is the first run."""
    if not history:
        return None
    this = PastRun(
        run_id=record.run_id,
        started=record.started,
        verdict=summary.verdict,
        counts=summary.counts,
    )
    runs = (*history, this)
    shown = runs[-limits.RUNS :]
    return HistoryView(
        anchor=Section.HISTORY,
        summary=f"{counted(len(runs), 'run')} into this work dir, this one included.",
        badge=count(len(runs)),
        lines=tuple(_lines(entry, shown) for entry in COUNTED),
        titles=tuple(entry.title for entry in COUNTED),
        runs=tuple(_row(run) for run in reversed(shown)),
        run_count=len(runs),
    )


def _change(entry: Counted, before: Counts, now: Counts) -> Change:
    old, new = entry.get(before), entry.get(now)
    words = [_NOT_MEASURED if value is None else count(value) for value in (old, new)]
    difference, kind = "\u2013", "same"
    if old is not None and new is not None and old != new:
        sign = "+" if new > old else "\u2212"
        difference = f"{sign}{count(abs(new - old))}"
        kind = "changed" if entry.worse is None else "worse" if new > old else "better"
    return Change(entry.title, words[0], words[1], difference, kind, entry.section)


def _lines(entry: Counted, runs: Sequence[PastRun]) -> Lines:
    values = tuple(_value(entry, run.counts) for run in runs)
    lines = Lines(
        figure_id=f"figure-history-{entry.key}",
        title=entry.title,
        axis="images" if entry.whole is None else "share",
        moments=tuple(moment(run.started) for run in runs),
        values=values,
        percent=entry.whole is not None,
        summary="",
        reading="Good: no sudden step that nobody can explain."
        if entry.worse is None
        else "Good: low, and not rising.",
    )
    words = f"{lines.in_words(values[0])} at first, {lines.in_words(values[-1])} now."
    return Lines(**{**lines.__dict__, "summary": words})


def _value(entry: Counted, counts: Counts) -> float | None:
    value = entry.get(counts)
    if value is None or entry.whole is None:
        return value
    whole = entry.whole(counts)
    return value / whole if whole else 0.0


def _row(run: PastRun) -> RunRow:
    values = [entry.get(run.counts) for entry in COUNTED]
    return RunRow(
        run_id=visible(run.run_id),
        started=moment(run.started),
        verdict=run.verdict,
        heading=VERDICTS[run.verdict],
        numbers=tuple(_NOT_MEASURED if value is None else count(value) for value in values),
    )
