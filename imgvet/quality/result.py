"""Results of checks, apart from the library that computed them: ``checks.json`` and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from imgvet.options import FailOn
from imgvet.summary import Verdict
from imgvet.workdir import write_text

Severity = Literal["critical", "warning", "info"]


class CheckState(StrEnum):
    """A check passed, failed, or could not be computed."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"


class CheckResult(BaseModel):
    """One check of a dataset.

    Attributes:
        name: stable identifier, such as ``invalid_rate``.
        title: its name for a person.
        state: passed, failed or errored.
        severity: how bad a failure is.
        observed: the observed value in words, such as ``1.25 %``; empty if errored.
        allowed: what is allowed, in words, such as ``at most 1 %``.
        value: the observed number, None if errored.
        section: anchor of the report's section with the evidence.
        examples: ids of items that show the problem, at most 20.
        detail: why it errored, else empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    state: CheckState
    severity: Severity
    observed: str
    allowed: str
    value: float | None
    section: str
    examples: tuple[int, ...] = ()
    detail: str = ""


_RESULTS = TypeAdapter(tuple[CheckResult, ...])


def write_results(results: Sequence[CheckResult], path: Path) -> None:
    """Write results as JSON, atomically."""
    write_text(path, _RESULTS.dump_json(tuple(results), indent=2).decode() + "\n")


def read_results(path: Path) -> tuple[CheckResult, ...]:
    """Read results that :func:`write_results` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        pydantic.ValidationError: the file holds something else.
    """
    return _RESULTS.validate_json(path.read_bytes())


_SEVERITIES: dict[FailOn, frozenset[Severity]] = {
    "critical": frozenset({"critical"}),
    "warning": frozenset({"critical", "warning"}),
    "never": frozenset(),
}
"""For each ``fail_on`` the severities that count."""


def verdict(results: Iterable[CheckResult]) -> Verdict:
    """The verdict on the dataset.

    ===========================  =========
    the results contain          verdict
    ===========================  =========
    a failed critical check      failed
    else any errored check       errored
    else a failed warning check  warnings
    else                         passed
    ===========================  =========

    A failed check of severity ``info`` does not change the verdict.
    """
    outcomes = {(result.state, result.severity) for result in results}
    if (CheckState.FAILED, "critical") in outcomes:
        return Verdict.FAILED
    if any(state is CheckState.ERRORED for state, _ in outcomes):
        return Verdict.ERRORED
    if (CheckState.FAILED, "warning") in outcomes:
        return Verdict.WARNINGS
    return Verdict.PASSED


def fails(results: Iterable[CheckResult], fail_on: FailOn) -> bool:
    """Whether the run must exit with :data:`imgvet.errors.EXIT_CHECKS_FAILED`.

    A check that errored counts like one that failed: a gate that could not be checked is not
    passed.
    """
    counted = _SEVERITIES[fail_on]
    return any(
        result.severity in counted and result.state is not CheckState.PASSED for result in results
    )
