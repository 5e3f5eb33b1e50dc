"""The checks: state, severity, what was observed and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgvet.quality.result import CheckResult, CheckState
from imgvet.reports import limits
from imgvet.reports.text import count, counted, listed, shorten, visible
from imgvet.reports.view.images import Album, FileName
from imgvet.reports.view.section import SectionView
from imgvet.sections import TITLES, Section


@dataclass(frozen=True)
class CheckView:
    """One row of the table of checks.

    Attributes:
        title: the check's name for a person.
        name: its stable identifier.
        state: passed, failed or errored.
        severity: how bad a failure is.
        observed: in words; empty if it could not be computed.
        allowed: in words.
        detail: why it could not be computed, else empty.
        section: the section with the evidence, None if there is none.
        link: the title of that section.
        examples: names of some files that show the problem.
        more_examples: how many further ones are known.
    """

    title: str
    name: str
    state: CheckState
    severity: str
    observed: str
    allowed: str
    detail: str
    section: Section | None
    link: str
    examples: tuple[FileName, ...]
    more_examples: int


@dataclass(frozen=True, kw_only=True)
class ChecksView(SectionView):
    """The section of checks."""

    checks: tuple[CheckView, ...]


def checks_view(results: Sequence[CheckResult], album: Album) -> ChecksView:
    """The section of checks, failed ones in the order of the catalogue like the others."""
    failed = sum(result.state is not CheckState.PASSED for result in results)
    return ChecksView(
        anchor=Section.CHECKS,
        summary=_summary(results),
        badge=count(failed) if failed else "",
        checks=tuple(_check(result, album) for result in results),
    )


def _summary(results: Sequence[CheckResult]) -> str:
    if not results:
        return "No check was made."
    states = [result.state for result in results]
    parts = [
        f"{count(states.count(state))} {word}"
        for state, word in (
            (CheckState.PASSED, "passed"),
            (CheckState.FAILED, "failed"),
            (CheckState.ERRORED, "could not be computed"),
        )
        if state in states
    ]
    return f"Of {counted(len(results), 'check')}, {listed(parts)}."


def _check(result: CheckResult, album: Album) -> CheckView:
    section = Section(result.section) if result.section in set(Section) else None
    shown = result.examples[: limits.EXAMPLES]
    return CheckView(
        title=result.title,
        name=result.name,
        state=result.state,
        severity=result.severity,
        observed=result.observed,
        allowed=result.allowed,
        detail=shorten(visible(result.detail), limits.FOLDER_LENGTH * 4),
        section=section,
        link=TITLES[section] if section else "",
        examples=tuple(album.file_name(item) for item in shown),
        more_examples=len(result.examples) - len(shown),
    )
