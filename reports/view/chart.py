"""Figures of few values, without a drawing library: bars of categories, and lines over runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgvet.reports import limits
from imgvet.reports.text import count, shorten, visible

Row = tuple[str, ...]


@dataclass(frozen=True)
class Bars:
    """A bar for each category.

    Attributes:
        figure_id: id of its element, and stem of the file of its numbers.
        title: what is shown.
        axis: what the categories are.
        counts: what is counted.
        labels: the categories, safe to read.
        values: the counts.
        summary: the figure in words.
        reading: what good looks like.
    """

    figure_id: str
    title: str
    axis: str
    counts: str
    labels: tuple[str, ...]
    values: tuple[int, ...]
    summary: str
    reading: str

    @property
    def header(self) -> Row:
        """Names of the columns of its numbers."""
        return (self.axis, self.counts)

    @property
    def shown_rows(self) -> tuple[Row, ...]:
        """Its numbers as a person reads them."""
        return tuple((label, count(value)) for label, value in self._pairs)

    @property
    def file_rows(self) -> tuple[Row, ...]:
        """Its numbers as a program reads them."""
        return tuple((label, str(value)) for label, value in self._pairs)

    @property
    def file_header(self) -> Row:
        """Names of the columns of the file."""
        return self.header

    @property
    def _pairs(self) -> list[tuple[str, int]]:
        return list(zip(self.labels, self.values, strict=True))


@dataclass(frozen=True)
class Lines:
    """One value for each run, joined by a line.

    Attributes:
        figure_id: id of its element, and stem of the file of its numbers.
        title: what is shown.
        axis: what the values are.
        moments: times of the runs, in words.
        values: one for each run, None if it was not measured.
        percent: whether the values are shares of 0..1.
        summary: the figure in words.
        reading: what good looks like.
    """

    figure_id: str
    title: str
    axis: str
    moments: tuple[str, ...]
    values: tuple[float | None, ...]
    percent: bool
    summary: str
    reading: str

    @property
    def header(self) -> Row:
        """Names of the columns of its numbers."""
        return ("run", self.axis)

    @property
    def shown_rows(self) -> tuple[Row, ...]:
        """Its numbers as a person reads them."""
        return tuple(
            (moment, self.in_words(value))
            for moment, value in zip(self.moments, self.values, strict=True)
        )

    @property
    def file_rows(self) -> tuple[Row, ...]:
        """Its numbers as a program reads them."""
        return tuple(
            (moment, "" if value is None else f"{value:g}")
            for moment, value in zip(self.moments, self.values, strict=True)
        )

    @property
    def file_header(self) -> Row:
        """Names of the columns of the file."""
        return self.header

    def in_words(self, value: float | None) -> str:
        """One of its values for a person."""
        if value is None:
            return "not measured"
        return f"{100 * value:.3g}\u00a0%" if self.percent else count(round(value))


def categories(totals: Sequence[tuple[str, int]]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Labels and counts of the most frequent categories, all others in one.

    Args:
        totals: category and count, most frequent first.
    """
    shown = list(totals[: limits.BARS])
    others = totals[limits.BARS :]
    labels = [shorten(visible(label), limits.BASE_LENGTH // 2) for label, _ in shown]
    values = [value for _, value in shown]
    if others:
        labels.append(f"{count(len(others))} others")
        values.append(sum(value for _, value in others))
    return tuple(labels), tuple(values)
