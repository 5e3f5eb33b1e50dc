"""What the results of the checks mean for the dataset and for the exit code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from imgvet.quality.result import CheckResult, CheckState, Severity
from imgvet.summary import Verdict

FailOn = Literal["critical", "warning", "never"]

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
