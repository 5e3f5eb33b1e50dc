"""What is counted of a run: each watched rate once, and the counts of all or of the new images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from imgvet.monitor.portion import Portion
from imgvet.quality.checks import CHECK_BY_NAME
from imgvet.quality.result import Severity


@dataclass(frozen=True)
class WatchedRate:
    """A rate that may jump.

    Attributes:
        name: name of the rate, as in :class:`imgvet.quality.counts.Rates`.
        count: field of :class:`Tally` with the images that have the property.
        whole: field of :class:`Tally` with the images that could have it.
        title: the rate's name for a person.
        said: what the images are, after "of 120 new images 30 are".
        together: how many images have the property together at least: a near duplicate never
            comes alone, so the number of them varies as that of their pairs does.
    """

    name: str
    count: str
    whole: str
    title: str
    said: str
    together: int = 1

    @property
    def severity(self) -> Severity:
        """How bad a jump is: as bad as failing the check of the same rate."""
        return CHECK_BY_NAME[self.name].severity


RATES: tuple[WatchedRate, ...] = (
    WatchedRate("invalid_rate", "invalid", "images", "Invalid rate", "invalid"),
    WatchedRate("duplicate_rate", "duplicate", "valid", "Duplicate rate", "exact copies"),
    WatchedRate("near_duplicate_rate", "near_duplicate", "valid", "Near-duplicate rate",
                "near duplicates", together=2),
    WatchedRate("dark_rate", "dark", "valid", "Dark rate", "dark"),
    WatchedRate("bright_rate", "bright", "valid", "Bright rate", "bright"),
    WatchedRate("blurry_rate", "blurry", "valid", "Blurry rate", "blurry"),
    WatchedRate("outlier_rate", "outlier", "valid", "Outlier rate", "outliers"),
)  # fmt: skip
"""The watched rates, in the order of reports."""

RATE_BY_NAME: dict[str, WatchedRate] = {rate.name: rate for rate in RATES}


@dataclass(frozen=True)
class Tally:
    """Counts of images; None where a property was not measured.

    Attributes:
        images: all images.
        valid: those that could be analysed.
        invalid: those that could not.
        duplicate: surplus exact copies, one less than images in each group.
        near_duplicate: images in a near-duplicate pair.
        dark: dark images.
        bright: bright images.
        blurry: blurry images.
        outlier: outliers by the rule of the baseline.
    """

    images: int
    valid: int
    invalid: int
    duplicate: int
    near_duplicate: int
    dark: int | None
    bright: int | None
    blurry: int | None
    outlier: int | None

    def portion(self, rate: WatchedRate) -> Portion | None:
        """The images with a property among those that could have it; None if not measured."""
        count: int | None = getattr(self, rate.count)
        return None if count is None else Portion(count, getattr(self, rate.whole))


TALLY_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Tally))


Flags = Mapping[str, NDArray[np.bool_]]
"""Property (a field of :class:`Tally`) -> bool (n,), which images have it; if it was measured."""


def tally(flags: Flags, chosen: NDArray[np.bool_] | None = None) -> Tally:
    """Count flags of images.

    Args:
        flags: the flags; ``valid`` and ``invalid`` are always there.
        chosen: bool (n,), which images count; all of them without it.
    """
    every = flags["valid"] | flags["invalid"]
    counted = every if chosen is None else chosen
    counts = {name: int((flags[name] & counted).sum()) for name in TALLY_FIELDS if name in flags}
    measured = {name: counts.get(name) for name in TALLY_FIELDS[5:]}
    return Tally(
        images=int(counted.sum()),
        valid=counts["valid"],
        invalid=counts["invalid"],
        duplicate=counts["duplicate"],
        near_duplicate=counts["near_duplicate"],
        **measured,
    )
