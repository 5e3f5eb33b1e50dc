"""What every section of the report has in common."""

from __future__ import annotations

from dataclasses import dataclass

from imgvet.reports.view.chart import Bars, Lines
from imgvet.reports.view.histogram import Histogram
from imgvet.reports.view.images import ImageView
from imgvet.sections import TITLES, Section

Chart = Histogram | Bars | Lines


@dataclass(frozen=True, kw_only=True)
class SectionView:
    """A section: the template ``sections/<anchor>.html`` shows it.

    Attributes:
        anchor: its id in the page and the stem of its template.
        summary: what was found, or why there is nothing to show; never empty.
        badge: a short count for the table of contents, empty if there is nothing to count.
    """

    anchor: Section
    summary: str
    badge: str = ""

    @property
    def title(self) -> str:
        """Its heading."""
        return TITLES[self.anchor]

    @property
    def images(self) -> tuple[ImageView, ...]:
        """Every image shown with a picture."""
        return ()

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of every image that is named and can be chosen, with or without a picture."""
        return tuple(image.id for image in self.images)

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Every figure."""
        return ()
