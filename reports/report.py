"""The whole report as data: the sections in order, and the pages they stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar

from imgvet.metrics import FLAGS
from imgvet.reports.charts import Chart
from imgvet.reports.inputs import Content, Image, Listing, ReportInputs
from imgvet.reports.sections import alike, groups, history, labels, origins, run, statistics, watch
from imgvet.reports.sections.map import MapPoints, similarity_map
from imgvet.search.image_table import PIXELS, SIDES
from imgvet.sections import Section

Block = TypeVar("Block", Image, Chart, Listing, MapPoints)

SECTIONS: dict[Section, Callable[[ReportInputs], Content | None]] = {
    Section.OVERVIEW: run.overview,
    Section.CHECKS: run.checks,
    Section.CHANGES: history.changes,
    Section.ALARMS: watch.alarms,
    Section.DUPLICATES: alike.duplicates,
    Section.COMPONENTS: alike.components,
    Section.GROUPS: groups.groups,
    Section.OUTLIERS: alike.outliers,
    Section.LEAKS: alike.leaks,
    Section.LABELS: labels.labels,
    Section.STATISTICS: statistics.statistics,
    **{Section(flag.name): partial(statistics.flagged, flag=flag) for flag in FLAGS},
    Section.LOW_CONTRAST: partial(statistics.extremes, column="contrast", tag="contrast {}"),
    Section.TINY: partial(statistics.extremes, column=PIXELS, tag="pixels {}", digits=4),
    Section.ASPECT_RATIO: partial(
        statistics.extremes, column=SIDES, tag="sides {} : 1", descending=True
    ),
    Section.MAP: similarity_map,
    Section.VIDEOS: origins.videos,
    Section.CROPS: origins.crops,
    Section.INVALID: run.invalid_files,
    Section.HISTORY: history.history,
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

    @cached_property
    def charts(self) -> list[Chart]:
        """Its figures."""
        return list(_blocks(self.sections, Chart))

    @cached_property
    def images(self) -> list[Image]:
        """Every item that can be chosen."""
        return list(_blocks(self.sections, Image))

    @property
    def listings(self) -> list[Listing]:
        """The tables that are files of their own, too."""
        return list(_blocks(self.sections, Listing))

    @cached_property
    def points(self) -> MapPoints | None:
        """The points of the map, if it stands here."""
        return next(_blocks(self.sections, MapPoints), None)


def pages_of(inputs: ReportInputs) -> list[Page]:
    """What the report says of a run: the pages in the order of their first sections."""
    pages: dict[str, dict[Section, Content]] = {}
    for section, say in SECTIONS.items():
        content = say(inputs)
        if content is not None:
            pages.setdefault(section.page, {})[section] = content
    return [Page(name, sections) for name, sections in pages.items()]


def _blocks(value: Any, kind: type[Block]) -> Iterator[Block]:
    """Everything of a kind in nested dictionaries, tuples and lists, in order."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (dict, tuple, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _blocks(part, kind)
