"""Files that could not be analysed, by reason."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from imgvet.reasons import MEANING, Reason
from imgvet.reports import limits
from imgvet.reports.text import count, counted, share, shorten, visible
from imgvet.reports.view.images import FileName, name_of
from imgvet.reports.view.section import SectionView
from imgvet.sections import Section
from imgvet.summary import RunSummary


@dataclass(frozen=True)
class ReasonView:
    """One reason: its code, what it means, and how many files it concerns."""

    code: str
    meaning: str
    count: int


@dataclass(frozen=True)
class InvalidFile:
    """One file: its item's number, its name, the reason's code, and what the decoder said."""

    id: int
    name: FileName
    reason: str
    detail: str
    whole_detail: str


@dataclass(frozen=True, kw_only=True)
class InvalidView(SectionView):
    """The section of invalid files: by reason, and those that are listed."""

    reasons: tuple[ReasonView, ...]
    files: tuple[InvalidFile, ...]
    file_count: int

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of the files that are listed."""
        return tuple(entry.id for entry in self.files)


def invalid_view(summary: RunSummary, invalid: pd.DataFrame, root: str) -> InvalidView:
    """The section of invalid files, from table ``invalid``; the most frequent reason first."""
    by_reason = sorted(summary.invalid_by_reason.items(), key=lambda entry: (-entry[1], entry[0]))
    listed = invalid.head(limits.TABLE_ROWS)[["id", "filename", "reason", "detail"]]
    counts = summary.counts
    return InvalidView(
        anchor=Section.INVALID,
        summary=f"{counted(counts.invalid, 'file')} of {count(counts.images)} "
        f"({share(counts.invalid, counts.images)}) could not be analysed."
        if counts.invalid
        else "None: good. Every file could be analysed.",
        badge=count(counts.invalid),
        reasons=tuple(
            ReasonView(code, _meaning(code), number) for code, number in by_reason if number
        ),
        files=tuple(
            _file(int(item), str(filename), str(reason), (detail, root))
            for item, filename, reason, detail in listed.itertuples(index=False, name=None)
        ),
        file_count=len(invalid),
    )


def _meaning(code: str) -> str:
    return MEANING[Reason(code)] if code in set(Reason) else ""


def _file(item: int, filename: str, reason: str, rest: tuple[object, str]) -> InvalidFile:
    detail, root = rest
    whole = visible(detail) if isinstance(detail, str) else ""
    return InvalidFile(
        item, name_of(filename, root), reason, shorten(whole, limits.FOLDER_LENGTH * 2), whole
    )
