"""The state in which a monitored run ends: never a plain success if there is something to say."""

from __future__ import annotations

from prefect import State
from prefect.states import Completed, Failed

from imgvet.errors import ImgvetError
from imgvet.summary import Verdict
from imgvet.summary_text import VERDICT_WORDS
from imgvet.tasks.monitoring import Monitored

STATE_NAMES: dict[Verdict, str] = {
    Verdict.PASSED: "Completed",
    Verdict.WARNINGS: "Warnings",
    Verdict.FAILED: "ChecksFailed",
    Verdict.ERRORED: "ChecksErrored",
}
"""Name of the state for each verdict."""

ALARMS = "Alarms"
"""Name of the state of a run that passes its checks while an alarm is on."""


class ChecksFailedError(ImgvetError):
    """Checks failed, and ``fail_on`` makes that a failure of the run, whose results are complete.

    Attributes:
        result: what the flow returns otherwise.
    """

    def __init__(self, problem: str, result: Monitored) -> None:
        super().__init__(problem)
        self.result = result


def final_state(result: Monitored, verdict: Verdict, *, failed: bool) -> State[Monitored]:
    """The state of a run that finished.

    Args:
        result: what the flow returns.
        verdict: how the checks ended.
        failed: whether ``fail_on`` makes it a failure.
    """
    alarms = result.run.alarms
    name = ALARMS if alarms and verdict is Verdict.PASSED else STATE_NAMES[verdict]
    message = f"Dataset {VERDICT_WORDS[verdict]}."
    if alarms:
        message += f" Alarms on: {', '.join(alarms)}."
    if failed:
        error = ChecksFailedError(message.removesuffix("."), result)
        return Failed(name=name, message=message, data=error)
    return Completed(name=name, message=message, data=result)
