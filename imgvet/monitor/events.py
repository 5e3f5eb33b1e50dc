"""What is to be said of a run: alarms that are new, and all-clears of those that are over.

Events are plain data, ready to be sent by Prefect or by a notification service. An alarm that goes
on is not said again. The same run gives the same events however often it is asked, with the same
ids, so that whoever sends them can see that one was sent already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgvet.monitor import words
from imgvet.monitor.alarms import CHECK, RUN, alarms_after, is_watched
from imgvet.monitor.compare import DRIFT, Comparison, Finding
from imgvet.monitor.history import History
from imgvet.monitor.tally import RATE_BY_NAME, RATES
from imgvet.quality.result import CheckResult, Severity


@dataclass(frozen=True)
class Event:
    """One thing that a person wants to know.

    Attributes:
        name: what happened, such as ``imgvet.outlier-rate.jumped``.
        run_id: the run that showed it.
        dataset: what was analysed.
        keys: the alarms that it raises or ends.
        severity: how bad it is; info for an all-clear.
        all_clear: whether it ends alarms.
        title: one line for a person.
        body: a few short lines for a person.
        before: the rate before, None if it is not about a rate.
        after: the rate now.
        examples: names of images that show it, worst first.
    """

    name: str
    run_id: str
    dataset: str
    keys: tuple[str, ...]
    severity: Severity
    all_clear: bool
    title: str
    body: str
    before: float | None = None
    after: float | None = None
    examples: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The same for the same event of the same run."""
        return f"{self.run_id}/{self.name}"


def event_name(rate: str, *, all_clear: bool) -> str:
    """The name of the event of a rate, such as ``imgvet.outlier-rate.recovered``."""
    return f"imgvet.{rate.replace('_', '-')}.{'recovered' if all_clear else 'jumped'}"


EVENT_NAMES: tuple[str, ...] = (
    *(event_name(rate.name, all_clear=False) for rate in RATES),
    *(event_name(rate.name, all_clear=True) for rate in RATES),
    "imgvet.drift.detected",
    "imgvet.drift.ended",
    "imgvet.check.failed",
    "imgvet.check.recovered",
    "imgvet.run.failed",
    "imgvet.run.recovered",
)
"""Every name of an event."""


def events_of(history: History, comparison: Comparison) -> list[Event]:
    """What is to be said of a run.

    Args:
        history: the runs of the work dir; the run itself may be among them, as after a retry.
        comparison: the run.

    Returns:
        alarms that are new, then all-clears; at most one event of each name.
    """
    before = set(history.before(comparison.identity.run_id).alarms)
    after = set(alarms_after(before, comparison))
    raised, ended = sorted(after - before), sorted(before - after)
    if comparison.baseline is None:
        ended = [key for key in ended if not is_watched(key)]  # they lapse, which is no all-clear
    alarms = [
        *(
            _rate_event(rate.name, comparison, all_clear=False)
            for rate in RATES
            if rate.name in raised
        ),
        *_drift_events(raised, comparison, all_clear=False),
        *_check_events(raised, comparison, all_clear=False),
        *([_run_failed(comparison)] if RUN in raised else []),
    ]
    all_clears = [
        *(
            _rate_event(rate.name, comparison, all_clear=True)
            for rate in RATES
            if rate.name in ended
        ),
        *_drift_events(ended, comparison, all_clear=True),
        *_check_events(ended, comparison, all_clear=True),
        *([_run_recovered(comparison)] if RUN in ended else []),
    ]
    return [*alarms, *all_clears]


def _rate_event(name: str, comparison: Comparison, *, all_clear: bool) -> Event:
    rate = RATE_BY_NAME[name]
    found = [finding for finding in comparison.findings if finding.key == name]
    shown = found if all_clear else [finding for finding in found if finding.alarming]
    # New images say it best: theirs is the greater difference.
    best = max(shown, key=lambda finding: finding.effect)
    assert best.before is not None and best.after is not None  # noqa: S101, PT018
    examples = () if all_clear else comparison.examples.get(rate.count, ())
    say = words.rate_recovered if all_clear else words.rate_jumped
    title, body = say(rate, best, shown, comparison)
    return Event(
        name=event_name(name, all_clear=all_clear),
        run_id=comparison.identity.run_id,
        dataset=comparison.identity.dataset,
        keys=(name,),
        severity="info" if all_clear else rate.severity,
        all_clear=all_clear,
        title=title,
        body=body,
        before=best.before.rate,
        after=best.after.rate,
        examples=examples,
    )


def _drift_events(keys: Sequence[str], comparison: Comparison, *, all_clear: bool) -> list[Event]:
    """One event of all that drifts, or no longer drifts."""
    drifting = tuple(key for key in keys if key.startswith(DRIFT))
    if not drifting:
        return []
    found: list[Finding] = [item for item in comparison.findings if item.key in drifting]
    title, body = (
        words.drift_ended(drifting, comparison)
        if all_clear
        else words.drift_detected(found, comparison)
    )
    return [_event("drift", drifting, comparison, (title, body), all_clear=all_clear)]


def _check_events(keys: Sequence[str], comparison: Comparison, *, all_clear: bool) -> list[Event]:
    """One event of all checks that newly fail, or pass again."""
    names = tuple(key for key in keys if key.startswith(CHECK))
    if not names:
        return []
    failed = [check for check in comparison.failed_checks if f"{CHECK}{check.name}" in names]
    text = (
        words.checks_recovered([name.removeprefix(CHECK) for name in names], comparison)
        if all_clear
        else words.checks_failed(failed, comparison)
    )
    severity: Severity = "info" if all_clear else _worst(failed)
    return [_event("check", names, comparison, text, all_clear=all_clear, severity=severity)]


def _worst(checks: Sequence[CheckResult]) -> Severity:
    order: tuple[Severity, ...] = ("critical", "warning", "info")
    return min((check.severity for check in checks), key=order.index, default="warning")


def _run_failed(comparison: Comparison) -> Event:
    text = words.run_failed(comparison)
    return _event("run", (RUN,), comparison, text, all_clear=False, severity="critical")


def _run_recovered(comparison: Comparison) -> Event:
    return _event("run", (RUN,), comparison, words.run_recovered(comparison), all_clear=True)


_ENDINGS = {
    "drift": ("detected", "ended"),
    "check": ("failed", "recovered"),
    "run": ("failed", "recovered"),
}


def _event(
    kind: str,
    keys: tuple[str, ...],
    comparison: Comparison,
    text: tuple[str, str],
    *,
    all_clear: bool,
    severity: Severity | None = None,
) -> Event:
    return Event(
        name=f"imgvet.{kind}.{_ENDINGS[kind][all_clear]}",
        run_id=comparison.identity.run_id,
        dataset=comparison.identity.dataset,
        keys=keys,
        severity=severity or ("info" if all_clear else "warning"),
        all_clear=all_clear,
        title=text[0],
        body=text[1],
    )
