"""The whole report as data: the sections in order, and the pages they stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from imgvet.metrics import FLAGS
from imgvet.reports.charts import Chart
from imgvet.reports.inputs import Content, Image, Listing, ReportInputs
from imgvet.reports.sections import alike, groups, history, labels, origins, run, statistics, watch
from imgvet.reports.sections.map import MapPoints, similarity_map
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
    Section.LOW_CONTRAST: statistics.low_contrast,
    Section.TINY: statistics.smallest,
    Section.ASPECT_RATIO: statistics.narrowest,
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


class Page(NamedTuple):
    """One page: its file, and what stands on it; the first section names it."""

    name: str
    sections: dict[Section, Content]
    charts: list[Chart]
    images: list[Image]
    """Every item that can be chosen."""
    listings: list[Listing]
    """The tables that are files of their own, too."""
    points: MapPoints | None
    """The points of the map, if it stands here."""


def pages_of(inputs: ReportInputs) -> list[Page]:
    """What the report says of a run: the pages in the order of their first sections."""
    pages: dict[str, dict[Section, Content]] = {}
    for section, say in SECTIONS.items():
        content = say(inputs)
        if content is not None:
            pages.setdefault(section.page, {})[section] = content
    return [
        Page(
            name,
            sections,
            list(_blocks(sections, Chart)),
            list(_blocks(sections, Image)),
            list(_blocks(sections, Listing)),
            next(_blocks(sections, MapPoints), None),
        )
        for name, sections in pages.items()
    ]


def joined(pages: Sequence[Page], name: str) -> Page:
    """Several pages as one."""
    return Page(
        name,
        {section: content for page in pages for section, content in page.sections.items()},
        [chart for page in pages for chart in page.charts],
        [image for page in pages for image in page.images],
        [],
        None,
    )


def _blocks(value: Any, kind: type[Block]) -> Iterator[Block]:
    """Everything of a kind in nested dictionaries, tuples and lists, in order."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (dict, tuple, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _blocks(part, kind)
