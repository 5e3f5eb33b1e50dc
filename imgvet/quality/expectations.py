"""The only module that knows Great Expectations: what is expected of a frame, validated.

Great Expectations is used without anything that outlives the call: an ephemeral context, no
project folder, no data docs, no progress bars, no telemetry. It is imported by the first call,
because that takes seconds.

Its current project is one global per process, so only one thread, one task of a run, may validate
at a time.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from importlib.util import LazyLoader, find_spec, module_from_spec
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import AliasChoices, Field

from imgvet.parameters import Frozen
from imgvet.quality.result import EXAMPLES, CheckState, Severity

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.datasource.fluent.interfaces import Batch


class Expectation(Frozen):
    """What is expected of a frame: one entry of a suite, as Great Expectations writes it."""

    type: str
    """Such as ``expect_column_mean_to_be_between``."""
    arguments: dict[str, Any] = Field(
        validation_alias=AliasChoices("kwargs", "arguments"), serialization_alias="kwargs"
    )
    severity: Severity = "critical"
    description: str | None = None
    meta: Mapping[str, Any] = {}

    @property
    def column(self) -> str | None:
        """The column that it is about, None if it is about several or all."""
        return self.arguments.get("column")


BETWEEN = "expect_column_values_to_be_between"


def between(column: str, low: float | None, high: float | None, **more: Any) -> Expectation:
    """Values that are there lie between two bounds, both allowed."""
    bounds = {"min_value": low, "max_value": high}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    arguments = {"column": column, **given}
    return Expectation(type=BETWEEN, arguments=arguments, **more)


@dataclass(frozen=True)
class Outcome:
    """How a frame meets one expectation."""

    state: CheckState
    unexpected: int | None = 0
    """Number of values that do not meet it; None if it is not about single ones."""
    of: int = 0
    """Of how many."""
    observed: object = None
    """What was observed where it is not about single values, such as a mean."""
    examples: tuple[int, ...] = ()
    """Ids of the first rows with such a value; empty if the frame has no column ``id``."""
    detail: str = ""
    """Why it errored."""


def load() -> None:
    """Import Great Expectations now, while nothing else is waiting for it."""
    with _great_expectations():
        pass


def require_valid(expectation: Expectation) -> None:
    """ValueError, with what is wrong, if Great Expectations can't make sense of an expectation."""
    from pydantic.v1 import ValidationError

    with _great_expectations():
        from great_expectations.exceptions.exceptions import GreatExpectationsError

        try:
            _configured(expectation)
        except ValidationError as error:
            first = error.errors()[0]
            where = ", ".join(str(part) for part in first["loc"] if part != "__root__")
            raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from None
        except (GreatExpectationsError, TypeError, ValueError) as error:
            raise ValueError(str(error).splitlines()[0]) from None


