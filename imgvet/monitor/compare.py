"""Compare a run with its baseline: what rose or drifted, and whether that is worth an alarm.

Each rate is asked two questions. Is it higher among the **new** images than in all that was in
order so far? That finds a bad batch of 120 among 100,000 images, which moves no total. And is it
higher in the **whole** dataset than in the baseline run? That finds slow change, which the first
question gets used to. Drift is asked of the new images.

An alarm needs both a difference that is worth one and one that chance does not explain. The
allowed rate of false alarms is divided among all questions of the run: four fifths among the
rates (:func:`imgvet.monitor.portion.common_level`), the rest among the metrics and the embeddings
(Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from imgvet.monitor.baselines import About, Baseline
from imgvet.monitor.choice import are_alike
from imgvet.monitor.drift import Drift, embedding_drift, value_drift
from imgvet.monitor.facts import RunIdentity
from imgvet.monitor.history import EMBEDDINGS, History, HistoryRow, RunStatus
from imgvet.monitor.observe import Observed
from imgvet.monitor.options import WatchOptions
from imgvet.monitor.portion import (
    LEAST_BATCHES,
    Portion,
    common_level,
    p_of_least_rise,
    p_of_rise,
    spread,
)
from imgvet.monitor.tally import RATES, WatchedRate
from imgvet.quality.result import CheckResult
from imgvet.similarity.outliers import ROBUST_LIMIT

RATE_SHARE = 0.8
"""Part of the false alarms that rates may have; drift, which is seldom small, gets the rest."""

CALM = 0.75
"""An alarm stays on while its difference is at least this part of the one that raises it."""

_CHANCE = 0.05
"""An alarm stays on while chance alone would show as much in at most this share of cases."""

DRIFT = "drift:"
"""Start of the keys of drift; a metric's name, or ``embeddings``, follows."""

Population = Literal["whole", "new"]


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
    population: Population
    effect: float
    least: float
    p_value: float
    level: float
    before: Portion | None = None
    after: Portion | None = None
    medians: tuple[float, float] | None = None

    @property
    def alarming(self) -> bool:
        """Whether it raises an alarm."""
        return self.effect >= self.least and self.p_value <= self.level

    @property
    def lasting(self) -> bool:
        """Whether it keeps on an alarm that is on: less is asked, so that alarms do not flicker."""
        return self.effect >= CALM * self.least and self.p_value <= _CHANCE


@dataclass(frozen=True)
class Comparison:
    """A run compared with its baseline.

    Attributes:
        identity: which run it is.
        status: finished or failed.
        baseline: what it was compared with, None if with nothing.
        notice: what a person should know, such as why nothing was compared; may be empty.
        findings: all answers, alarming or not.
        judged: keys of what could be judged; an alarm of another key stays as it was.
        failed_checks: checks that failed or could not be computed.
        examples: property -> names of images that show it, worst first.
        error: why the run failed, one line.
    """

    identity: RunIdentity
    status: RunStatus = "finished"
    baseline: About | None = None
    notice: str = ""
    findings: tuple[Finding, ...] = ()
    judged: frozenset[str] = frozenset()
    failed_checks: tuple[CheckResult, ...] = ()
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    error: str = ""

    @property
    def drift(self) -> dict[str, float]:
        """Metric (or embeddings) -> score of its drift."""
        drifting = (finding for finding in self.findings if finding.key.startswith(DRIFT))
        return {finding.key.removeprefix(DRIFT): finding.effect for finding in drifting}


@dataclass(frozen=True)
class _Question:
    """A rate among some images, and what it is compared with."""

    rate: WatchedRate
    population: Population
    before: Portion
    after: Portion
    spread: float
    """How many times the variance is that of independent images."""


def compare(
    observed: Observed,
    baseline: Baseline,
    history: History,
    options: WatchOptions,
    notice: str = "",
) -> Comparison:
    """Compare a run with its baseline.

    Args:
        observed: the run, as it looks from the baseline.
        baseline: the baseline.
        history: the runs before it.
        options: when to raise an alarm.
        notice: what a person should know of the baseline.
    """
    past = _in_order_since(history, baseline.about)
    rates = _judge_rates(observed, baseline, past, options)
    drifts = _judge_drift(observed, baseline, past, options)
    calm = {f"{DRIFT}{name}" for name in (*baseline.metrics.columns, EMBEDDINGS)}
    return Comparison(
        identity=observed.identity,
        baseline=baseline.about,
        notice=notice,
        findings=(*rates, *drifts),
        judged=frozenset(finding.key for finding in (*rates, *drifts))
        # Without new images there are none that drift: those that did are gone.
        | (frozenset() if observed.new.images else calm),
        failed_checks=observed.failed_checks,
        examples=observed.examples,
    )


