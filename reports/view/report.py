"""The whole report as data: the sections in order, and the pages they stand on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from imgvet.metrics import FLAGS
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.text import moment, visible
from imgvet.reports.view.changes import changes, history
from imgvet.reports.view.chart import Chart
from imgvet.reports.view.crops import crops
from imgvet.reports.view.facts import Facts
from imgvet.reports.view.galleries import extremes, flagged
from imgvet.reports.view.images import Album
from imgvet.reports.view.index import checks, overview
from imgvet.reports.view.map import MapPoints, similarity_map
from imgvet.reports.view.pairs import duplicates, labels, leaks
from imgvet.reports.view.run import invalid_files, run
from imgvet.reports.view.section import SectionView
from imgvet.reports.view.similarity import components, outliers
from imgvet.reports.view.statistics import statistics
from imgvet.reports.view.videos import videos
from imgvet.search.image_table import ImageTable
from imgvet.sections import Section


@dataclass(frozen=True)
class PageView:
    """One page.

    Attributes:
        name: its file.
        sections: what stands on it; the first one names it.
    """

    name: str
    sections: tuple[SectionView, ...]

    @property
    def stem(self) -> str:
        """Its name without the ending."""
        return self.name.removesuffix(".html")

    @property
    def has_map(self) -> bool:
        """Whether the map stands on it."""
        return self.sections[0].anchor is Section.MAP

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Every figure on it."""
        return tuple(chart for section in self.sections for chart in section.charts)

    @property
    def ids(self) -> tuple[int, ...]:
        """Every item that can be chosen on it, each once."""
        return tuple(dict.fromkeys(item.id for part in self.sections for item in part.items))


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

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """Content digests of all pictures, each once, in order of first use."""
        images = (image for section in self.sections for image in section.images)
        return tuple(dict.fromkeys(image.digest for image in images if image.digest))

    @property
    def points(self) -> MapPoints | None:
        """The points of the map, if there is one."""
        maps = (part.content["points"] for part in self.sections if part.anchor is Section.MAP)
        return next(maps, None)

    @cached_property
    def pages(self) -> tuple[PageView, ...]:
        """The pages in the order of their first sections."""
        names = dict.fromkeys(section.anchor.page for section in self.sections)
        return tuple(
            PageView(name, tuple(part for part in self.sections if part.anchor.page == name))
            for name in names
        )


def report_view(inputs: ReportInputs) -> ReportView:
    """What the report says of a run."""
    images = ImageTable.of_frames(inputs.tables)
    album, facts = Album(images), Facts(images)
    return ReportView(
        title=_title(inputs.summary.inputs),
        started=moment(inputs.record.started),
        version=visible(inputs.record.versions.get("imgvet", "")),
        sections=_sections(inputs, album, facts),
        facts=facts,
    )


def _sections(inputs: ReportInputs, album: Album, facts: Facts) -> tuple[SectionView, ...]:
    """The sections in the order of :class:`Section`, without those that the run has nothing for."""
    summary, record, table = inputs.summary, inputs.record, inputs.table
    items, stats = table("items"), table("stats")
    pairs, members = table("similarity"), table("components")
    sections = (
        overview(summary, record, album.root),
        checks(inputs.checks, album),
        changes(summary, inputs.history),
        duplicates(summary, items, pairs, album),
        components(summary, record, members, table("component_info"), album),
        outliers(summary, table("outliers"), album),
        leaks(summary, items, pairs, album),
        labels(summary, items, pairs, album),
        statistics(summary, stats),
        *(flagged(flag, summary, stats, album) for flag in FLAGS),
        *extremes(stats, album),
        similarity_map(items, inputs.embeddings, facts),
        videos(summary, items, members, table("video_pairs"), album),
        crops(summary, table("crops"), album),
        invalid_files(summary, table("invalid"), album),
        history(summary, record, inputs.history),
        run(summary, record),
    )
    return tuple(section for section in sections if section is not None)


def _title(sources: tuple[str, ...]) -> str:
    """The last part of the first input's path, and how many more inputs there are."""
    if not sources:
        return "Dataset"
    first = visible(sources[0].rstrip("/\\").replace("\\", "/").rpartition("/")[2] or sources[0])
    return first if len(sources) == 1 else f"{first} and {len(sources) - 1} more"
