"""The watched rates, and the tests that tell whether one rose by more than chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imgvet.format import share

LEAST_BATCHES = 8  # fewer say too little of how much more than chance a rate varies

_SURE_OF_SPREAD = 0.003
"""Spread counts as more than chance if chance gives as much in at most this share of cases. With
0.05 one quiet history in twenty would pass for an unsteady one, and true jumps in it be missed."""


@dataclass(frozen=True)
class Proportion:
    """So many images with a property, of so many that could have it."""

    count: int
    of: int

    @property
    def rate(self) -> float:
        """The share, 0 to 1; 0 of nothing."""
        return self.count / self.of if self.of else 0.0

    def __add__(self, other: Proportion) -> Proportion:
        return Proportion(self.count + other.count, self.of + other.of)

    def shrunk(self, factor: float) -> Proportion:
        """The same rate of ``factor`` times fewer images, rounded; the count never up."""
        of = round(self.of / factor)
        return Proportion(min(math.floor(self.count / factor), of), of)


NOTHING = Proportion(0, 0)


@dataclass(frozen=True)
class WatchedRate:
    """A rate that may jump, named as in :func:`imgvet.quality.summarize.rates`."""

    name: str
    count: str
    """Name of the count of the images that have the property; ``whole``, of all that could."""
    whole: str
    title: str
    said: str
    """What the images are, after "of 120 new images 30 are"."""
    together: int = 1
    """How many images have the property together at least: a near duplicate never comes alone, so
    the number of them varies as that of their pairs does."""

    def proportion(self, counts: Mapping[str, int]) -> Proportion | None:
        """The images with the property among those that could have it; None if not measured."""
        if self.count not in counts:
            return None
        return Proportion(counts[self.count], counts[self.whole])


NOVEL = "novel"
"""Count of the images unlike those of the baseline. They need not be outliers, which the check of
that name counts: images that are unlike the others of the same run."""

RATES: tuple[WatchedRate, ...] = (
    WatchedRate("invalid_rate", "invalid", "images", "Invalid rate", "invalid"),
    WatchedRate("duplicate_rate", "exact_duplicate_surplus", "valid", "Duplicate rate",
                "exact copies"),
    WatchedRate("near_duplicate_rate", "near_duplicate_images", "valid", "Near-duplicate rate",
                "near duplicates", together=2),
    WatchedRate("dark_rate", "dark", "valid", "Dark rate", "dark"),
    WatchedRate("bright_rate", "bright", "valid", "Bright rate", "bright"),
    WatchedRate("blurry_rate", "blurry", "valid", "Blurry rate", "blurry"),
    WatchedRate("novelty_rate", NOVEL, "valid", "Novelty rate", "unlike the baseline's"),
)  # fmt: skip
"""The watched rates, in the order of reports."""


def rates_in_words(counts: Mapping[str, int]) -> dict[str, str]:
    """The rates that were measured by title, in percent."""
    found = {rate.title: rate.proportion(counts) for rate in RATES}
    return {title: share(one.rate) for title, one in found.items() if one}


def p_of_rise(new: Proportion, reference: Proportion) -> float:
    """How probable so high a rate is if new images are like those of the reference; 1 of nothing.

    Fisher's exact test, one-sided: given how many images of both together have the property, the
    number among the new ones is hypergeometric. Unlike a binomial test it allows for the rate of
    the reference being an estimate itself; unlike a normal approximation it holds for counts of 0
    and 1. Half of the probability of the very count seen is taken (mid-p: Lancaster, Significance
    tests in discrete distributions, JASA 56, 1961): all of it would make the test of few images
    far more cautious than its level says.
    """
    from scipy.stats import hypergeom

    if not new.of or not reference.of:
        return 1.0
    both = new + reference
    seen = (new.count, both.of, both.count, new.of)
    return float(min(1.0, hypergeom.sf(*seen) + hypergeom.pmf(*seen) / 2))


def spread(batches: Sequence[Proportion]) -> float:
    """How much more a rate varies from batch to batch than chance alone: 1 if no more.

    Batches are rarely drawn at random: each comes from one day, one camera, one scene. Their
    variance is then a multiple of the binomial one, and that multiple is estimated as Pearson's
    chi-squared divided by its degrees of freedom (quasi-likelihood: McCullagh and Nelder,
    Generalized Linear Models, 1989, section 4.5; Laney's p' chart does the same). It is used only
    if it is significant, and if there are :data:`LEAST_BATCHES` batches.
    """
    from scipy.stats import chi2_contingency

    known = [batch for batch in batches if batch.of]
    total = sum(known, NOTHING)
    if len(known) < LEAST_BATCHES or total.count in {0, total.of}:
        return 1.0
    table = [[batch.count, batch.of - batch.count] for batch in known]
    found = chi2_contingency(table, correction=False)
    return max(1.0, float(found.statistic / found.dof)) if found.pvalue <= _SURE_OF_SPREAD else 1.0