def validate(frame: pd.DataFrame, expected: Sequence[Expectation]) -> list[Outcome]:
    """How a frame meets each of some expectations; its column ``id``, of integers, names the rows.

    One that can't be computed (its column is missing or holds something else than numbers) is
    errored and affects no other.
    """
    with _great_expectations(), warnings.catch_warnings():
        # It hands regular expressions with groups to pandas, which wonders.
        warnings.filterwarnings("ignore", "This pattern is interpreted as a regular", UserWarning)
        batch = _batch(frame)
        named = {"unexpected_index_column_names": ["id"]} if "id" in frame.columns else {}
        # Counts and the first rows, not the list of all unexpected values.
        form = {"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES, **named}
        known = {
            place: one
            for place, one in enumerate(expected)
            if one.column is None or one.column in frame.columns
        }
        met = _met_together(batch, known)
        return [
            met[place]
            if place in met
            else _outcome(batch.validate(_configured(one), result_format=form))
            if place in known
            else Outcome(CheckState.ERRORED, detail=f"there is no column {one.column!r}")
            for place, one in enumerate(expected)
        ]


def _met_together(batch: Batch, expected: Mapping[int, Expectation]) -> dict[int, Outcome]:
    """Which of some expectations all rows meet, found at once: that takes half as long.

    The others are judged one by one: what can't be computed may lend its exception to other
    results of a suite (great_expectations issue 10713).
    """
    from great_expectations import ExpectationSuite

    asked = [_configured(one, place=place) for place, one in expected.items()]
    suite = ExpectationSuite("imgvet", expectations=asked)
    met = {}
    for result in batch.validate(suite, result_format="BASIC").results:
        outcome = _outcome(result)
        passed = outcome.state is CheckState.PASSED and not outcome.unexpected
        if passed and result.expectation_config:
            met[result.expectation_config.meta["place"]] = outcome
    return met


def _batch(frame: pd.DataFrame) -> Batch:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("imgvet").add_dataframe_asset("frame")
    definition = asset.add_batch_definition_whole_dataframe("all rows")
    return definition.get_batch(batch_parameters={"dataframe": frame})


def _configured(expected: Expectation, **meta: int) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    kwargs = expected.arguments
    return ExpectationConfiguration(type=expected.type, kwargs=kwargs, meta=meta).to_domain_obj()


def _outcome(result: ExpectationValidationResult) -> Outcome:
    info: dict[str, Any] = result.exception_info or {}
    # One record, or, for an exception inside a metric, one for each metric (issue 10849).
    records = [info] if "raised_exception" in info else list(info.values())
    raised = [str(one["exception_message"]) for one in records if one["raised_exception"]]
    found: dict[str, Any] = result.result
    if raised or not found.keys() & {"unexpected_count", "observed_value"}:
        detail = raised[0].strip().partition("\n")[0] if raised else "no result"
        return Outcome(CheckState.ERRORED, detail=detail)
    rows: Iterable[dict[str, Any]] = found.get("partial_unexpected_index_list") or ()
    unexpected = found.get("unexpected_count")
    return Outcome(
        CheckState.PASSED if result.success else CheckState.FAILED,
        unexpected=None if unexpected is None else int(unexpected),
        of=int(found.get("element_count", 0)),
        observed=found.get("observed_value"),
        examples=tuple(int(row["id"]) for row in rows if isinstance(row, dict) and "id" in row),
    )


@contextmanager
def _great_expectations() -> Iterator[None]:
    """Import Great Expectations quietly; leave the process as it was."""
    # This module of it logs at INFO by itself, which any handler of the root logger then shows.
    logger = logging.getLogger("great_expectations.data_context.types.base")
    level, show = logger.level, warnings.showwarning
    try:
        with warnings.catch_warnings():
            # It imports sre_constants and sre_parse, which Python has deprecated.
            warnings.filterwarnings("ignore", "module 'sre_.*' is deprecated", DeprecationWarning)
            # It imports google.api_core where Ray brought it along.
            warnings.filterwarnings("ignore", "Please install grpcio-status", ImportWarning)
            # In a notebook without ipywidgets tqdm misses bars, which are not shown here.
            warnings.filterwarnings("ignore", "IProgress not found", Warning)
            _import_when_used("scipy", "stats")  # a quarter of the whole, for checks not used here
            with _fields_not_copied_deeply():
                import great_expectations  # noqa: F401

            if warnings.showwarning is not show:  # it sends all warnings of the process to a log
                logging.captureWarnings(False)
        logger.setLevel(logging.WARNING)
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _fields_not_copied_deeply() -> Iterator[None]:
    """Spare models of pydantic 1 that are made meanwhile the copies of all that fields hold.

    Each takes over the fields of its bases so, hundreds of them: a third of the import.
    """
    from pydantic.v1.fields import ModelField

    def copied(field: ModelField, _: object) -> ModelField:
        own = copy(field)
        own.class_validators = dict(field.class_validators)  # a model adds to what it takes over
        own.field_info = copy(field.field_info)
        return own

    ModelField.__deepcopy__ = copied  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del ModelField.__deepcopy__  # type: ignore[attr-defined]


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
