"""Compare a run with its baseline: what rose or drifted, and whether that is worth an alarm.

Each rate is asked two questions. Is it higher among the **new** images than in all that was in
order so far? That finds a bad batch of 120 among 100,000 images, which moves no total. And is it
higher in the **whole** dataset than in the baseline run? That finds slow change, which the first
question gets used to. Drift is asked of the new images.

An alarm needs both a difference that is worth one and one that chance does not explain. The
allowed rate of false alarms is divided evenly among all questions of the run (Bonferroni).
"""

from __future__ import annotations

import warnings
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.models.prepare import normalised
from imgvet.monitor.alarms import DRIFT, EMBEDDINGS
from imgvet.monitor.baselines import Baseline, ReferenceSample
from imgvet.monitor.history import Compared, Population, Run
from imgvet.monitor.images import Values
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.rates import NOTHING, NOVEL, RATES, Proportion, WatchedRate, p_of_rise, spread
from imgvet.quality.result import CheckResult

# An alarm stays on while its difference is at least this part of the one that raises it,
CALM = 0.75
# and while chance alone would show as much in at most this share of cases.
CHANCE = 0.05

SHARE_OF_RATES, SHARE_OF_DRIFT = 0.8, 0.1
"""Shares of the false alarms left to rates and drift, whose distances are so clear that a stricter
level costs it nothing; the rest goes to groups of images."""

COUNTED = ["alarm", "id", "filename", "value"]

LEAST_IMAGES = 20  # of fewer images drift is not judged, and of a group no loss


@dataclass(frozen=True)
class Finding:
    """The answer to one question."""

    key: str
    """What was asked of: name of a rate, or ``drift:`` and a metric."""
    population: Population
    effect: float
    """The difference of the rates, or the score of the drift; from ``least`` on worth an alarm."""
    p_value: float
    """How probable that is by chance; above ``level`` it is taken for chance."""
    least: float = 0.0
    level: float = 0.0
    before: Proportion = NOTHING
    """Images with the property in the reference; of drift none."""
    after: Proportion = NOTHING
    wide: float = 1.0
    """How much more the rate varies than chance alone."""
    medians: tuple[float, float] | None = None
    """Of the drifting metric, in the baseline and the new images; None of rates and embeddings."""
    risen: tuple[str, float, float] | None = None
    """Of labels and formats: which rose most, its share in the baseline and of the new images."""

    @classmethod
    def of_rates(
        cls, key: str, population: Population, before: Proportion, after: Proportion, wide: float
    ) -> Finding:
        """How a rate differs from one before."""
        p_value = p_of_rise(after.shrunk(wide), before.shrunk(wide))
        effect = after.rate - before.rate
        return cls(key, population, effect, p_value, before=before, after=after, wide=wide)

    @property
    def kept(self) -> Compared:
        """What is kept of it in the history."""
        rate = bool(self.after.of)
        return Compared(
            key=self.key,
            population=self.population,
            before=self.before.rate if rate else None,
            after=self.after.rate if rate else self.effect,
            limit=self.limit,
            p_value=self.p_value,
        )

    @property
    def alarming(self) -> bool:
        """Whether it raises an alarm."""
        return self.effect >= self.least and self.p_value <= self.level

    @property
    def lasting(self) -> bool:
        """Whether it keeps on an alarm that is on: less is asked, so that alarms do not flicker."""
        return self.effect >= CALM * self.least and self.p_value <= CHANCE

    @property
    def limit(self) -> float | None:
        """Least rate of as many images, or least drift, that raises an alarm; None if none does."""
        if not self.after.of:
            return self.least

        def raises(count: int) -> bool:
            after = Proportion(count, self.after.of)
            found = self.of_rates(self.key, self.population, self.before, after, self.wide)
            return replace(found, least=self.least, level=self.level).alarming

        counts = range(self.after.of + 1)
        found = bisect_left(counts, True, key=raises)
        return found / self.after.of if found < len(counts) else None


@dataclass(frozen=True)
class Comparison:
    """A run compared with its baseline."""

    run: Run
    """With the alarms that were on before it, until what is to be said of it is told."""
    findings: tuple[Finding, ...] = ()
    failed_checks: tuple[CheckResult, ...] = ()
    """Those that could not be computed, too."""
    counted: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COUNTED))
    """The images that each ``alarm`` counts, worst first: a row for each, with its ``id``, its
    ``filename`` and the ``value`` that it is judged by, NaN of what is so or is not."""

    def finding(self, key: str) -> Finding:
        """What says most of a judged alarm, of what raises it rather than of what keeps it on."""
        found = (finding for finding in self.findings if finding.key == key)
        return max(found, key=lambda one: (one.alarming, one.lasting, one.effect))


def compare(
    run: Run,
    new: ReferenceSample,
    baseline: Baseline,
    history: Sequence[Run],
    options: WatchOptions,
) -> tuple[Finding, ...]:
    """Compare a run, its novel images by the baseline's limit, and a sample of its new ones.

    ``history`` are the monitored runs before it.
    """
    past = in_order_since(history, baseline.run)
    rates = [found for rate in RATES for found in _ask_rate(rate, run, baseline.run, past)]
    drifts = _ask_drift(new, baseline.sample)
    shares = (SHARE_OF_RATES, SHARE_OF_DRIFT)
    asked = zip((rates, drifts), (options.min_difference, options.min_drift), shares, strict=True)
    return tuple(
        replace(finding, least=least, level=options.false_alarm_rate * share / len(findings))
        for findings, least, share in asked
        for finding in findings
    )


