"""The only module that knows Great Expectations: bounds on the columns of a frame, validated.

Great Expectations is used without anything that outlives the call: an ephemeral context, no
project folder, no data docs, no progress bars, no telemetry. It is imported by the first call,
because that takes seconds.

Threads: its current project is one global per process, so only one thread may validate at a time.
Call this from one task of a run.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from imgvet.quality.result import CheckState, Severity

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.expectations.expectation import Expectation

EXAMPLES = 20
"""Most ids of examples for one check."""

_ANALYTICS = "GX_ANALYTICS_ENABLED"


@dataclass(frozen=True)
class Between:
    """Every value of a column, missing ones apart, lies between low and high, both allowed.

    ``None`` is no bound; at least one is needed.
    """

    column: str
    low: float | None
    high: float | None
    severity: Severity


@dataclass(frozen=True)
class Complete:
    """No value of a column is missing (NaN, NA or None)."""

    column: str
    severity: Severity


Bounds = Between | Complete


@dataclass(frozen=True)
class Outcome:
    """How a frame meets one expectation.

    Attributes:
        state: passed, failed or errored.
        unexpected: number of values that do not meet it.
        examples: ids of the first rows with such a value, at most ``EXAMPLES``; empty if the frame
            has no column ``id``.
        detail: why it errored, else empty.
    """

    state: CheckState
    unexpected: int = 0
    examples: tuple[int, ...] = ()
    detail: str = ""


def load() -> None:
    """Import Great Expectations now, while nothing else is waiting for it."""
    with _great_expectations():
        pass


def validate(frame: pd.DataFrame, bounds: Sequence[Bounds]) -> tuple[Outcome, ...]:
    """Validate the columns of a frame.

    Args:
        frame: the values; a column ``id`` of integers names the rows.
        bounds: what is expected.

    Returns:
        One outcome for each of ``bounds``, in their order. One that can't be computed (its column
        is missing or holds something else than numbers) is errored and affects no other.
    """
    outcomes = {
        index: Outcome(CheckState.ERRORED, detail=f"there is no column {bound.column!r}")
        for index, bound in enumerate(bounds)
        if bound.column not in frame.columns
    }
    present = [index for index in range(len(bounds)) if index not in outcomes]
    if present:
        outcomes |= _validate_present(frame, {index: bounds[index] for index in present})
    return tuple(outcomes[index] for index in range(len(bounds)))


def _validate_present(frame: pd.DataFrame, bounds: dict[int, Bounds]) -> dict[int, Outcome]:
    """Validate bounds whose columns exist. Results come back in any order, hence the index."""
    with _great_expectations():
        import great_expectations as gx

        batch = _batch(frame)
        expectations = {index: _expectation(bound, index) for index, bound in bounds.items()}
        suite = gx.ExpectationSuite(name="imgvet", expectations=list(expectations.values()))
        report = batch.validate(suite, result_format=_result_format(frame))
        results = {_index(result): result for result in report.results}
        for index in bounds:
            # A metric that can't be computed may lend its exception to other results
            # (great_expectations issue 10713): only an expectation that errs alone has erred.
            if _exceptions(results[index]):
                alone = batch.validate(expectations[index], result_format=_result_format(frame))
                results[index] = alone
        return {index: _outcome(results[index]) for index in bounds}


def _batch(frame: pd.DataFrame) -> Batch:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("imgvet").add_dataframe_asset("frame")
    definition = asset.add_batch_definition_whole_dataframe("all rows")
    return definition.get_batch(batch_parameters={"dataframe": frame})


def _expectation(bound: Bounds, index: int) -> Expectation:
    from great_expectations.expectations.core.expect_column_values_to_be_between import (
        ExpectColumnValuesToBeBetween,
    )
    from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
        ExpectColumnValuesToNotBeNull,
    )

    common: dict[str, Any] = {
        "column": bound.column, "severity": bound.severity, "meta": {"index": index},
    }  # fmt: skip
    if isinstance(bound, Complete):
        return ExpectColumnValuesToNotBeNull(**common)
    return ExpectColumnValuesToBeBetween(min_value=bound.low, max_value=bound.high, **common)


def _index(result: ExpectationValidationResult) -> int:
    """The index that :func:`_expectation` gave the expectation of this result."""
    if result.expectation_config is None or not result.expectation_config.meta:
        raise LookupError("a validation result does not say which expectation it is of")
    return int(result.expectation_config.meta["index"])


def _result_format(frame: pd.DataFrame) -> dict[str, Any]:
    """Counts and the first rows, not the list of all unexpected values."""
    named = {"unexpected_index_column_names": ["id"]} if "id" in frame.columns else {}
    return {"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES, **named}


def _outcome(result: ExpectationValidationResult) -> Outcome:
    exceptions = _exceptions(result)
    if exceptions or "unexpected_count" not in result.result:
        return Outcome(CheckState.ERRORED, detail=exceptions[0] if exceptions else "no result")
    rows: Iterable[dict[str, Any]] = result.result.get("partial_unexpected_index_list") or ()
    return Outcome(
        CheckState.PASSED if result.success else CheckState.FAILED,
        unexpected=int(result.result["unexpected_count"]),
        examples=tuple(int(row["id"]) for row in rows if isinstance(row, dict)),
    )


def _exceptions(result: ExpectationValidationResult) -> list[str]:
    """First lines of the exceptions of a result.

    ``exception_info`` is one record, or, for an exception inside a metric, one for each metric
    (great_expectations issue 10849).
    """
    info: dict[str, Any] = result.exception_info or {}
    records = [info] if "raised_exception" in info else list(info.values())
    return [
        str(record["exception_message"]).strip().partition("\n")[0]
        for record in records
        if record["raised_exception"]
    ]


@contextmanager
def _great_expectations() -> Iterator[None]:
    """Import Great Expectations quietly and without telemetry; leave the process as it was."""
    before = os.environ.get(_ANALYTICS)
    os.environ[_ANALYTICS] = "false"
    # This module of it logs at INFO by itself, which any handler of the root logger then shows.
    logger = logging.getLogger("great_expectations.data_context.types.base")
    level = logger.level
    try:
        _import()
        logger.setLevel(logging.WARNING)
        yield
    finally:
        logger.setLevel(level)
        if before is None:
            del os.environ[_ANALYTICS]
        else:
            os.environ[_ANALYTICS] = before


def _import() -> None:
    """Import it, undoing what the import does to the process."""
    show = warnings.showwarning
    with warnings.catch_warnings():
        # It imports sre_constants and sre_parse, which Python has deprecated.
        warnings.filterwarnings("ignore", "module 'sre_.*' is deprecated", DeprecationWarning)
        import great_expectations  # noqa: F401

        if warnings.showwarning is not show:  # it sends all warnings of the process to a log
            logging.captureWarnings(False)
