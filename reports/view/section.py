"""What every section of the report has in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from typing import Any, TypeVar

from imgvet.reports.view.chart import Chart
from imgvet.reports.view.images import Image, Item
from imgvet.sections import Section

T = TypeVar("T")


@dataclass(frozen=True)
class Gallery:
    """Entries that the reader can search and leaf through.

    Attributes:
        entries: those that are shown.
        total: how many there are.
        things: what they are, and what comes first.
        table: the result table with all of them.
    """

    entries: tuple[Any, ...]
    total: int
    things: str
    table: str


@dataclass(frozen=True)
class SectionView:
    """A section, as its template shows it.

    Attributes:
        anchor: which one.
        summary: what was found, or why there is nothing to show; never empty.
        badge: a short count for the table of contents, empty if there is nothing to count.
        content: what else its template shows, by the names that it uses. Images, items and charts
            in it are found wherever they are in dataclasses, dictionaries and tuples.
        template: stem of its template, that of the anchor if empty.
    """

    anchor: Section
    summary: str
    badge: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    template: str = ""

    @cached_property
    def images(self) -> tuple[Image, ...]:
        """Every image shown with a picture."""
        return tuple(every(self.content, Image))

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Every item that is named and can be chosen, with or without a picture."""
        return tuple(every(self.content, Item))

    @cached_property
    def charts(self) -> tuple[Chart, ...]:
        """Every figure."""
        return tuple(every(self.content, Chart))


def every(value: object, kind: type[T]) -> Iterator[T]:
    """Every value of a kind in nested dataclasses, dictionaries and tuples, in order."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from every(part, kind)
    elif isinstance(value, dict):
        yield from every(tuple(value.values()), kind)
    elif is_dataclass(value):
        for one in fields(value):
            yield from every(getattr(value, one.name), kind)
