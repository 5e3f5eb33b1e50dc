"""Compare a run with its baseline: what rose or drifted, and whether that is worth an alarm.

Each rate is asked two questions. Is it higher among the **new** images than in all that was in
order so far? That finds a bad batch of 120 among 100,000 images, which moves no total. And is it
higher in the **whole** dataset than in the baseline run? That finds slow change, which the first
question gets used to. Drift is asked of the new images.

An alarm needs both a difference that is worth one and one that chance does not explain. The
allowed rate of false alarms is divided evenly among all questions of the run (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from imgvet.monitor.baselines import Baseline
from imgvet.monitor.choose import are_alike
from imgvet.monitor.drift import EMBEDDINGS, Drift, embedding_drift, value_drift
from imgvet.monitor.history import Run
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.rates import OUTLIERS, RATES, Proportion, WatchedRate, p_of_rise, spread
from imgvet.monitor.reference_sample import ReferenceSample
from imgvet.quality.result import CheckResult

CALM = 0.75
"""An alarm stays on while its difference is at least this part of the one that raises it."""

CHANCE = 0.05
"""An alarm stays on while chance alone would show as much in at most this share of cases."""

SHARE_OF_RATES = 0.8
"""Share of the false alarms left to the rates; the rest goes to drift, whose distances are so clear
that a stricter level costs it nothing."""

DRIFT = "drift:"
"""Start of the keys of drift; a metric's name, or ``embeddings``, follows."""


@dataclass(frozen=True)
class Finding:
    """The answer to one question.

    Attributes:
        key: what was asked of: name of a rate, or ``drift:`` and a metric.
        population: whether of the whole dataset or of its new images.
        effect: the difference of the rates, or the score of the drift.
        least: the effect that is worth an alarm.
        p_value: how probable such an effect is by chance.
        level: the greatest probability that is no longer taken for chance.
        before: images with the property in the reference, of how many; None of drift.
        after: the same of the run.
        medians: medians of the drifting metric, of the baseline and of the new images; None of
            rates and of embeddings.
    """

    key: str
    population: Literal["whole", "new"]
    effect: float
    least: float
    p_value: float
    level: float = 0.0
    before: Proportion | None = None
    after: Proportion | None = None
    medians: tuple[float, float] | None = None

    @property
    def alarming(self) -> bool:
        """Whether it raises an alarm."""
        return self.effect >= self.least and self.p_value <= self.level

    @property
    def lasting(self) -> bool:
        """Whether it keeps on an alarm that is on: less is asked, so that alarms do not flicker."""
        return self.effect >= CALM * self.least and self.p_value <= CHANCE


@dataclass(frozen=True)
class Comparison:
    """A run compared with its baseline.

    Attributes:
        run: its row of the history.
        baseline: the run that it was compared with, None if with none.
        findings: all answers, alarming or not.
        failed_checks: checks that failed or could not be computed.
        examples: property -> names of images that show it, worst first.
    """

    run: Run
    baseline: Run | None = None
    findings: tuple[Finding, ...] = ()
    failed_checks: tuple[CheckResult, ...] = ()
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def compare(
    run: Run,
    new: ReferenceSample,
    baseline: Baseline,
    history: Sequence[Run],
    options: WatchOptions,
) -> tuple[Finding, ...]:
    """Compare a run with its baseline.

    Args:
        run: the run with its counts, outliers by the baseline's limit.
        new: a sample of its new images.
        baseline: the baseline.
        history: the monitored runs before it.
        options: when to raise an alarm.
    """
    past = in_order_since(history, baseline.run)
    rates = [
        finding for rate in RATES for finding in _ask_rate(rate, run, baseline.run, past, options)
    ]
    drifts = _ask_drift(new, baseline, options)
    return (
        *_at_level(rates, options.false_alarm_rate * SHARE_OF_RATES),
        *_at_level(drifts, options.false_alarm_rate * (1 - SHARE_OF_RATES)),
    )


def _at_level(findings: Sequence[Finding], false_alarm_rate: float) -> list[Finding]:
    """Findings at Bonferroni's level, so that together they alarm falsely at most so often."""
    level = false_alarm_rate / max(1, len(findings))
    return [replace(finding, level=level) for finding in findings]


def in_order_since(history: Sequence[Run], baseline: Run) -> list[Run]:
    """The runs after the baseline whose new images count as usual."""
    ids = [run.run_id for run in history]
    start = ids.index(baseline.run_id) + 1 if baseline.run_id in ids else len(ids)
    return [
        run
        for run in history[start:]
        if run.in_order and are_alike(run.settings, baseline.settings)
    ]


def _ask_rate(
    rate: WatchedRate,
    run: Run,
    baseline: Run,
    past: Sequence[Run],
    options: WatchOptions,
) -> list[Finding]:
    whole, new = rate.proportion(run.counts), rate.proportion(run.new_counts)
    before = rate.proportion(baseline.counts)
    if whole is None or new is None or before is None:
        return []
    # Outliers of other baselines are other outliers.
    rows = [row for row in past if rate.count != OUTLIERS or row.baseline == baseline.run_id]
    batches = [batch for row in rows if (batch := rate.proportion(row.new_counts)) and batch.of]
    wide = max(spread([before, *batches]), rate.together)
    usual = sum(batches, before)

    def ask(population: Literal["whole", "new"], after: Proportion, before: Proportion) -> Finding:
        return Finding(
            key=rate.name,
            population=population,
            effect=after.rate - before.rate,
            least=options.min_difference,
            p_value=p_of_rise(after.shrunk(wide), before.shrunk(wide)),
            before=before,
            after=after,
        )

    found = [ask("whole", whole, before)] if whole.of else []
    if new.of and (whole, before) != (new, usual):
        found.append(ask("new", new, usual))
    return found


def _ask_drift(new: ReferenceSample, baseline: Baseline, options: WatchOptions) -> list[Finding]:
    found: list[tuple[str, Drift, tuple[float, float] | None]] = []
    for name in baseline.sample.metrics.columns.intersection(new.metrics.columns):
        before, after = (
            frame[name].to_numpy(np.float64) for frame in (baseline.sample.metrics, new.metrics)
        )
        drift = value_drift(before, after)
        if drift is not None:
            medians = (float(np.nanmedian(before)), float(np.nanmedian(after)))
            found.append((name, drift, medians))
    drift = embedding_drift(baseline.sample.vectors, new.vectors)
    if drift is not None:
        found.append((EMBEDDINGS, drift, None))
    return [
        Finding(
            key=f"{DRIFT}{name}",
            population="new",
            effect=drift.score,
            least=options.min_drift,
            p_value=drift.p_value,
            medians=medians,
        )
        for name, drift, medians in found
    ]
