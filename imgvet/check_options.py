"""The parameters of the checks: what a dataset may be like."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imgvet.parameters import Part, Share, parameter

FailOn = Literal["critical", "warning", "never"]


class CheckLimits(Part):
    """The rates (and the number of images) with which a dataset passes its checks."""

    min_images: int = parameter(1, "least number of valid images (critical)", ge=0)
    max_invalid_rate: Share = parameter(0.01, "greatest share of invalid images (critical)")
    max_duplicate_rate: Share = parameter(0.01, "greatest share of surplus exact copies (critical)")
    max_leak_rate: Share = parameter(
        0.0, "greatest share of images that another split has too (critical)"
    )
    max_label_conflict_rate: Share = parameter(
        0.0, "greatest share of images with a copy of another label (critical)"
    )
    max_near_duplicate_rate: Share = parameter(
        0.05, "greatest share of images with a near duplicate (warning)"
    )
    max_label_issue_rate: Share = parameter(
        0.02, "greatest share of labelled images whose label is likely wrong (warning)"
    )
    max_dark_rate: Share = parameter(0.02, "greatest share of dark images (warning)")
    max_bright_rate: Share = parameter(0.02, "greatest share of bright images (warning)")
    max_blurry_rate: Share = parameter(0.05, "greatest share of blurry images (warning)")
    max_outlier_rate: Share = parameter(
        0.02, "greatest share of images whose robust outlier score stands out (warning)"
    )


class CheckOptions(Part):
    """What makes a dataset fail."""

    checks: CheckLimits = Field(
        default_factory=CheckLimits, description="limits of the checks; in a config file: [checks]"
    )


class SuiteOptions(Part):
    """What else is expected of a dataset."""

    expectations: str | None = parameter(
        None,
        "checks of your own: a suite of Great Expectations, as JSON; one that is called as a check "
        "of imgvet takes its place ('imgvet checks export' writes these)",
    )
