"""Figures as data, without a drawing library: what is shown, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from imgvet.reports import limits
from imgvet.reports.text import NO_BREAK_SPACE, count, shorten, visible

Row = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure.

    Attributes:
        figure_id: id of its element, and stem of the file of its numbers.
        title: what is shown.
        axis: what the values belong to.
        counts: what the values are.
        summary: the figure in words.
        reading: what good looks like.
    """

    figure_id: str
    title: str
    axis: str
    counts: str
    summary: str
    reading: str

    @property
    def header(self) -> Row:
        """Names of the columns of :attr:`shown_rows`."""
        return (self.axis, self.counts)

    @property
    def shown_rows(self) -> tuple[Row, ...]:
        """Its numbers as a person reads them."""
        raise NotImplementedError

    @property
    def numbers(self) -> pd.DataFrame:
        """Its numbers as a program reads them."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Bars(Chart):
    """A bar for each category: its label, safe to read, and its count."""

    labels: tuple[str, ...]
    values: tuple[int, ...]

    @property
    def shown_rows(self) -> tuple[Row, ...]:
        """Label and count."""
        return tuple(zip(self.labels, map(count, self.values), strict=True))

    @property
    def numbers(self) -> pd.DataFrame:
        """Label and count."""
        return pd.DataFrame({self.axis: self.labels, self.counts: self.values})


@dataclass(frozen=True, kw_only=True)
class Lines(Chart):
    """One value for each run, joined by a line.

    Attributes:
        moments: times of the runs, in words.
        values: one for each run, None if it was not measured.
        percent: whether the values are shares of 0..1.
    """

    axis: str = "run"
    moments: tuple[str, ...]
    values: tuple[float | None, ...]
    percent: bool

    @property
    def shown_rows(self) -> tuple[Row, ...]:
        """Time of the run and value."""
        values = (value_in_words(value, percent=self.percent) for value in self.values)
        return tuple(zip(self.moments, values, strict=True))

    @property
    def numbers(self) -> pd.DataFrame:
        """Time of the run and value."""
        values = pd.Series(self.values, dtype="float64")
        return pd.DataFrame({self.axis: self.moments, self.counts: values})


def value_in_words(value: float | None, *, percent: bool = False) -> str:
    """A value of a run for a person."""
    if value is None:
        return "not measured"
    return f"{100 * value:.3g}{NO_BREAK_SPACE}%" if percent else count(round(value))


def most_frequent(values: pd.Series) -> list[tuple[str, int]]:
    """Values and how often they occur, most frequent first, then by name."""
    totals = ((str(value), int(total)) for value, total in values.value_counts().items())
    return sorted(totals, key=lambda entry: (-entry[1], entry[0]))


def make_bars(totals: Sequence[tuple[str, int]], **texts: str) -> Bars:
    """Bars of the most frequent categories, all others in one.

    Args:
        totals: category and count, most frequent first.
        texts: the attributes of every :class:`Chart`.
    """
    shown, others = totals[: limits.BARS], totals[limits.BARS :]
    labels = [shorten(visible(label), limits.BASE_LENGTH // 2) for label, _ in shown]
    values = [value for _, value in shown]
    if others:
        labels.append(f"{count(len(others))} others")
        values.append(sum(value for _, value in others))
    return Bars(**texts, labels=tuple(labels), values=tuple(values))
