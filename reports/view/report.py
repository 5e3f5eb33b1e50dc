"""The whole report as data: one view for each section, in order, and the pages they stand on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from imgvet.metrics import FLAGS
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.text import moment, visible
from imgvet.reports.view.changes import changes_view, history_view
from imgvet.reports.view.checks import checks_view
from imgvet.reports.view.components import components_view
from imgvet.reports.view.crops import crops_view
from imgvet.reports.view.duplicates import duplicates_view
from imgvet.reports.view.extremes import extremes_views
from imgvet.reports.view.facts import Facts
from imgvet.reports.view.flags import flag_view
from imgvet.reports.view.images import Album
from imgvet.reports.view.invalid import invalid_view
from imgvet.reports.view.map import MapView, map_view
from imgvet.reports.view.outliers import outliers_view
from imgvet.reports.view.overview import overview_view
from imgvet.reports.view.pairs import labels_view, leaks_view
from imgvet.reports.view.run import run_view
from imgvet.reports.view.section import Chart, SectionView
from imgvet.reports.view.statistics import statistics_view
from imgvet.reports.view.videos import videos_view
from imgvet.search.image_table import ImageTable
from imgvet.sections import TITLES, Section
from imgvet.tables import BY_NAME, empty


@dataclass(frozen=True)
class PageView:
    """One page.

    Attributes:
        name: its file.
        title: its name in the navigation.
        badge: a short count beside it, may be empty.
        sections: what stands on it; the first is its heading.
    """

    name: str
    title: str
    badge: str
    sections: tuple[SectionView, ...]

    @property
    def stem(self) -> str:
        """Its name without the ending."""
        return self.name.removesuffix(".html")

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Every figure on it."""
        return tuple(chart for section in self.sections for chart in section.charts)

    @property
    def ids(self) -> tuple[int, ...]:
        """Every image that can be chosen on it, each once."""
        return tuple(dict.fromkeys(item for section in self.sections for item in section.ids))


@dataclass(frozen=True)
class ReportView:
    """Everything the report says.

    Attributes:
        title: what was vetted, short.
        started: when the run began.
        version: version of imgvet, empty if unknown.
        sections: the sections in order.
        facts: everything that is known of each image.
    """

    title: str
    started: str
    version: str
    sections: tuple[SectionView, ...]
    facts: Facts

    def digests(self) -> tuple[str, ...]:
        """Content digests of all pictures, each once, in order of first use."""
        images = (image for section in self.sections for image in section.images)
        return tuple(dict.fromkeys(image.digest for image in images if image.digest))

    def charts(self) -> Iterator[Chart]:
        """Every figure."""
        for section in self.sections:
            yield from section.charts

    @property
    def map(self) -> MapView | None:
        """The map, if there is one."""
        return next((found for found in self.sections if isinstance(found, MapView)), None)

    @property
    def pages(self) -> tuple[PageView, ...]:
        """The pages in the order of their first sections."""
        names = dict.fromkeys(section.anchor.page for section in self.sections)
        return tuple(self._page(name) for name in names)

    def _page(self, name: str) -> PageView:
        sections = tuple(found for found in self.sections if found.anchor.page == name)
        first = sections[0]
        return PageView(name, TITLES[first.anchor], first.badge, sections)


def report_view(inputs: ReportInputs) -> ReportView:
    """What the report says of a run."""
    summary, record = inputs.summary, inputs.record
    items, stats = _table(inputs, "items"), _table(inputs, "stats")
    pairs, members = _table(inputs, "similarity"), _table(inputs, "components")
    album, facts = Album(items, stats), Facts(ImageTable.of_frames(inputs.tables))
    views: tuple[SectionView | None, ...] = (
        overview_view(summary, record, album.root),
        checks_view(inputs.checks, album),
        changes_view(summary, inputs.history),
        duplicates_view(summary, items, pairs, album),
        components_view(summary, record, members, _table(inputs, "component_info"), album),
        outliers_view(summary, _table(inputs, "outliers"), album),
        leaks_view(summary, items, pairs, album),
        labels_view(summary, items, pairs, album),
        statistics_view(summary, stats),
        *(flag_view(flag, summary, stats, album) for flag in FLAGS),
        *extremes_views(stats, album),
        map_view(inputs, items, facts),
        videos_view(summary, items, members, _table(inputs, "video_pairs"), album),
        crops_view(summary, _table(inputs, "crops"), album),
        invalid_view(summary, _table(inputs, "invalid"), album.root),
        history_view(summary, record, inputs.history),
        run_view(summary, record),
    )
    order = {section: position for position, section in enumerate(Section)}
    shown = [view for view in views if view is not None]
    return ReportView(
        title=_title(summary.inputs),
        started=moment(record.started),
        version=visible(record.versions.get("imgvet", "")),
        sections=tuple(sorted(shown, key=lambda view: order[view.anchor])),
        facts=facts,
    )


def _table(inputs: ReportInputs, name: str) -> pd.DataFrame:
    """A table of the run; without rows if the run did not make it."""
    return inputs.tables[name] if name in inputs.tables else empty(BY_NAME[name])


def _title(sources: tuple[str, ...]) -> str:
    """The last part of the first input's path, and how many more inputs there are."""
    if not sources:
        return "Dataset"
    first = visible(sources[0].rstrip("/\\").replace("\\", "/").rpartition("/")[2] or sources[0])
    return first if len(sources) == 1 else f"{first} and {len(sources) - 1} more"
