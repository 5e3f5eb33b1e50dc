"""What every section of the report has in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any

from imgvet.reports.view.chart import Chart
from imgvet.reports.view.images import Image, Item
from imgvet.sections import Section


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
        content: what else its template shows, by the names that it uses. Images, items and charts
            in it are found wherever they are in dataclasses, dictionaries and tuples.
        badge: a short count for the table of contents, empty if there is nothing to count.
        template: stem of its template, that of the anchor if empty.
    """

    anchor: Section
    summary: str
    content: Mapping[str, Any]
    badge: str = ""
    template: str = ""

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Every item that is named and can be chosen, with or without a picture."""
        return tuple(block for block in self._blocks if isinstance(block, Item))

    @property
    def images(self) -> tuple[Image, ...]:
        """Every image shown with a picture."""
        return tuple(item for item in self.items if isinstance(item, Image))

    @cached_property
    def charts(self) -> tuple[Chart, ...]:
        """Every figure."""
        return tuple(block for block in self._blocks if isinstance(block, Chart))

    @cached_property
    def _blocks(self) -> tuple[Item | Chart, ...]:
        return tuple(_find_blocks(self.content))


def _find_blocks(value: object) -> Iterator[Item | Chart]:
    """Every item and figure in nested dataclasses, dictionaries and tuples, in order."""
    if isinstance(value, Item | Chart):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _find_blocks(part)
    elif isinstance(value, dict):
        yield from _find_blocks(tuple(value.values()))
    elif is_dataclass(value):
        for field in fields(value):
            yield from _find_blocks(getattr(value, field.name))
