"""The result of one check, apart from the library that computed it. Written to ``checks.json``."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

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
