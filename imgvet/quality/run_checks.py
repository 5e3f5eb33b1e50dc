"""Run the checks: those of imgvet, and what else a team expects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from imgvet.format import counted, rough_percent
from imgvet.quality.checks import CHECKS, allowed_words, observed_words
from imgvet.quality.expectations import Expectation, Outcome, between, validate
from imgvet.quality.result import EXAMPLES, CheckResult, CheckState
from imgvet.quality.suite import IMAGES, RATES, name_of, table_of

_WIDEST = 100  # letters of what was observed


def run_checks(
    numbers: Mapping[str, float],
    examples: Mapping[str, Sequence[int]],
    suite: Sequence[Expectation],
) -> tuple[CheckResult, ...]:
    """Check a dataset. The first call takes seconds more, and all belong into one thread.

    The ``suite`` holds the limits of the observed ``numbers``, by check; checks without a limit
    allow none. A number that is not finite makes its own check errored. What is not observed is not
    checked.
    """
    limits = {one.name: between(one.name, None, 0, severity=one.severity) for one in CHECKS}
    limits |= {name_of(one): one for one in suite}
    outcomes = _outcomes(numbers, limits)
    results = []
    for check in CHECKS:
        if check.name not in outcomes:
            continue
        outcome, limit, value = outcomes[check.name], _limit(limits[check.name]), None
        if outcome.state is not CheckState.ERRORED:
            value = float(numbers[check.name])
        results.append(
            CheckResult(
                name=check.name,
                title=check.title,
                state=outcome.state,
                severity=limits[check.name].severity,
                observed="" if value is None else observed_words(check, value, limit),
                allowed=allowed_words(check, limit),
                value=value,
                section=check.section,
                examples=tuple(examples.get(check.name, ())[:EXAMPLES]),
                detail=outcome.detail,
            )
        )
    return tuple(results)


def run_suite(
    suite: Sequence[Expectation], tables: Mapping[str, pd.DataFrame], numbers: Mapping[str, float]
) -> tuple[CheckResult, ...]:
    """Check what else is expected of the tables of a run, and of the numbers it is summed up in.

    One that speaks of a table which this run does not have is errored.
    """
    frames = dict(tables)
    frames[RATES] = pd.DataFrame([numbers])
    frames[IMAGES] = tables["items"].merge(
        tables["stats"], on="id", how="left", suffixes=("", "_measured")
    )
    outcomes: dict[str, Outcome] = {}
    for table in dict.fromkeys(map(table_of, suite)):
        asked = [one for one in suite if table_of(one) == table]
        absent = Outcome(CheckState.ERRORED, detail=f"this run has no table {table}")
        found = validate(frames[table], asked) if table in frames else [absent] * len(asked)
        outcomes |= dict(zip(map(name_of, asked), found, strict=True))
    return tuple(_result(one, outcomes[name_of(one)], numbers) for one in suite)


def _result(one: Expectation, outcome: Outcome, numbers: Mapping[str, float]) -> CheckResult:
    observed = outcome.observed
    if table_of(one) == RATES and one.column is not None:
        observed = numbers.get(one.column)
    value = outcome.unexpected if observed is None else observed
    errored = outcome.state is CheckState.ERRORED
    return CheckResult(
        name=name_of(one),
        title=one.description or _type_in_words(one),
        state=outcome.state,
        severity=one.severity,
        observed="" if errored else _observed_in_words(outcome, observed),
        allowed=_allowed_in_words(one.arguments),
        value=None if errored or not isinstance(value, (int, float)) else float(value),
        section="",
        examples=outcome.examples,
        detail=outcome.detail,
    )


def _type_in_words(one: Expectation) -> str:
    words = one.type.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    return f"{one.column}: {words}" if one.column else words.capitalize()


def _observed_in_words(outcome: Outcome, observed: object) -> str:
    if isinstance(observed, float):
        return f"{observed:,.4g}"
    if observed is None and outcome.unexpected is not None:
        wrong, whole = outcome.unexpected, counted(outcome.of, "value")
        if not wrong:
            return f"all of {whole}"
        share = f" of {whole} ({rough_percent(wrong / outcome.of)})" if outcome.of else ""
        return f"{wrong:,}{share} otherwise"
    text = str(observed)
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}..."


def _allowed_in_words(arguments: Mapping[str, Any]) -> str:
    said = {name: value for name, value in arguments.items() if name != "column"}
    low, high = said.pop("min_value", None), said.pop("max_value", None)
    words = [f"at least {low:,}"] if low is not None else []
    words += [f"at most {high:,}"] if high is not None else []
    words += [f"{name.strip('_').replace('_', ' ')} {value}" for name, value in said.items()]
    return ", ".join(words) or "all of them"


def _limit(one: Expectation) -> float:
    return float(one.arguments.get("max_value", one.arguments.get("min_value", 0.0)))


def _outcomes(
    numbers: Mapping[str, float], limits: Mapping[str, Expectation]
) -> dict[str, Outcome]:
    """How the observed numbers meet their limits, by check."""
    # Great Expectations skips missing values, so a number that is not known would pass.
    known = {name: number for name, number in numbers.items() if math.isfinite(number)}
    not_known = Outcome(CheckState.ERRORED, detail="the observed number is not known")
    outcomes = validate(pd.DataFrame([known]), [limits[name] for name in known])
    return dict.fromkeys(numbers, not_known) | dict(zip(known, outcomes, strict=True))
