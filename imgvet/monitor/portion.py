"""A count of a count, and the tests that compare two of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_BATCHES = 8
"""Fewer batches say too little of how much more than chance a rate varies."""

_SURE_OF_SPREAD = 0.003
"""Spread counts as more than chance if chance gives as much in at most this share of cases. With
0.05 one quiet history in twenty would pass for an unsteady one, and true jumps in it be missed."""


@dataclass(frozen=True)
class Portion:
    """So many of so many.

    Attributes:
        count: images with a property.
        of: images that could have it.
    """

    count: int
    of: int

    @property
    def rate(self) -> float:
        """The share, 0 to 1; 0 of nothing."""
        return self.count / self.of if self.of else 0.0

    def __add__(self, other: Portion) -> Portion:
        return Portion(self.count + other.count, self.of + other.of)

    def shrunk(self, factor: float) -> Portion:
        """The same rate of ``factor`` times fewer images, rounded; the count never up."""
        of = round(self.of / factor)
        return Portion(min(math.floor(self.count / factor), of), of)


def p_of_rise(new: Portion, reference: Portion) -> float:
    """How probable so high a rate is if new images are like those of the reference.

    Fisher's exact test, one-sided, with the mid-p value: given how many images of both together
    have the property, the number among the new ones is hypergeometric, and of the probability of
    the very number that was seen a half counts. Unlike a binomial test against the rate of the
    reference it allows for that rate being an estimate itself; unlike a normal approximation it
    holds for counts of 0 and 1. The whole p-value errs less often than its level says, and so
    misses jumps; the half one errs about as often as it says, and costs microseconds for any
    size, where the tests of Barnard and Boschloo take hours. Sources: Fisher, Statistical Methods
    for Research Workers, 1934, section 21.02; Lancaster, Significance tests in discrete
    distributions, JASA 56, 1961.

    Returns:
        probability, 0..1; 1 if either has no images.
    """
    from scipy.stats import hypergeom

    if not new.of or not reference.of:
        return 1.0
    both = new + reference
    seen = (new.count, both.of, both.count, new.of)
    return float(min(1.0, hypergeom.sf(*seen) + hypergeom.pmf(*seen) / 2))


def p_of_least_rise(new: Portion, reference: Portion, difference: float) -> float:
    """How probable it is, by chance, that a rate rises by a difference or more.

    Given, as in :func:`p_of_rise`, how many images of both together have the property.

    Returns:
        probability, 0..1; 0 if so great a rise is not possible with so many.
    """
    from scipy.stats import hypergeom

    if not new.of or not reference.of:
        return 0.0
    both = new + reference
    # x / n - (all - x) / m >= difference, solved for x; less a little, for rounding.
    least = (difference + both.count / reference.of) * new.of * reference.of / both.of
    return float(hypergeom.sf(math.ceil(least - 1e-9) - 1, both.of, both.count, new.of))


def common_level(bounds: Sequence[float], budget: float) -> float:
    """The greatest level at which the false alarms of all questions stay within a budget.

    A question that needs a least difference as well errs at most as often as that difference comes
    about by chance, whatever its level. With that bound b its false alarms are min(level, b), and
    the level is the greatest for which they add up to the budget: never below Bonferroni's,
    budget / number, and above it where the least difference alone stops chance. The idea is that
    of Tarone, A modified Bonferroni method for discrete data, Biometrics 46, 1990.

    Args:
        bounds: how often each question errs at most, 0..1.
        budget: how often all together may.
    """
    left, rest = budget, sorted(bounds)
    while rest and rest[0] <= left / len(rest):
        left -= rest.pop(0)
    return left / len(rest) if rest else budget


def spread(batches: Sequence[Portion]) -> float:
    """How much more a rate varies from batch to batch than chance alone: 1 if no more.

    Batches are rarely drawn at random: each comes from one day, one camera, one scene. Their
    variance is then a multiple of the binomial one, and that multiple is estimated as Pearson's
    chi-squared divided by its degrees of freedom (quasi-likelihood: McCullagh and Nelder,
    Generalized Linear Models, 1989, section 4.5; Laney's p' chart does the same). It is used only
    if it is significant, and if there are :data:`LEAST_BATCHES` batches.
    """
    from scipy.stats import chi2

    known = [batch for batch in batches if batch.of]
    total = sum(known, Portion(0, 0))
    if len(known) < LEAST_BATCHES or total.count in {0, total.of}:
        return 1.0
    rate = total.rate
    chi_squared = sum(
        (batch.count - batch.of * rate) ** 2 / (batch.of * rate * (1 - rate)) for batch in known
    )
    freedom = len(known) - 1
    if chi2.sf(chi_squared, freedom) > _SURE_OF_SPREAD:
        return 1.0
    return max(1.0, float(chi_squared / freedom))
