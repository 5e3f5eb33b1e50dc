"""Run the checks of a dataset.

The numbers are computed in the core; the checks hold them against their limits with built-in
expectations of Great Expectations, and every outcome becomes a
:class:`imgvet.quality.result.CheckResult`. Import of this module is light; the first call takes
seconds more. Run checks in one task of a run: Great Expectations is not made for several threads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from imgvet.metrics import BASIC_METRICS, METRICS
from imgvet.options import CheckLimits
from imgvet.quality.checks import (
    CHECK_BY_NAME,
    CHECKS,
    Bound,
    Check,
    Unit,
    allowed_words,
    observed_words,
)
from imgvet.quality.expectations import EXAMPLES, Between, Bounds, Complete, Outcome, validate
from imgvet.quality.result import CheckResult, CheckState

Examples = Mapping[str, Sequence[int]]
"""Name of a check -> ids of items that show its problem, worst first."""


def run_checks(
    rates: Mapping[str, float], stats: pd.DataFrame | None, examples: Examples, limits: CheckLimits
) -> tuple[CheckResult, ...]:
    """Check a dataset.

    Args:
        rates: the observed numbers, see :func:`imgvet.quality.counts.rates`. One that is not
            finite makes its own check errored.
        stats: the stats table, one row per valid image; None if no measures were taken, then
            the checks that need measures are left out. A missing column, or one that does not
            hold numbers, makes the checks of that column errored, not failed.
        examples: evidence for the rates, at most the first 20 of each are kept. The checks of the
            stats table find their own.
        limits: what is allowed.

    Returns:
        Results in the order of :data:`imgvet.quality.checks.CHECKS`.

    Raises:
        ValueError: examples for a check that does not exist.
    """
    for name in examples:
        if name not in CHECK_BY_NAME:
            raise ValueError(f"examples for an unknown check {name!r}")
    results = _check_rates(rates, examples, limits, measured=stats is not None)
    if stats is not None:
        results |= _check_stats(stats)
    return tuple(results[check.name] for check in CHECKS if check.name in results)


def _check_rates(
    rates: Mapping[str, float], examples: Examples, limits: CheckLimits, *, measured: bool
) -> dict[str, CheckResult]:
    """Name of check -> result, for the checks of an observed number."""
    checks = [
        check
        for check in CHECKS
        if check.unit is not Unit.VALUES and (measured or not check.measured)
    ]
    values = {check.name: rates[check.name] for check in checks}
    allowed = {check.name: _limit(check, limits) for check in checks}
    # Great Expectations skips missing values, so a number that is not known would pass.
    known = [check for check in checks if math.isfinite(values[check.name])]
    row = pd.DataFrame([{check.name: values[check.name] for check in known}])
    outcomes = validate(row, [_bound(check, allowed[check.name]) for check in known])
    by_name = {check.name: outcome for check, outcome in zip(known, outcomes, strict=True)}
    return {
        name: _result(
            CHECK_BY_NAME[name],
            by_name.get(name, _NOT_KNOWN),
            value,
            allowed[name],
            tuple(examples.get(name, ())),
        )
        for name, value in values.items()
    }


_NOT_KNOWN = Outcome(CheckState.ERRORED, detail="the observed number is not known")


def _limit(check: Check, limits: CheckLimits) -> float:
    return float(getattr(limits, check.limit)) if check.limit else 0.0


def _bound(check: Check, limit: float) -> Between:
    low, high = (limit, None) if check.bound is Bound.AT_LEAST else (None, limit)
    return Between(check.name, low, high, check.severity)


def _check_stats(stats: pd.DataFrame) -> dict[str, CheckResult]:
    """Name of check -> result, for the checks of the stats table."""
    complete, in_range = CHECK_BY_NAME["measures_complete"], CHECK_BY_NAME["measures_in_range"]
    asked: list[tuple[Check, Bounds]] = [
        (complete, Complete(metric.name, complete.severity)) for metric in BASIC_METRICS
    ]
    asked += [
        (in_range, Between(metric.name, metric.low, metric.high, in_range.severity))
        for metric in METRICS
        if not metric.advanced or metric.name in stats.columns
    ]
    outcomes = validate(stats, [bound for _, bound in asked])
    answers = list(zip(asked, outcomes, strict=True))
    results = {}
    for check in (complete, in_range):
        merged = _merge({bound.column: got for (owner, bound), got in answers if owner is check})
        results[check.name] = _result(check, merged, merged.unexpected, 0.0, merged.examples)
    return results


def _merge(outcomes: Mapping[str, Outcome]) -> Outcome:
    """One outcome for several columns: failed if any failed, else errored if any errored."""
    states = {outcome.state for outcome in outcomes.values()}
    worst = next(
        state
        for state in (CheckState.FAILED, CheckState.ERRORED, CheckState.PASSED)
        if state in states
    )
    examples = dict.fromkeys(row for outcome in outcomes.values() for row in outcome.examples)
    problems = [f"{name}: {outcome.detail}" for name, outcome in outcomes.items() if outcome.detail]
    return Outcome(
        worst,
        unexpected=sum(outcome.unexpected for outcome in outcomes.values()),
        examples=tuple(examples),
        detail="; ".join(problems),
    )


def _result(
    check: Check, outcome: Outcome, value: float, limit: float, examples: Sequence[int]
) -> CheckResult:
    errored = outcome.state is CheckState.ERRORED
    return CheckResult(
        name=check.name,
        title=check.title,
        state=outcome.state,
        severity=check.severity,
        observed="" if errored else observed_words(check, value, limit),
        allowed=allowed_words(check, limit),
        value=None if errored else value,
        section=check.section,
        examples=tuple(examples[:EXAMPLES]),
        detail=outcome.detail,
    )
