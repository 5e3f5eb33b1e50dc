"""The sections of the report, as checks, summary and report know them: anchors and titles."""

from __future__ import annotations

from enum import StrEnum


class Section(StrEnum):
    """Anchor of a section of ``report/index.html``."""

    OVERVIEW = "overview"
    CHECKS = "checks"
    DUPLICATES = "duplicates"
    COMPONENTS = "components"
    OUTLIERS = "outliers"
    STATISTICS = "statistics"
    DARK = "dark"
    BRIGHT = "bright"
    BLURRY = "blurry"
    INVALID = "invalid"
    RUN = "run"


TITLES: dict[Section, str] = {
    Section.OVERVIEW: "Overview",
    Section.CHECKS: "Checks",
    Section.DUPLICATES: "Duplicates",
    Section.COMPONENTS: "Components",
    Section.OUTLIERS: "Outliers",
    Section.STATISTICS: "Statistics",
    Section.DARK: "Dark",
    Section.BRIGHT: "Bright",
    Section.BLURRY: "Blurry",
    Section.INVALID: "Invalid files",
    Section.RUN: "This run",
}
"""What a person reads as the heading of each section."""