def _in_order_since(history: History, about: About) -> list[HistoryRow]:
    """The runs after the baseline whose new images count as usual."""
    ids = [row.run_id for row in history.rows]
    start = ids.index(about.run_id) + 1 if about.run_id in ids else len(ids)
    return [
        row
        for row in history.rows[start:]
        if row.in_order and are_alike(row.settings, about.settings)
    ]


def last_in_order(history: History, about: About) -> HistoryRow | None:
    """The last run after the baseline that was in order, None if there is none."""
    return next(reversed(_in_order_since(history, about)), None)


def _judge_rates(
    observed: Observed, baseline: Baseline, past: list[HistoryRow], options: WatchOptions
) -> list[Finding]:
    questions = [
        question for rate in RATES for question in _questions(rate, observed, baseline, past)
    ]
    bounds = [_bound(asked, options) for asked in questions]
    level = common_level(bounds, RATE_SHARE * options.false_alarm_rate)
    return [
        Finding(
            key=asked.rate.name,
            population=asked.population,
            effect=asked.after.rate - asked.before.rate,
            least=options.min_difference,
            p_value=p_of_rise(asked.after.shrunk(asked.spread), asked.before.shrunk(asked.spread)),
            level=level,
            before=asked.before,
            after=asked.after,
        )
        for asked in questions
    ]


def _bound(asked: _Question, options: WatchOptions) -> float:
    """How often a question raises a false alarm at most, whatever its level."""
    new, reference = asked.after.shrunk(asked.spread), asked.before.shrunk(asked.spread)
    return p_of_least_rise(new, reference, options.min_difference)


def _questions(
    rate: WatchedRate, observed: Observed, baseline: Baseline, past: list[HistoryRow]
) -> list[_Question]:
    whole, new = observed.whole.portion(rate), observed.new.portion(rate)
    before = baseline.about.whole.portion(rate)
    if whole is None or new is None or before is None:
        return []
    batches = _batches(rate, baseline.about, past)
    wide = max(spread([before, *batches]), rate.together)
    usual = sum(batches, before)
    asked = [_Question(rate, "whole", before, whole, wide)] if whole.of else []
    if new.of and (whole, before) != (new, usual):
        asked.append(_Question(rate, "new", usual, new, wide))
    return asked


def _batches(rate: WatchedRate, about: About, past: list[HistoryRow]) -> list[Portion]:
    """The new images of runs in order; outliers only as far as they are the same baseline's."""
    rows = [row for row in past if rate.count != "outlier" or row.baseline == about.run_id]
    found = [row.new.portion(rate) for row in rows]
    return [batch for batch in found if batch is not None and batch.of]


def _judge_drift(
    observed: Observed, baseline: Baseline, past: list[HistoryRow], options: WatchOptions
) -> list[Finding]:
    found: dict[str, tuple[Drift, tuple[float, float] | None]] = {}
    for name in baseline.metrics.columns.intersection(observed.metrics.columns):
        before, after = (
            frame[name].to_numpy(np.float64) for frame in (baseline.metrics, observed.metrics)
        )
        drift = value_drift(before, after)
        if drift is not None:
            found[str(name)] = drift, (float(np.nanmedian(before)), float(np.nanmedian(after)))
    drift = embedding_drift(baseline.sample.vectors, observed.vectors)
    if drift is not None:
        found[EMBEDDINGS] = drift, None
    level = (1 - RATE_SHARE) * options.false_alarm_rate / max(1, len(found))
    same = [row for row in past if row.baseline == baseline.about.run_id]
    return [
        Finding(
            key=f"{DRIFT}{name}",
            population="new",
            effect=drift.score,
            least=max(options.min_drift, _usual_drift(name, same)),
            p_value=drift.p_value,
            level=level,
            medians=medians,
        )
        for name, (drift, medians) in found.items()
    ]


def _usual_drift(name: str, past: list[HistoryRow]) -> float:
    """The drift that batches in order may have: their median and 3.5 deviations more."""
    scores = np.array([row.drift[name] for row in past if name in row.drift])
    if len(scores) < LEAST_BATCHES:
        return 0.0
    middle = float(np.median(scores))
    deviation = 1.4826 * float(np.median(np.abs(scores - middle)))
    return min(1.0, middle + ROBUST_LIMIT * deviation)
