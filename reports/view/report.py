"""The whole report as data: one view for each section, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from imgvet.measures.catalogue import FLAGS
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.text import moment, visible
from imgvet.reports.view.checks import checks_view
from imgvet.reports.view.components import components_view
from imgvet.reports.view.duplicates import duplicates_view
from imgvet.reports.view.flags import flag_view
from imgvet.reports.view.histogram import Histogram
from imgvet.reports.view.images import Album
from imgvet.reports.view.invalid import invalid_view
from imgvet.reports.view.outliers import outliers_view
from imgvet.reports.view.overview import overview_view
from imgvet.reports.view.run import run_view
from imgvet.reports.view.section import SectionView
from imgvet.reports.view.statistics import statistics_view
from imgvet.sections import Section
from imgvet.tables import BY_NAME, empty


@dataclass(frozen=True)
class ReportView:
    """Everything the report says.

    Attributes:
        title: what was vetted, short.
        started: when the run began.
        version: version of imgvet, empty if unknown.
        sections: the sections in the order of the page.
    """

    title: str
    started: str
    version: str
    sections: tuple[SectionView, ...]

    def digests(self) -> tuple[str, ...]:
        """Content digests of all pictures, each once, in order of first use."""
        images = (image for section in self.sections for image in section.images)
        return tuple(dict.fromkeys(image.digest for image in images if image.digest))

    def histograms(self) -> Iterator[Histogram]:
        """Every figure."""
        for section in self.sections:
            yield from section.histograms


def report_view(inputs: ReportInputs) -> ReportView:
    """What the report says of a run."""
    summary, record = inputs.summary, inputs.record
    items, stats = _table(inputs, "items"), _table(inputs, "stats")
    album = Album(items, stats)
    views = (
        overview_view(summary, record, album.root),
        checks_view(inputs.checks, album),
        duplicates_view(summary, items, _table(inputs, "similarity"), album),
        components_view(
            summary, record, _table(inputs, "components"), _table(inputs, "component_info"), album
        ),
        outliers_view(summary, _table(inputs, "outliers"), album),
        statistics_view(summary, stats),
        *(flag_view(flag, summary, stats, album) for flag in FLAGS),
        invalid_view(summary, _table(inputs, "invalid"), album.root),
        run_view(summary, record),
    )
    order = {section: position for position, section in enumerate(Section)}
    return ReportView(
        title=_title(summary.inputs),
        started=moment(record.started),
        version=visible(record.versions.get("imgvet", "")),
        sections=tuple(sorted(views, key=lambda view: order[view.anchor])),
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
