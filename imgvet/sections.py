"""The sections of the report: one definition of their order, headings, pages and links."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

INDEX = "index.html"
"""The page to open."""


class Section(StrEnum):
    """A section, in the order of the report.

    Its value is its anchor, and the stem of its template and of its page if it has its own.
    """

    heading: str
    page: str
    """File name of the page it stands on, in the folder of the report."""

    def __new__(cls, anchor: str, heading: str = "", page: str = "") -> Self:
        """A section on the page of another one, or on its own."""
        section = str.__new__(cls, anchor)
        section._value_, section.heading = anchor, heading
        section.page = f"{page or anchor}.html"
        return section

    OVERVIEW = "overview", "Overview", "index"
    CHECKS = "checks", "Checks", "index"
    CHANGES = "changes", "Since the last run", "index"
    ALARMS = "alarms", "Alarms"
    DUPLICATES = "duplicates", "Duplicates"
    COMPONENTS = "components", "Components"
    GROUPS = "groups", "Groups"
    OUTLIERS = "outliers", "Outliers"
    LEAKS = "leaks", "Leaks"
    LABELS = "labels", "Labels"
    STATISTICS = "statistics", "Statistics"
    DARK = "dark", "Dark", "statistics"
    BRIGHT = "bright", "Bright", "statistics"
    BLURRY = "blurry", "Blurry", "statistics"
    LOW_CONTRAST = "low-contrast", "Low contrast", "statistics"
    TINY = "tiny", "Smallest", "statistics"
    ASPECT_RATIO = "aspect-ratio", "Longest and narrowest", "statistics"
    MAP = "map", "Map"
    VIDEOS = "videos", "Videos"
    CROPS = "crops", "Crops"
    INVALID = "invalid", "Invalid files"
    HISTORY = "history", "History"
    RUN = "run", "This run"

    @property
    def href(self) -> str:
        """Link to it, relative to the folder of the report: ``statistics.html#dark``."""
        return f"{self.page}#{self}"
