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

Row = tuple[str, str, str]


def summary_lines(summary: RunSummary, report: str) -> list[str]:
    """The lines of the summary; ``report`` is the page with the details, as a user opens it."""
    rows = [_items(summary), *_validity(summary), *_alike(summary), *_quality(summary)]
    label_width, text_width = (max(len(row[column]) for row in rows) + 2 for column in range(2))
    rows += [("Verdict", VERDICT_WORDS[summary.verdict], ""), ("Report", report, "")]
    return [
        f"{label:<{label_width}}{text:<{text_width}}{where}".rstrip() for label, text, where in rows
    ]


def _items(summary: RunSummary) -> Row:
    """What was analysed: whole images, or crops of how many images."""
    number, empty = f"{summary.counts.images:,}", summary.sources_without_crops
    if summary.sources is None:
        return "Images", number, ".annotations()"
    without = f", {empty:,} of them without" if empty else ""
    return "Crops", f"{number} of {counted(summary.sources, 'image')}{without}", ".crops()"


def _validity(summary: RunSummary) -> list[Row]:
    counts, by_reason = summary.counts, summary.invalid_by_reason.items()
    reasons = ", ".join(f"{number} {reason}" for reason, number in by_reason)
    invalid = _images(counts.invalid, counts.images) + (f": {reasons}" if reasons else "")
    return [
        ("Valid", _images(counts.valid, counts.images), ""),
        ("Invalid", invalid, f".invalid_instances()  {Section.INVALID.href}"),
    ]


def _alike(summary: RunSummary) -> list[Row]:
    counts, where = summary.counts, f".similarity()  {Section.DUPLICATES.href}"
    surplus, largest = counts.exact_duplicate_surplus, counts.largest_component
    exact = (
        f"{counted(counts.exact_duplicate_images, 'image')} in "
        f"{counted(counts.exact_duplicate_groups, 'group')}"
    )
    near = (
        f"{counted(counts.near_duplicate_images, 'image')} in "
        f"{counted(counts.near_duplicate_pairs, 'pair')} of similarity >= {summary.threshold:g}"
    )
    joined = f"{counted(counts.component_images, 'image')} in {counts.components:,}"
    return [
        ("Exact duplicates", exact + (f", {surplus:,} to spare" if surplus else ""), where),
        ("Near duplicates", near, where),
        (
            "Components",
            joined + (f", the largest of {largest:,}" if counts.components else ""),
            f".connected_components()  {Section.COMPONENTS.href}",
        ),
    ]


def _quality(summary: RunSummary) -> list[Row]:
    counts, errored = summary.counts, summary.checks_errored
    least = f"the {100 * summary.outlier_percentile:g} % least similar"
    outliers = (
        f"{counted(counts.outliers, 'image')} ({least}), {counts.robust_outliers:,} stand out"
    )
    checks = f"{summary.checks_passed} passed, {summary.checks_failed} failed"
    flags = (
        ("Dark", counts.dark, Section.DARK),
        ("Bright", counts.bright, Section.BRIGHT),
        ("Blurry", counts.blurry, Section.BLURRY),
    )
    return [
        ("Outliers", outliers, f".outliers()  {Section.OUTLIERS.href}"),
        *(
            (label, _images(number, counts.valid), f".img_stats()  {section.href}")
            for label, number, section in flags
        ),
        (
            "Checks",
            checks + (f", {errored} could not be computed" if errored else ""),
            f"checks.json  {Section.CHECKS.href}",
        ),
    ]


def _images(number: int | None, whole: int) -> str:
    if number is None:
        return "not measured"
    return f"{counted(number, 'image')} ({percent(number, whole)})"
