"""The summary as lines for a terminal: exact counts, the verdict, and where the details are."""

from __future__ import annotations

from imgvet.format import counted, percent
from imgvet.sections import Section
from imgvet.summary import RunSummary, Verdict

VERDICT_WORDS: dict[Verdict, str] = {
    Verdict.PASSED: "passed: every check is within its limits",
    Verdict.WARNINGS: "passed with warnings",
    Verdict.FAILED: "failed: a critical check is over its limit",
    Verdict.ERRORED: "unknown: a check could not be computed",
}
"""The verdict in words."""


def summary_lines(summary: RunSummary, report: str) -> list[str]:
    """The lines of the summary.

    Args:
        summary: what the run found.
        report: the page with the details, as the user would open it.
    """
    rows = [*_validity(summary), *_duplicates(summary), *_quality(summary), _checks(summary)]
    widths = [max(len(row[column]) for row in rows) + 2 for column in range(2)]
    lines = [
        f"{label:<{widths[0]}}{text:<{widths[1]}}{where}".rstrip() for label, text, where in rows
    ]
    ending = (("Verdict", VERDICT_WORDS[summary.verdict]), ("Report", report))
    return [*lines, *(f"{label:<{widths[0]}}{text}" for label, text in ending)]


Row = tuple[str, str, str]


def _validity(summary: RunSummary) -> list[Row]:
    counts = summary.counts
    reasons = ", ".join(
        f"{number} {reason}" for reason, number in summary.invalid_by_reason.items()
    )
    invalid = f"{counted(counts.invalid, 'image')} ({percent(counts.invalid, counts.images)})"
    return [
        _counted_items(summary),
        ("Valid", f"{counted(counts.valid, 'image')} ({percent(counts.valid, counts.images)})", ""),
        (
            "Invalid",
            f"{invalid}{': ' + reasons if reasons else ''}",
            f".invalid_instances()  {Section.INVALID.href}",
        ),
    ]


def _counted_items(summary: RunSummary) -> Row:
    """What was analysed: whole images, or crops of how many images."""
    number = f"{summary.counts.images:,}"
    if summary.sources is None:
        return ("Images", number, ".annotations()")
    empty = (
        f", {summary.sources_without_crops:,} of them without"
        if summary.sources_without_crops
        else ""
    )
    return ("Crops", f"{number} of {counted(summary.sources, 'image')}{empty}", ".crops()")


def _duplicates(summary: RunSummary) -> list[Row]:
    counts = summary.counts
    groups = counted(counts.exact_duplicate_groups, "group")
    exact = f"{counted(counts.exact_duplicate_images, 'image')} in {groups}"
    pairs = counted(counts.near_duplicate_pairs, "pair")
    near_images = counted(counts.near_duplicate_images, "image")
    near = f"{near_images} in {pairs} of similarity >= {summary.threshold:g}"
    largest = f", the largest of {counts.largest_component:,}" if counts.components else ""
    joined = f"{counted(counts.component_images, 'image')} in {counts.components:,}{largest}"
    spare = (
        f", {counts.exact_duplicate_surplus:,} to spare" if counts.exact_duplicate_surplus else ""
    )
    return [
        ("Exact duplicates", exact + spare, f".similarity()  {Section.DUPLICATES.href}"),
        ("Near duplicates", near, f".similarity()  {Section.DUPLICATES.href}"),
        ("Components", joined, f".connected_components()  {Section.COMPONENTS.href}"),
    ]


def _quality(summary: RunSummary) -> list[Row]:
    counts = summary.counts
    share = f"the {100 * summary.outlier_percentile:g} % least similar"
    outliers = (
        f"{counted(counts.outliers, 'image')} ({share}), {counts.robust_outliers:,} stand out"
    )
    flags = (
        ("Dark", counts.dark, Section.DARK),
        ("Bright", counts.bright, Section.BRIGHT),
        ("Blurry", counts.blurry, Section.BLURRY),
    )
    return [
        ("Outliers", outliers, f".outliers()  {Section.OUTLIERS.href}"),
        *(
            (label, _measured(number, counts.valid), f".img_stats()  {part.href}")
            for label, number, part in flags
        ),
    ]


def _measured(number: int | None, whole: int) -> str:
    return (
        "not measured"
        if number is None
        else f"{counted(number, 'image')} ({percent(number, whole)})"
    )


def _checks(summary: RunSummary) -> Row:
    text = f"{summary.checks_passed} passed, {summary.checks_failed} failed"
    if summary.checks_errored:
        text += f", {summary.checks_errored} could not be computed"
    return ("Checks", text, f"checks.json  {Section.CHECKS.href}")
