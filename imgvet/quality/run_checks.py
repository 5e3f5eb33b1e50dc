"""Run the checks: those of imgvet, and what else a team expects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from imgvet.format import counted, rough_percent
from imgvet.quality.checks import CHECK_BY_NAME, CHECKS, allowed_words, observed_words
from imgvet.quality.expectations import Expectation, Outcome, between, validate
from imgvet.quality.result import EXAMPLES, CheckResult, CheckState
from imgvet.quality.suite import IMAGES, RATES, name_of, table_of

_WIDEST = 100  # letters of what was observed


def run_checks(
    suite: Sequence[Expectation],
    numbers: Mapping[str, float],
    examples: Mapping[str, Sequence[int]],
    tables: Mapping[str, pd.DataFrame],
) -> tuple[CheckResult, ...]:
    """Check a dataset. The first call takes seconds more, and all belong into one thread.

    The ``suite`` speaks of the tables of a run, and of the ``numbers`` it is summed up in. A check
    of imgvet of which it says nothing allows none, and is left out if its number is not there.
    ``examples`` are ids by check. What can't be computed (a number is not finite, the run has no
    such table) is errored.
    """
    meta = {"table": RATES}
    none = {
        one.name: between(one.name, None, 0, severity=one.severity, meta=meta | {"name": one.name})
        for one in CHECKS
    }
    expected = (none | {name_of(one): one for one in suite}).items()
    asked = [one for name, one in expected if name in numbers or name not in CHECK_BY_NAME]
    outcomes: dict[str, Outcome] = {}
    for table in dict.fromkeys(map(table_of, asked)):
        of_table = [one for one in asked if table_of(one) == table]
        absent = Outcome(CheckState.ERRORED, detail=f"this run has no table {table}")
        frame = _frame(table, numbers, tables)
        found = [absent] * len(of_table) if frame is None else validate(frame, of_table)
        outcomes |= dict(zip(map(name_of, of_table), found, strict=True))
    return tuple(_result(one, outcomes[name_of(one)], numbers, examples) for one in asked)


def _frame(
    table: str, numbers: Mapping[str, float], tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame | None:
    if table == RATES:
        # Great Expectations skips missing values, so a number that is not known would pass.
        return pd.DataFrame([{name: n for name, n in numbers.items() if math.isfinite(n)}])
    if table == IMAGES:
        stats = tables["stats"]
        return tables["items"].merge(stats, on="id", how="left", suffixes=("", "_measured"))
    return tables.get(table)


def _result(
    one: Expectation,
    outcome: Outcome,
    numbers: Mapping[str, float],
    examples: Mapping[str, Sequence[int]],
) -> CheckResult:
    name, observed = name_of(one), outcome.observed
    if table_of(one) == RATES and one.column is not None:
        observed = numbers.get(one.column)
    value: Any = outcome.unexpected if observed is None else observed
    if check := CHECK_BY_NAME.get(name):
        limit = float(one.arguments.get("max_value", one.arguments.get("min_value", 0.0)))
        told, allowed = observed_words(check, value, limit), allowed_words(check, limit)
    else:
        told, allowed = _observed_in_words(outcome, observed), _allowed_in_words(one.arguments)
    errored = outcome.state is CheckState.ERRORED
    return CheckResult(
        name=name,
        title=check.title if check else one.description or _type_in_words(one),
        state=outcome.state,
        severity=one.severity,
        observed="" if errored else told,
        allowed=allowed,
        value=None if errored or not isinstance(value, (int, float)) else float(value),
        section=check.section if check else "",
        examples=tuple(examples.get(name, outcome.examples)[:EXAMPLES]),
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
