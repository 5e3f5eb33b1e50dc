"""The first section: the verdict in words, the counts, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from imgvet.reports.text import count, counted, share, visible
from imgvet.reports.view.next_steps import NextStep, next_steps
from imgvet.reports.view.section import SectionView
from imgvet.sections import Section
from imgvet.summary import Counts, RunRecord, RunSummary, Verdict

VERDICTS: dict[Verdict, str] = {
    Verdict.PASSED: "Passed",
    Verdict.WARNINGS: "Passed with warnings",
    Verdict.FAILED: "Failed",
    Verdict.ERRORED: "Undecided",
}
"""The verdict in words."""

_EXPLAINED: dict[Verdict, str] = {
    Verdict.PASSED: "The dataset meets every limit that was set.",
    Verdict.WARNINGS: "No critical limit is exceeded, but some findings deserve a look.",
    Verdict.FAILED: "At least one critical limit is exceeded.",
    Verdict.ERRORED: "At least one check could not be computed, so the dataset is not cleared.",
}


@dataclass(frozen=True)
class Tile:
    """One count.

    Attributes:
        label: what is counted.
        count: the number, None if it was not measured.
        note: what it means.
        section: the section with the evidence.
        finding: whether it counts something that is not wanted.
    """

    label: str
    count: int | None
    note: str
    section: Section
    finding: bool = True


@dataclass(frozen=True, kw_only=True)
class OverviewView(SectionView):
    """The overview.

    Attributes:
        verdict: passed, warnings, failed or errored: picks colour and sign.
        heading: the verdict in words.
        explanation: what it means, and how the checks ended.
        tiles: the counts.
        steps: what to do next.
        inputs: what was analysed.
        root: folder that all images share, empty if there is none.
        root_is_input: whether that folder is the only input.
    """

    verdict: Verdict
    heading: str
    explanation: str
    tiles: tuple[Tile, ...]
    steps: tuple[NextStep, ...]
    inputs: tuple[str, ...]
    root: str
    root_is_input: bool


def overview_view(summary: RunSummary, record: RunRecord, root: str) -> OverviewView:
    """The overview of a run."""
    counts = summary.counts
    return OverviewView(
        anchor=Section.OVERVIEW,
        summary=f"{counted(counts.images, 'image')}, of which {count(counts.valid)} "
        "could be analysed.",
        verdict=summary.verdict,
        heading=VERDICTS[summary.verdict],
        explanation=f"{_EXPLAINED[summary.verdict]} {_checks_in_words(summary)}",
        tiles=_tiles(counts),
        steps=next_steps(summary, record),
        inputs=tuple(visible(source) for source in summary.inputs),
        root=visible(root),
        root_is_input=[source.rstrip("/\\") for source in summary.inputs] == [root.rstrip("/\\")],
    )


def _checks_in_words(summary: RunSummary) -> str:
    ended = [
        f"{count(number)} {word}"
        for number, word in (
            (summary.checks_passed, "passed"),
            (summary.checks_failed, "failed"),
            (summary.checks_errored, "could not be computed"),
        )
        if number
    ]
    return f"Checks: {', '.join(ended)}." if ended else "No check was made."


def _tiles(counts: Counts) -> tuple[Tile, ...]:
    return (
        Tile("Images", counts.images, f"{count(counts.valid)} analysed", Section.STATISTICS,
             finding=False),
        _tile("Invalid files", counts.invalid, counts.images, "of all files", Section.INVALID),
        _tile("Surplus copies", counts.exact_duplicate_surplus, counts.valid,
              f"in {counted(counts.exact_duplicate_groups, 'group')} of exact copies",
              Section.DUPLICATES),
        _tile("Near duplicates", counts.near_duplicate_images, counts.valid,
              f"in {counted(counts.near_duplicate_pairs, 'pair')}", Section.DUPLICATES),
        _tile("In components", counts.component_images, counts.valid,
              f"{counted(counts.components, 'component')}, "
              f"largest {count(counts.largest_component)}",
              Section.COMPONENTS),
        _tile("Outliers", counts.outliers, counts.valid,
              f"{count(counts.robust_outliers)} stand out by score", Section.OUTLIERS),
        _tile("Dark", counts.dark, counts.valid, "of valid images", Section.DARK),
        _tile("Bright", counts.bright, counts.valid, "of valid images", Section.BRIGHT),
        _tile("Blurry", counts.blurry, counts.valid, "of valid images", Section.BLURRY),
    )  # fmt: skip


def _tile(label: str, number: int | None, whole: int, note: str, section: Section) -> Tile:
    if number is None:
        return Tile(label, None, "not measured", section)
    separator = " " if note.startswith("of ") else " \u00b7 "
    return Tile(label, number, f"{share(number, whole)}{separator}{note}", section)
