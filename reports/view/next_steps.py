"""What to do next: commands to type and the same in Python."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from imgvet.reports.text import counted
from imgvet.sections import TITLES, Section
from imgvet.summary import RunRecord, RunSummary


@dataclass(frozen=True)
class NextStep:
    """One thing to do.

    Attributes:
        text: what it is good for.
        code: what to type; empty if the step is to look at a section.
        language: shell or python.
        section: the section to look at, None if there is a command instead.
        link: the title of that section.
    """

    text: str
    code: str = ""
    language: str = ""
    section: Section | None = None
    link: str = ""


def next_steps(summary: RunSummary, record: RunRecord) -> tuple[NextStep, ...]:
    """Sections worth a look, worst first, then the commands that go on from here."""
    work_dir = str(record.parameters.get("work_dir", "work_dir"))
    return (*_looks(summary), *_commands(work_dir, summary))


def _looks(summary: RunSummary) -> tuple[NextStep, ...]:
    counts = summary.counts
    copies = counted(counts.exact_duplicate_surplus, "exact copy", "exact copies")
    flagged = sum(number or 0 for number in (counts.dark, counts.bright, counts.blurry))
    looks = (
        (
            counts.invalid,
            f"Repair or remove {counted(counts.invalid, 'file')} that could not be analysed",
            Section.INVALID,
        ),
        (
            counts.exact_duplicate_surplus,
            f"Remove {copies} that add nothing",
            Section.DUPLICATES,
        ),
        (
            counts.near_duplicate_pairs,
            f"Decide on {counted(counts.near_duplicate_pairs, 'near pair')} that may differ little",
            Section.DUPLICATES,
        ),
        (
            flagged,
            f"Judge {counted(flagged, 'case')} of poor light or focus",
            _first_flag(summary),
        ),
    )
    return tuple(
        NextStep(text, section=section, link=TITLES[section])
        for number, text, section in looks
        if number
    )


def _first_flag(summary: RunSummary) -> Section:
    counts = summary.counts
    if counts.dark:
        return Section.DARK
    return Section.BRIGHT if counts.bright else Section.BLURRY


def _commands(work_dir: str, summary: RunSummary) -> tuple[NextStep, ...]:
    calls = "\n".join(f"dataset.{call}()" for call in _calls(summary))
    return (
        NextStep(
            "Search by picture, filter every table and see originals",
            f"imgvet explore {shlex.quote(work_dir)}",
            "shell",
        ),
        NextStep("Print the summary again", f"imgvet summary {shlex.quote(work_dir)}", "shell"),
        NextStep(
            "Go on in Python, with every row as a pandas frame",
            f"import imgvet\n\ndataset = imgvet.create(work_dir={work_dir!r})\n{calls}",
            "python",
        ),
    )


def _calls(summary: RunSummary) -> tuple[str, ...]:
    """The tables worth reading after this run; the measures if nothing was found."""
    counts = summary.counts
    worthwhile = (
        ("invalid_instances", counts.invalid),
        ("similarity", counts.exact_duplicate_groups + counts.near_duplicate_pairs),
        ("connected_components", counts.components),
        ("outliers", counts.outliers),
    )
    return tuple(call for call, number in worthwhile if number) or ("img_stats",)
