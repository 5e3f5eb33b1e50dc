"""The whole report as data: the sections in order, and the pages they stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar

from imgvet.metrics import FLAGS
from imgvet.reports.charts import Chart
from imgvet.reports.inputs import Content, Image, ReportInputs
from imgvet.reports.sections import alike, origins, run, statistics
from imgvet.reports.sections.map import MapPoints, similarity_map
from imgvet.sections import Section

Block = TypeVar("Block", Image, Chart)

SECTIONS: dict[Section, Callable[[ReportInputs], Content | None]] = {
    Section.OVERVIEW: run.overview,
    Section.CHECKS: run.checks,
    Section.CHANGES: run.changes,
    Section.DUPLICATES: alike.duplicates,
    Section.COMPONENTS: alike.components,
    Section.OUTLIERS: alike.outliers,
    Section.LEAKS: alike.leaks,
    Section.LABELS: alike.labels,
    Section.STATISTICS: statistics.statistics,
    **{Section(flag.name): partial(statistics.flagged, flag=flag) for flag in FLAGS},
    Section.LOW_CONTRAST: statistics.low_contrast,
    Section.TINY: statistics.smallest,
    Section.ASPECT_RATIO: statistics.narrowest,
    Section.MAP: similarity_map,
    Section.VIDEOS: origins.videos,
    Section.CROPS: origins.crops,
    Section.INVALID: run.invalid_files,
    Section.HISTORY: run.history,
    Section.RUN: run.this_run,
}
"""What there is to show in each section, in their order; None leaves it out.

The template is called as the section; one without a template of its own is a gallery.
"""


@dataclass(frozen=True)
class Page:
    """One page: its file, and what stands on it; the first section names it."""

    name: str
    sections: dict[Section, Content]

    @property
    def stem(self) -> str:
        """Its name without the ending."""
        return self.name.removesuffix(".html")

    @property
    def points(self) -> MapPoints | None:
        """The points of the map, if it stands on it."""
        content = self.sections.get(Section.MAP)
        return content["points"] if content else None

    @cached_property
    def charts(self) -> list[Chart]:
        """Every figure on it."""
        return list(_blocks(self.sections, Chart))

    @cached_property
    def images(self) -> list[Image]:
        """Every item that can be chosen on it."""
        return list(_blocks(self.sections, Image))


def pages_of(inputs: ReportInputs) -> list[Page]:
    """What the report says of a run: the pages in the order of their first sections."""
    shown = {section: say(inputs) for section, say in SECTIONS.items()}
    pages: dict[str, dict[Section, Content]] = {}
    for section, content in shown.items():
        if content is not None:
            pages.setdefault(section.page, {})[section] = content
    return [Page(name, sections) for name, sections in pages.items()]


def _blocks(value: Any, kind: type[Block]) -> Iterator[Block]:
    """Every image, or every figure, in nested dictionaries, tuples and lists, in order."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (dict, tuple, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _blocks(part, kind)
