"""The state in which a run ends: named as what was found, and a failure if that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar, cast

from prefect.states import Completed, Failed

from imgvet.errors import ImgvetError
from imgvet.summary import Verdict

STATE_NAMES: dict[Verdict, str] = {
    Verdict.PASSED: "Completed",
    Verdict.WARNINGS: "Warnings",
    Verdict.FAILED: "ChecksFailed",
    Verdict.ERRORED: "ChecksErrored",
}

ALARMS = "Alarms"
"""Name of the state of a run that passes its checks while an alarm is on."""

Result = TypeVar("Result")


class ChecksFailedError(ImgvetError, Generic[Result]):
    """What was found is a failure of the run by its parameters; its results are complete."""

    def __init__(self, problem: str, result: Result) -> None:
        super().__init__(problem)
        self.result = result


def completed(result: Result, message: str, name: str = "Completed") -> Result:
    """The result of a flow with its last state: Prefect takes the state, its caller the result."""
    return cast("Result", Completed(name=name, message=message, data=result))


def end(
    verdict: Verdict,
    result: Result,
    alarms: Sequence[str] = (),
    lost: Sequence[str] = (),
    *,
    failed: bool,
) -> Result:
    """The result of a run with its last state; one that failed raises ChecksFailedError with it.

    ``lost`` are lines on messages that did not arrive, which is a warning.
    """
    name = STATE_NAMES[verdict]
    if verdict is Verdict.PASSED and (alarms or lost):
        name = ALARMS if alarms else STATE_NAMES[Verdict.WARNINGS]
    message = f"Dataset {verdict.meaning}."
    if alarms:
        message += f" Alarms on: {', '.join(alarms)}."
    message += "".join(f" {line}." for line in lost)
    if failed:
        error = ChecksFailedError(message.removesuffix("."), result)
        return cast("Result", Failed(name=name, message=message, data=error))
    return completed(result, message, name)
