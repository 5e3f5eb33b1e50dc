"""Which alarms are on: made from the history and the run alone, so a restart changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from imgvet.monitor.compare import DRIFT, Comparison
from imgvet.monitor.tally import RATE_BY_NAME

RUN = "run"
"""The key of a failed run."""

CHECK = "check:"
"""Start of the keys of failed checks; the check's name follows."""


def is_watched(key: str) -> bool:
    """Whether an alarm comes from comparing with a baseline."""
    return key in RATE_BY_NAME or key.startswith(DRIFT)


def alarms_after(before: Iterable[str], comparison: Comparison) -> tuple[str, ...]:
    """The alarms that are on after a run, sorted.

    Alarms that come from comparing lapse when nothing was compared: what they said was said of
    other parameters or of another baseline. A failed run says nothing new of the dataset.

    Args:
        before: those that were on before it.
        comparison: the run.
    """
    if comparison.status == "failed":
        return tuple(sorted({*before, RUN}))
    checks = {f"{CHECK}{check.name}" for check in comparison.failed_checks}
    raised = {finding.key for finding in comparison.findings if finding.alarming}
    return tuple(sorted(checks | raised | _staying(before, comparison)))


def _staying(before: Iterable[str], comparison: Comparison) -> set[str]:
    if comparison.baseline is None:
        return set()
    lasting = {finding.key for finding in comparison.findings if finding.lasting}
    return {
        key
        for key in before
        if is_watched(key) and (key in lasting or key not in comparison.judged)
    }


def is_in_order(alarms: Iterable[str]) -> bool:
    """Whether no alarm is on that comes from comparing."""
    return not any(is_watched(key) for key in alarms)
