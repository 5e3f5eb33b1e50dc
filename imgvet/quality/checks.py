"""The catalogue of checks, each once, and what they allow and observe in words."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from imgvet.format import counted
from imgvet.quality.result import Severity
from imgvet.sections import Section


class Unit(StrEnum):
    """What an observed number counts."""

    IMAGES = "images"
    SHARE = "share"
    VALUES = "values"


@dataclass(frozen=True)
class Check:
    """One check of a dataset."""

    name: str
    """Stable identifier."""
    title: str
    severity: Severity
    section: Section
    """Section of the report with the evidence."""
    meaning: str
    """What is observed, one sentence."""
    count: str = ""
    """Field of :class:`imgvet.summary.Counts` that a share is of."""
    whole: str = "valid"
    """The field with all that could be among these."""
    unit: Unit = Unit.SHARE

    @property
    def limit(self) -> str | None:
        """Field of :class:`imgvet.check_options.CheckLimits` that holds it; None if it is always 0.

        Images are to be at least so many, everything else at most; the limit itself is allowed.
        """
        fields = {Unit.IMAGES: "min_images", Unit.SHARE: f"max_{self.name}"}
        return fields.get(self.unit)


CHECKS: tuple[Check, ...] = (
    Check("images_present", "Images present", "critical", Section.INVALID,
          "Images that could be analysed.", unit=Unit.IMAGES),
    Check("invalid_rate", "Invalid files", "critical", Section.INVALID,
          "Share of the files that are broken, too small or no images.", "invalid", "images"),
    Check("duplicate_rate", "Exact duplicates", "critical", Section.DUPLICATES,
          "Share of the images that are surplus byte-for-byte copies of another.",
          "exact_duplicate_surplus"),
    Check("leak_rate", "Leaks between splits", "critical", Section.LEAKS,
          "Share of the images that another split has too, the same or nearly.", "leak_images"),
    Check("label_conflict_rate", "Label conflicts", "critical", Section.LABELS,
          "Share of the labelled images of which an exact copy has another label.",
          "label_conflict_images", "labelled"),
    Check("near_duplicate_rate", "Near duplicates", "warning", Section.DUPLICATES,
          "Share of the images that look nearly like another whose bytes differ, but not only like "
          "frames of their own video.",
          "near_duplicate_images"),
    Check("label_issue_rate", "Label issues", "warning", Section.LABELS,
          "Share of the labelled images whose label is likely wrong.", "label_issues", "labelled"),
    Check("dark_rate", "Dark images", "warning", Section.DARK,
          "Share of the images that are nearly all dark.", "dark"),
    Check("bright_rate", "Bright images", "warning", Section.BRIGHT,
          "Share of the images that are nearly all white.", "bright"),
    Check("blurry_rate", "Blurry images", "warning", Section.BLURRY,
          "Share of the images without sharp detail.", "blurry"),
    Check("outlier_rate", "Outliers by score", "warning", Section.OUTLIERS,
          "Share of the images much less like their nearest neighbour than usual "
          "(robust score above 3.5).", "robust_outliers"),
    Check("measures_complete", "Measures complete", "warning", Section.STATISTICS,
          "Values of the basic measures that are missing for valid images.", unit=Unit.VALUES),
    Check("measures_in_range", "Measures in range", "warning", Section.STATISTICS,
          "Values of measures that lie outside their possible range.", unit=Unit.VALUES),
)  # fmt: skip
"""Every check, in the order of results: most severe first, then as in the report."""

CHECK_BY_NAME: dict[str, Check] = {check.name: check for check in CHECKS}

_MOST_DIGITS = 17
"""Significant digits that tell any two floats apart."""

_LIMIT_DIGITS = 15
"""Significant digits of a decimal that survive the way through a float: 0.07 stays 7 %."""


def allowed_words(check: Check, limit: float) -> str:
    """What a check allows, such as ``at most 1 %``, ``at least 1 image`` or ``none``."""
    if check.unit is Unit.VALUES:
        return "none"
    if check.unit is Unit.IMAGES:
        return f"at least {counted(limit, 'image')}"
    return f"at most {_percent(limit, _LIMIT_DIGITS)}"


def observed_words(check: Check, value: float, limit: float) -> str:
    """What a check observed, such as ``1.25 %``, ``2,560 images`` or ``3 values``.

    A share is rounded to three significant digits, or to as many as it takes to show on which
    side of the limit it lies: 0.010004 is ``1.0004 %`` if 1 % is allowed, not ``1 %``.
    """
    if check.unit is Unit.IMAGES:
        return counted(value, "image")
    if check.unit is Unit.VALUES:
        return counted(value, "value") if value else "none"
    for digits in range(3, _MOST_DIGITS):
        shown = float(f"{value:.{digits}g}")
        if (shown <= limit, shown == 1.0) == (value <= limit, value == 1.0):
            return _percent(value, digits)
    return _percent(value, _MOST_DIGITS)


def _percent(share: float, digits: int) -> str:
    percent = Decimal(f"{share:.{digits}g}") * 100
    return f"{percent.normalize():f} %"
