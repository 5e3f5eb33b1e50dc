"""The sections of the report and the pages they stand on: one definition for every link to them."""

from __future__ import annotations

from enum import StrEnum


class Section(StrEnum):
    """Anchor of a section of the report, in the order of the report."""

    OVERVIEW = "overview"
    CHECKS = "checks"
    CHANGES = "changes"
    DUPLICATES = "duplicates"
    COMPONENTS = "components"
    OUTLIERS = "outliers"
    LEAKS = "leaks"
    LABELS = "labels"
    STATISTICS = "statistics"
    DARK = "dark"
    BRIGHT = "bright"
    BLURRY = "blurry"
    LOW_CONTRAST = "low-contrast"
    TINY = "tiny"
    ASPECT_RATIO = "aspect-ratio"
    MAP = "map"
    VIDEOS = "videos"
    CROPS = "crops"
    INVALID = "invalid"
    HISTORY = "history"
    RUN = "run"

    @property
    def page(self) -> str:
        """File name of the page it stands on, in the folder of the report."""
        return f"{_PAGE_OF.get(self, self)}.html"

    @property
    def href(self) -> str:
        """Link to it, relative to the folder of the report: ``statistics.html#dark``."""
        return f"{self.page}#{self}"


INDEX = "index.html"
"""The page to open."""

_PAGE_OF: dict[Section, str] = {
    Section.OVERVIEW: "index",
    Section.CHECKS: "index",
    Section.CHANGES: "index",
    **dict.fromkeys(
        (
            Section.DARK,
            Section.BRIGHT,
            Section.BLURRY,
            Section.LOW_CONTRAST,
            Section.TINY,
            Section.ASPECT_RATIO,
        ),
        Section.STATISTICS.value,
    ),
}
"""Stem of the page of each section that has no page of its own."""

TITLES: dict[Section, str] = {
    Section.OVERVIEW: "Overview",
    Section.CHECKS: "Checks",
    Section.CHANGES: "Since the last run",
    Section.DUPLICATES: "Duplicates",
    Section.COMPONENTS: "Components",
    Section.OUTLIERS: "Outliers",
    Section.LEAKS: "Leaks",
    Section.LABELS: "Labels",
    Section.STATISTICS: "Statistics",
    Section.DARK: "Dark",
    Section.BRIGHT: "Bright",
    Section.BLURRY: "Blurry",
    Section.LOW_CONTRAST: "Low contrast",
    Section.TINY: "Smallest",
    Section.ASPECT_RATIO: "Longest and narrowest",
    Section.MAP: "Map",
    Section.VIDEOS: "Videos",
    Section.CROPS: "Crops",
    Section.INVALID: "Invalid files",
    Section.HISTORY: "History",
    Section.RUN: "This run",
}
"""What a person reads as the heading of each section."""
