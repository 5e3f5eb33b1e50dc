"""Results of checks, apart from the library that computed them: ``checks.json`` and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from imgvet.check_options import FailOn
from imgvet.summary import Exact, Verdict, read_result
from imgvet.workdir import write_text

Severity = Literal["critical", "warning", "info"]

EXAMPLES = 20
"""Most ids of examples for one check."""


class CheckState(StrEnum):
    """A check passed, failed, or could not be computed."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"


class CheckResult(Exact):
    """One check of a dataset."""

    name: str
    """Stable identifier, such as ``invalid_rate``."""
    title: str
    state: CheckState
    severity: Severity
    observed: str
    """In words, such as ``1.25 %``; empty if errored."""
    allowed: str
    """In words, such as ``at most 1 %``."""
    value: float | None
    """The observed number, None if errored."""
    section: str
    """Anchor of the report's section with the evidence."""
    examples: tuple[int, ...] = ()
    """Ids of items that show the problem, at most :data:`EXAMPLES`."""
    detail: str = ""
    """Why it errored."""


_RESULTS = TypeAdapter(tuple[CheckResult, ...])


def write_results(results: Sequence[CheckResult], path: Path) -> None:
    """Write results as JSON, atomically."""
    write_text(path, _RESULTS.dump_json(tuple(results), indent=2).decode() + "\n")


def read_results(path: Path) -> tuple[CheckResult, ...]:
    """Read results that :func:`write_results` wrote; raises as :func:`read_result`."""
    return read_result(path, _RESULTS.validate_json)


def verdict(results: Iterable[CheckResult]) -> Verdict:
    """Failed with a failed critical check, else errored with an errored one, else with warnings.

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

    A gate that could not be checked is not passed.
    """
    severities = {"critical": ["critical"], "warning": ["critical", "warning"], "never": []}
    return any(
        result.severity in severities[fail_on] and result.state is not CheckState.PASSED
        for result in results
    )
