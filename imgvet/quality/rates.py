"""The numbers that the checks compare with their limits."""

from __future__ import annotations

from dataclasses import dataclass

from imgvet.summary import Counts


@dataclass(frozen=True)
class Rates:
    """What the checks observe. Rates are shares, 0 to 1.

    A rate over no images, or of what was not measured, is 0: nothing violates it. A dataset
    without a valid image fails ``images_present`` instead, once and clearly.

    Attributes:
        valid: number of images that could be analysed.
        invalid_rate: invalid images / all images.
        duplicate_rate: surplus exact copies / valid images.
        near_duplicate_rate: images in a near-duplicate pair / valid images.
        dark_rate: dark images / valid images.
        bright_rate: bright images / valid images.
        blurry_rate: blurry images / valid images.
        outlier_rate: images with a robust outlier score above 3.5 / valid images.
    """

    valid: int
    invalid_rate: float
    duplicate_rate: float
    near_duplicate_rate: float
    dark_rate: float
    bright_rate: float
    blurry_rate: float
    outlier_rate: float


def rates(counts: Counts) -> Rates:
    """The rates of a run's counts."""
    return Rates(
        valid=counts.valid,
        invalid_rate=_share(counts.invalid, counts.images),
        duplicate_rate=_share(counts.exact_duplicate_surplus, counts.valid),
        near_duplicate_rate=_share(counts.near_duplicate_images, counts.valid),
        dark_rate=_share(counts.dark, counts.valid),
        bright_rate=_share(counts.bright, counts.valid),
        blurry_rate=_share(counts.blurry, counts.valid),
        outlier_rate=_share(counts.robust_outliers, counts.valid),
    )


def _share(part: int | None, whole: int) -> float:
    return part / whole if part and whole else 0.0
