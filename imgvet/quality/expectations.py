"""The only module that knows Great Expectations: bounds on the columns of a frame, validated.

Great Expectations is used without anything that outlives the call: an ephemeral context, no
project folder, no data docs, no progress bars, no telemetry. It is imported by the first call,
because that takes seconds.

Its current project is one global per process, so only one thread, one task of a run, may validate
at a time.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import LazyLoader, find_spec, module_from_spec
from typing import TYPE_CHECKING, Any

import pandas as pd

from imgvet.quality.result import EXAMPLES, CheckState

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.expectations.expectation import Expectation

_ANALYTICS = "GX_ANALYTICS_ENABLED"


@dataclass(frozen=True)
class Expected:
    """What is expected of the values of a column."""

    column: str
    bounds: tuple[float | None, float | None] | None = None
    """Values that are there lie between them, both allowed; with None no value may be missing."""


@dataclass(frozen=True)
class Outcome:
    """How a frame meets one expectation."""

    state: CheckState
    unexpected: int = 0
    """Number of values that do not meet it."""
    examples: tuple[int, ...] = ()
    """Ids of the first rows with such a value; empty if the frame has no column ``id``."""
    detail: str = ""
    """Why it errored."""


def load() -> None:
    """Import Great Expectations now, while nothing else is waiting for it."""
    with _great_expectations():
        pass


def validate(frame: pd.DataFrame, expected: Sequence[Expected]) -> list[Outcome]:
    """How a frame meets each of some expectations; its column ``id``, of integers, names the rows.

    One that can't be computed (its column is missing or holds something else than numbers) is
    errored and affects no other.
    """
    with _great_expectations():
        batch = _batch(frame)
        named = {"unexpected_index_column_names": ["id"]} if "id" in frame.columns else {}
        # Counts and the first rows, not the list of all unexpected values.
        form = {"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES, **named}
        # One by one: what can't be computed may lend its exception to other results of a suite
        # (great_expectations issue 10713).
        return [
            _outcome(batch.validate(_expectation(one), result_format=form))
            if one.column in frame.columns
            else Outcome(CheckState.ERRORED, detail=f"there is no column {one.column!r}")
            for one in expected
        ]


def _batch(frame: pd.DataFrame) -> Batch:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("imgvet").add_dataframe_asset("frame")
    definition = asset.add_batch_definition_whole_dataframe("all rows")
    return definition.get_batch(batch_parameters={"dataframe": frame})


def _expectation(expected: Expected) -> Expectation:
    from great_expectations.expectations.core.expect_column_values_to_be_between import (
        ExpectColumnValuesToBeBetween,
    )
    from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
        ExpectColumnValuesToNotBeNull,
    )

    if expected.bounds is None:
        return ExpectColumnValuesToNotBeNull(column=expected.column)
    low, high = expected.bounds
    return ExpectColumnValuesToBeBetween(column=expected.column, min_value=low, max_value=high)


def _outcome(result: ExpectationValidationResult) -> Outcome:
    info: dict[str, Any] = result.exception_info or {}
    # One record, or, for an exception inside a metric, one for each metric (issue 10849).
    records = [info] if "raised_exception" in info else list(info.values())
    raised = [str(one["exception_message"]) for one in records if one["raised_exception"]]
    if raised or "unexpected_count" not in result.result:
        detail = raised[0].strip().partition("\n")[0] if raised else "no result"
        return Outcome(CheckState.ERRORED, detail=detail)
    rows: Iterable[dict[str, Any]] = result.result.get("partial_unexpected_index_list") or ()
    return Outcome(
        CheckState.PASSED if result.success else CheckState.FAILED,
        unexpected=int(result.result["unexpected_count"]),
        examples=tuple(int(row["id"]) for row in rows if isinstance(row, dict)),
    )


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
        # It imports google.api_core where Ray brought it along.
        warnings.filterwarnings("ignore", "Please install grpcio-status", ImportWarning)
        _import_when_used("scipy", "stats")  # a quarter of the whole, for checks not used here
        import great_expectations  # noqa: F401

        if warnings.showwarning is not show:  # it sends all warnings of the process to a log
            logging.captureWarnings(False)


def _import_when_used(package: str, name: str) -> None:
    """Let a module of a package be imported by the first use of what is in it."""
    full = f"{package}.{name}"
    spec = None if full in sys.modules else find_spec(full)
    if spec is None or spec.loader is None:
        return
    spec.loader = LazyLoader(spec.loader)
    sys.modules[full] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    # Where it is missing, "from package import name" would import it.
    setattr(sys.modules[package], name, module)
