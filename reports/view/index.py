"""The first page: the verdict, the counts, what to do next, and the checks."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from imgvet.format import listed
from imgvet.quality.result import CheckResult, CheckState
from imgvet.reports import limits
from imgvet.reports.text import count, counted, share, shorten, visible
from imgvet.reports.view.images import Album
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

_ENDED: dict[CheckState, str] = {
    CheckState.PASSED: "passed",
    CheckState.FAILED: "failed",
    CheckState.ERRORED: "could not be computed",
}


def overview(summary: RunSummary, record: RunRecord, root: str) -> SectionView:
    """The verdict, the counts, and what to do next.

    Args:
        summary: what the run found.
        record: how it was done.
        root: folder that all images share, empty if there is none.
    """
    counts = summary.counts
    inputs = [source.rstrip("/\\") for source in summary.inputs]
    return SectionView(
        Section.OVERVIEW,
        f"{counted(counts.images, 'image')}, of which {count(counts.valid)} could be analysed.",
        content={
            "verdict": summary.verdict,
            "heading": VERDICTS[summary.verdict],
            "explanation": f"{_EXPLAINED[summary.verdict]} {_checks_made(summary)}",
            "tiles": _tiles(counts),
            "looks": _looks(counts),
            "commands": _commands(str(record.parameters.get("work_dir", "work_dir")), counts),
            "inputs": tuple(visible(source) for source in summary.inputs),
            "root": visible(root),
            "root_is_input": inputs == [root.rstrip("/\\")],
        },
    )


def _checks_made(summary: RunSummary) -> str:
    numbers = (summary.checks_passed, summary.checks_failed, summary.checks_errored)
    ended = _in_words(dict(zip(_ENDED, numbers, strict=True)))
    return f"Checks: {', '.join(ended)}." if ended else "No check was made."


def _in_words(ended: dict[CheckState, int]) -> list[str]:
    return [f"{count(number)} {_ENDED[state]}" for state, number in ended.items() if number]


def _tiles(counts: Counts) -> tuple[dict[str, Any], ...]:
    images = {"label": "Images", "number": counts.images, "section": Section.STATISTICS,
              "note": f"{count(counts.valid)} analysed", "bad": False}  # fmt: skip
    return (
        images,
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


def _tile(
    label: str, number: int | None, whole: int, note: str, section: Section
) -> dict[str, Any]:
    """A count of what is not wanted; its number is None if it was not measured."""
    if number is None:
        note = "not measured"
    else:
        separator = " " if note.startswith("of ") else " \u00b7 "
        note = f"{share(number, whole)}{separator}{note}"
    return {"label": label, "number": number, "section": section, "note": note, "bad": bool(number)}


def _looks(counts: Counts) -> tuple[tuple[str, Section], ...]:
    """Sections worth a look and why, worst first."""
    copies = counted(counts.exact_duplicate_surplus, "exact copy", "exact copies")
    flagged = sum(number or 0 for number in (counts.dark, counts.bright, counts.blurry))
    flag = Section.DARK if counts.dark else Section.BRIGHT if counts.bright else Section.BLURRY
    looks = (
        (counts.invalid, Section.INVALID,
         f"Repair or remove {counted(counts.invalid, 'file')} that could not be analysed"),
        (counts.exact_duplicate_surplus, Section.DUPLICATES, f"Remove {copies} that add nothing"),
        (counts.near_duplicate_pairs, Section.DUPLICATES,
         f"Decide on {counted(counts.near_duplicate_pairs, 'near pair')} that may differ little"),
        (flagged, flag, f"Judge {counted(flagged, 'case')} of poor light or focus"),
    )  # fmt: skip
    return tuple((text, section) for number, section, text in looks if number)


def _commands(work_dir: str, counts: Counts) -> tuple[tuple[str, str, str], ...]:
    """What to type to go on from here: what it is good for, the language, the code."""
    calls = (
        ("invalid_instances", counts.invalid),
        ("similarity", counts.exact_duplicate_groups + counts.near_duplicate_pairs),
        ("connected_components", counts.components),
        ("outliers", counts.outliers),
    )
    worthwhile = [call for call, number in calls if number] or ["img_stats"]
    lines = "\n".join(f"dataset.{call}()" for call in worthwhile)
    return (
        ("Search by picture, filter every table and see originals", "shell",
         f"imgvet explore {shlex.quote(work_dir)}"),
        ("Print the summary again", "shell", f"imgvet summary {shlex.quote(work_dir)}"),
        ("Go on in Python, with every row as a pandas frame", "python",
         f"import imgvet\n\ndataset = imgvet.create(work_dir={work_dir!r})\n{lines}"),
    )  # fmt: skip


def checks(results: Sequence[CheckResult], album: Album) -> SectionView:
    """The checks, failed ones in the order of the catalogue like the others."""
    ended = {state: sum(result.state is state for result in results) for state in _ENDED}
    failed = len(results) - ended[CheckState.PASSED]
    return SectionView(
        Section.CHECKS,
        f"Of {counted(len(results), 'check')}, {listed(_in_words(ended))}."
        if results
        else "No check was made.",
        badge=count(failed) if failed else "",
        content={"checks": tuple(_check(result, album) for result in results)},
    )


def _check(result: CheckResult, album: Album) -> dict[str, Any]:
    shown = result.examples[: limits.EXAMPLES]
    return {
        "result": result,
        "detail": shorten(visible(result.detail), limits.FOLDER_LENGTH * 4),
        "section": Section(result.section) if result.section in set(Section) else None,
        "examples": tuple(album.file_name(item) for item in shown),
        "more_examples": len(result.examples) - len(shown),
    }
