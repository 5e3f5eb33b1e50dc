"""What changed since the last run, and how the counts went over all runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from imgvet.reports import limits
from imgvet.reports.text import count, counted, moment, visible
from imgvet.reports.view.chart import Lines, value_in_words
from imgvet.reports.view.index import VERDICTS
from imgvet.reports.view.section import SectionView
from imgvet.sections import Section
from imgvet.summary import Counts, PastRun, RunRecord, RunSummary


@dataclass(frozen=True)
class Number:
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


NUMBERS: tuple[Number, ...] = (
    Number("images", "Images", lambda c: c.images, None, None, Section.STATISTICS),
    Number("invalid", "Invalid files", lambda c: c.invalid, lambda c: c.images, True,
            Section.INVALID),
    Number("copies", "Surplus copies", lambda c: c.exact_duplicate_surplus, _valid, True,
            Section.DUPLICATES),
    Number("near", "Near duplicates", lambda c: c.near_duplicate_images, _valid, True,
            Section.DUPLICATES),
    Number("outliers", "Outliers that stand out", lambda c: c.robust_outliers, _valid, True,
            Section.OUTLIERS),
    Number("dark", "Dark", lambda c: c.dark, _valid, True, Section.DARK),
    Number("bright", "Bright", lambda c: c.bright, _valid, True, Section.BRIGHT),
    Number("blurry", "Blurry", lambda c: c.blurry, _valid, True, Section.BLURRY),
)  # fmt: skip
"""What is compared between runs."""


def changes(summary: RunSummary, history: Sequence[PastRun]) -> SectionView | None:
    """What changed since the last run; None if this is the first."""
    if not history:
        return None
    last = history[-1]
    rows = tuple(_change(number, last.counts, summary.counts) for number in NUMBERS)
    moved = sum(row["kind"] != "same" for row in rows)
    verdict = (
        f"The verdict is still \u201c{VERDICTS[summary.verdict]}\u201d"
        if last.verdict is summary.verdict
        else f"The verdict was \u201c{VERDICTS[last.verdict]}\u201d and is now "
        f"\u201c{VERDICTS[summary.verdict]}\u201d"
    )
    return SectionView(
        Section.CHANGES,
        f"{verdict}; since {moment(last.started)} "
        f"{'no number' if not moved else counted(moved, 'number')} changed.",
        content={"changes": rows},
    )


def history(
    summary: RunSummary, record: RunRecord, earlier: Sequence[PastRun]
) -> SectionView | None:
    """A line for each number, and all runs, the latest first; None if this is the first run."""
    if not earlier:
        return None
    this = PastRun(
        run_id=record.run_id,
        started=record.started,
        verdict=summary.verdict,
        counts=summary.counts,
    )
    runs = (*earlier, this)
    shown = runs[-limits.RUNS :]
    return SectionView(
        Section.HISTORY,
        f"{counted(len(runs), 'run')} into this work dir, this one included.",
        badge=count(len(runs)),
        content={
            "lines": tuple(_lines(number, shown) for number in NUMBERS),
            "runs": tuple(_row(run) for run in reversed(shown)),
            "run_count": len(runs),
        },
    )


def _change(number: Number, before: Counts, now: Counts) -> dict[str, Any]:
    """A number of the last run and of this one; ``kind`` is better, worse, changed or same."""
    old, new = number.get(before), number.get(now)
    difference, kind = "\u2013", "same"
    if old is not None and new is not None and old != new:
        sign = "+" if new > old else "\u2212"
        difference = f"{sign}{count(abs(new - old))}"
        kind = "changed" if number.worse is None else "worse" if new > old else "better"
    return {
        "number": number,
        "before": value_in_words(old),
        "now": value_in_words(new),
        "difference": difference,
        "kind": kind,
    }


def _lines(number: Number, runs: Sequence[PastRun]) -> Lines:
    values = tuple(_value(number, run.counts) for run in runs)
    percent = number.whole is not None
    first, last = (value_in_words(values[place], percent=percent) for place in (0, -1))
    return Lines(
        figure_id=f"figure-history-{number.key}",
        title=number.title,
        counts="share" if percent else "images",
        summary=f"{first} at first, {last} now.",
        reading="Good: no sudden step that nobody can explain."
        if number.worse is None
        else "Good: low, and not rising.",
        moments=tuple(moment(run.started) for run in runs),
        values=values,
        percent=percent,
    )


def _value(number: Number, counts: Counts) -> float | None:
    value = number.get(counts)
    if value is None or number.whole is None:
        return value
    whole = number.whole(counts)
    return value / whole if whole else 0.0


def _row(run: PastRun) -> dict[str, Any]:
    return {
        "run_id": visible(run.run_id),
        "started": moment(run.started),
        "verdict": run.verdict,
        "heading": VERDICTS[run.verdict],
        "numbers": tuple(value_in_words(number.get(run.counts)) for number in NUMBERS),
    }
