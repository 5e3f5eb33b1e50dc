"""Suites of Great Expectations: that of the checks with limits, and files that a team writes.

An entry of a file of a team says in its ``meta`` of which ``table`` it speaks, and may give itself
a ``name``; called as a check of imgvet it takes that one's place.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from imgvet.check_options import CheckLimits
from imgvet.errors import InputUnreadableError, InvalidParameterError, failing_as
from imgvet.parameters import Frozen, first_problem
from imgvet.quality.checks import CHECK_BY_NAME, CHECKS, Unit
from imgvet.quality.expectations import BETWEEN, Expectation, between, require_valid

COUNTED = (
    "items", "stats", "similarity", "outliers", "component_info", "leaks", "label_issues",
    "video_pairs",
)  # fmt: skip
"""The tables that are counted; the last three only if there are splits, labels or videos."""

IMAGES, RATES = "images", "rates"
"""What expectations may speak of besides: items with their stats, and one row of all that is
counted, and of the rates that are checked."""

TABLES = (IMAGES, RATES, *COUNTED)


class _Suite(Frozen):
    expectations: tuple[Expectation, ...]


def own_suite(limits: CheckLimits) -> tuple[Expectation, ...]:
    """The checks that have a limit, as a suite."""
    found = []
    for check in CHECKS:
        if check.limit:
            limit = float(getattr(limits, check.limit))
            low, high = (limit, None) if check.unit is Unit.IMAGES else (None, limit)
            meta = {"table": RATES, "name": check.name}
            severity, title = check.severity, check.title
            found.append(
                between(check.name, low, high, severity=severity, description=title, meta=meta)
            )
    return tuple(found)


def suite_text(suite: Iterable[Expectation]) -> str:
    """A suite as the JSON of Great Expectations."""
    entries = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in suite]
    return json.dumps({"name": "imgvet", "expectations": entries, "meta": {}}, indent=2)


def read_suite(source: str) -> tuple[Expectation, ...]:
    """The expectations of a file; what is wrong with one is told before anything is run.

    InputUnreadableError if it can't be read, InvalidParameterError if it is no suite, an
    expectation is unknown or makes no sense, or two are called the same.
    """
    problem = f"The expectations {source} can't be read"
    with failing_as(InputUnreadableError, problem, "Check the path"):
        data = Path(source).expanduser().read_bytes()
    try:
        value = json.loads(data)
        listed = value if isinstance(value, dict) else {"expectations": value}
        suite = _Suite.model_validate(listed).expectations
    except ValidationError as error:
        raise _wrong(source, first_problem(error)) from None
    except ValueError as error:
        raise _wrong(source, f"it is not JSON ({error})") from None
    for one in suite:
        try:
            _require_sensible(one)
            require_valid(one)
        except ValueError as error:
            raise _wrong(source, f"{name_of(one)}: {error}") from None
    if repeated := [name for name, number in Counter(map(name_of, suite)).items() if number > 1]:
        raise _wrong(source, f"two are called {repeated[0]}; give each a name in its meta")
    return suite


def merged(own: Sequence[Expectation], suite: Sequence[Expectation]) -> tuple[Expectation, ...]:
    """Our suite, with what another one calls the same in its place, and the rest of that."""
    theirs = {name_of(one): one for one in suite}
    taken = tuple(theirs.pop(name_of(one), one) for one in own)
    return (*taken, *theirs.values())


def _require_sensible(one: Expectation) -> None:
    """ValueError if it speaks of a table that is never there, or is called as a check it is not."""
    if table_of(one) not in TABLES:
        raise ValueError(f"there is no table {table_of(one)!r}, but {', '.join(TABLES)}")
    check = CHECK_BY_NAME.get(name_of(one))
    is_limit = (one.type, one.column, table_of(one)) == (BETWEEN, name_of(one), RATES)
    if check and not (check.limit and is_limit):
        raise ValueError("only a limit of this check may be called so; give it another name")


def _wrong(source: str, what: str) -> InvalidParameterError:
    return InvalidParameterError(
        f"expectations = {source!r}: {what}", "'imgvet checks export' prints one that can be read"
    )


def name_of(one: Expectation) -> str:
    """What its check is called: as its meta says, else by its type and column."""
    plain = f"{one.type.removeprefix('expect_')}({one.column or ''})".removesuffix("()")
    return str(one.meta.get("name") or plain)


def table_of(one: Expectation) -> str:
    """The table it speaks of."""
    return str(one.meta.get("table") or IMAGES)
