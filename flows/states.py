"""The state in which a monitored run ends: never a plain success if there is something to say."""

from __future__ import annotations

from typing import Generic, TypeVar

from prefect import State
from prefect.states import Completed, Failed

from imgvet.errors import ImgvetError
from imgvet.summary import RunSummary, Verdict
from imgvet.summary_text import VERDICT_WORDS

Result = TypeVar("Result")

STATE_NAMES: dict[Verdict, str] = {
    Verdict.PASSED: "Completed",
    Verdict.WARNINGS: "Warnings",
    Verdict.FAILED: "ChecksFailed",
    Verdict.ERRORED: "ChecksErrored",
}
"""Name of the state for each verdict."""

ALARMS = "Alarms"
"""Name of the state of a run that passes its checks while an alarm is on."""


class ChecksFailedError(ImgvetError, Generic[Result]):
    """Checks failed, and ``fail_on`` makes that a failure of the run, whose results are complete.

    Attributes:
        result: what the flow returns otherwise.
    """

    def __init__(self, problem: str, result: Result) -> None:
        super().__init__(problem)
        self.result = result


def final_state(
    result: Result, summary: RunSummary, alarms: tuple[str, ...], *, failed: bool
) -> State[Result]:
    """The state of a run that finished.

    Args:
        result: what the flow returns.
        summary: what the run found.
        alarms: alarms that are on; those of failed checks among them.
        failed: whether ``fail_on`` makes it a failure.
    """
    name = STATE_NAMES[summary.verdict]
    if alarms and summary.verdict is Verdict.PASSED:
        name = ALARMS
    message = f"Dataset {VERDICT_WORDS[summary.verdict]}."
    if alarms:
        message += f" Alarms on: {', '.join(alarms)}."
    if failed:
        error = ChecksFailedError(message.removesuffix("."), result)
        return Failed(name=name, message=message, data=error)
    return Completed(name=name, message=message, data=result)