def in_order_since(
    history: Sequence[Run],
    baseline: Run,
    is_in_order: Callable[[Run], bool] = attrgetter("in_order"),
) -> list[Run]:
    """The runs after the baseline whose new images count as usual."""
    ids = [run.run_id for run in history]
    start = ids.index(baseline.run_id) + 1 if baseline.run_id in ids else len(ids)
    return [
        run for run in history[start:] if is_in_order(run) and not baseline.changes(run.settings)
    ]


def _ask_rate(rate: WatchedRate, run: Run, baseline: Run, past: Sequence[Run]) -> list[Finding]:
    whole, new = rate.proportion(run.counts), rate.proportion(run.new_counts)
    before = rate.proportion(baseline.counts)
    if whole is None or new is None or before is None:
        return []
    # What is novel beside another baseline is not the same.
    rows = [row for row in past if rate.count != NOVEL or row.baseline == baseline.run_id]
    batches = [batch for row in rows if (batch := rate.proportion(row.new_counts)) and batch.of]
    wide = max(spread([before, *batches]), rate.together)
    usual = sum(batches, before)

    asked = [Finding.of_rates(rate.name, "whole", before, whole, wide)] if whole.of else []
    if new.of and (whole, before) != (new, usual):
        asked.append(Finding.of_rates(rate.name, "new", usual, new, wide))
    return asked


def _ask_drift(new: ReferenceSample, reference: ReferenceSample) -> list[Finding]:
    found = []
    for name in reference.metrics.columns.intersection(new.metrics.columns):
        before, after = (sample.metrics[name].to_numpy(float) for sample in (reference, new))
        if drift := value_drift(before, after):
            medians = (float(np.nanmedian(before)), float(np.nanmedian(after)))
            found.append(Finding(f"{DRIFT}{name}", "new", *drift, medians=medians))
    if drift := embedding_drift(reference.vectors, new.vectors):
        found.append(Finding(f"{DRIFT}{EMBEDDINGS}", "new", *drift))
    return found


class Drift(NamedTuple):
    """How far one distribution lies from another, 0 to 1, and how probable that is if alike."""

    score: float
    p_value: float


def value_drift(reference: Values, new: Values) -> Drift | None:
    """Drift of a metric: the two-sample test of Kolmogorov and Smirnov.

    Its statistic, the greatest difference of the two cumulative shares, is at most the share of
    images that lie elsewhere. Unlike the population stability index it needs no bins, so its
    probability is known for any size; ties only make it more careful. None if either has fewer
    than :data:`LEAST_IMAGES` finite values.
    """
    from scipy.stats import ks_2samp

    before, after = reference[np.isfinite(reference)], new[np.isfinite(new)]
    if min(len(before), len(after)) < LEAST_IMAGES:
        return None
    with warnings.catch_warnings():
        # Where rounding stops the exact computation, scipy says so and uses the limit.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = ks_2samp(before, after)
    return Drift(float(found.statistic), float(found.pvalue))


def embedding_drift(reference: NDArray[np.floating], new: NDArray[np.floating]) -> Drift | None:
    """Drift of embeddings: how well new images can be told from those of the baseline.

    A witness two-sample test. On one half of each set a function is formed that is high where new
    images are dense and low where the baseline's are (the witness function of the maximum mean
    discrepancy, with a Gaussian kernel); on the other halves Mann and Whitney's test tells whether
    it is higher for new images. Unlike the discrepancy itself it has a probability without
    permutations, and a score that means something: 2 AUC - 1, where AUC is how often the function
    is higher for a new image than for one of the baseline. Sources: Gretton et al., A Kernel
    Two-Sample Test, JMLR 13, 2012; Kuebler et al., A Witness Two-Sample Test, AISTATS 2022.

    The embeddings, float (m, width) and (n, width), are in random order. None if either has fewer
    than :data:`LEAST_IMAGES` rows.
    """
    from scipy.stats import mannwhitneyu

    if min(len(reference), len(new)) < LEAST_IMAGES:
        return None
    before, after = normalised(reference), normalised(new)
    learn, judge = (before[::2], after[::2]), (before[1::2], after[1::2])
    width = float(np.median(1.0 - learn[0] @ learn[0].T)) or 1.0

    def witness(vectors: NDArray[np.float32]) -> Values:
        low, high = (np.exp((vectors @ part.T - 1.0) / width).mean(axis=1) for part in learn)
        return np.asarray(high - low, np.float64)

    values = [witness(part) for part in judge]
    if not np.ptp(np.concatenate(values)):
        return Drift(0.0, 1.0)
    found = mannwhitneyu(values[1], values[0], alternative="greater", method="asymptotic")
    area = float(found.statistic) / (len(values[0]) * len(values[1]))
    return Drift(max(0.0, 2 * area - 1), float(found.pvalue))
