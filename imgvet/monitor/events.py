"""What is to be said of a run: alarms that are new, and all-clears of those that are over.

An alarm that goes on is not said again. Texts read well on a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple, get_args

from imgvet.foreign import visible
from imgvet.format import filled
from imgvet.metrics import METRIC_BY_NAME
from imgvet.monitor.alarms import CHECK, DRIFT, GROWN, LOST, RUN, STALE, name_of
from imgvet.monitor.compare import Comparison
from imgvet.monitor.history import Event, Run
from imgvet.monitor.rates import RATES, WatchedRate
from imgvet.quality.checks import CHECK_BY_NAME
from imgvet.quality.result import CheckResult, Severity

ALARMS, ALL_CLEARS = "imgvet.run.alarms", "imgvet.run.all-clears"
"""Names of the events that stand for a whole message: that of one run."""

EXAMPLES = 10  # images that an event names
_SHOWN = 3


class Kind(NamedTuple):
    """Alarms that are told of in one event, as are their ends, in the words of ``event.txt``."""

    start: str
    """Of their keys; of a rate it is the key."""
    raised: str
    over: str
    """The names of the events that tell of them and of their end."""
    about: str
    rate: WatchedRate | None = None


def alarms_after(comparison: Comparison) -> tuple[str, ...]:
    """The alarms that are on after a run, sorted.

    What could not be judged stays on, and so does what is only a little better. A failed run says
    nothing new of the dataset.
    """
    if comparison.run.status == "failed":
        return tuple(sorted({*comparison.run.alarms, RUN}))
    findings = comparison.findings
    lasting = {finding.key for finding in findings if finding.lasting}
    over = {RUN, *(finding.key for finding in findings)} - lasting
    # Checks are judged in every run; without new images there are none that drift.
    ending = CHECK if comparison.run.new_images else (CHECK, DRIFT)
    on = {key for key in comparison.run.alarms if key not in over and not key.startswith(ending)}
    on |= {f"{CHECK}{check.name}" for check in comparison.failed_checks}
    on |= {finding.key for finding in findings if finding.alarming}
    return tuple(sorted(on))


def with_events(comparison: Comparison) -> Run:
    """The run with the alarms on after it, and what is to be said after what still waits."""
    run, said = comparison.run, events_of(comparison)
    names = {event.name for event in said}
    waiting = (event for event in run.events if event.name not in names)
    update = {
        "alarms": alarms_after(comparison),
        "events": (*waiting, *said),
        "deliveries": tuple(entry for entry in run.deliveries if entry.event not in names),
    }
    return run.model_copy(update=update)


def events_of(comparison: Comparison) -> tuple[Event, ...]:
    """What is to be said of a run: alarms that are new, then all-clears; one of each name."""
    before, after = set(comparison.run.alarms), set(alarms_after(comparison))
    return tuple(
        _event(kind, found, comparison, raised=raised)
        for keys, raised in ((after - before, True), (before - after, False))
        for kind in KINDS
        if (found := sorted(key for key in keys if key.startswith(kind.start)))
    )


def _event(kind: Kind, keys: Sequence[str], comparison: Comparison, *, raised: bool) -> Event:
    found = [finding for finding in comparison.findings if finding.key in keys]
    if raised:
        found.sort(key=lambda finding: -finding.effect)
    most = comparison.finding(kind.start) if kind.rate else None
    checks = [one for one in comparison.failed_checks if f"{CHECK}{one.name}" in keys]
    of_rate = comparison.counted["alarm"] == kind.start
    examples = comparison.counted["filename"][of_rate][:EXAMPLES] if raised else ()
    text = filled(
        "event.txt",
        kind=kind.start,
        rate=kind.rate,
        raised=raised,
        found=found,
        most=most,
        names=[name_of(key) for key in keys],
        named=[name_of(finding.key) for finding in found],
        examples=[visible(PurePosixPath(name).name) for name in examples[:_SHOWN]],
        checks=checks,
        failing=len(comparison.failed_checks),
        notice=comparison.run.notice,
        called=name_of,
        metrics=METRIC_BY_NAME,
    )
    title, *lines = text.removesuffix("\n").split("\n")
    dataset = visible(comparison.run.dataset)
    return Event(
        name=kind.raised if raised else kind.over,
        alarms=tuple(keys),
        severity=_severity(kind, checks) if raised else "info",
        all_clear=not raised,
        title=f"{dataset}: {title[:1].lower()}{title[1:]}" if dataset else title,
        about=kind.about,
        body="\n".join(lines),
        before=most.before.rate if most else None,
        after=most.after.rate if most else None,
        examples=tuple(examples),
    )


def _severity(kind: Kind, checks: Sequence[CheckResult]) -> Severity:
    """How severe alarms are: as the check of a rate, or the worst of the checks that failed."""
    if kind.start == CHECK:
        return min((check.severity for check in checks), key=get_args(Severity).index)
    severities: dict[str, Severity] = {name: one.severity for name, one in CHECK_BY_NAME.items()}
    return (severities | {RUN: "critical"}).get(kind.start, "warning")


def _of_rate(rate: WatchedRate) -> Kind:
    name = f"imgvet.{rate.name.replace('_', '-')}"
    return Kind(rate.name, f"{name}.jumped", f"{name}.recovered", name_of(rate.name), rate)


KINDS = (
    *map(_of_rate, RATES),
    Kind(LOST, "imgvet.images.lost", "imgvet.images.back", "lost images"),
    Kind(GROWN, "imgvet.images.grown", "imgvet.images.shrunk", "growth"),
    Kind(STALE, "imgvet.images.stale", "imgvet.images.fresh", "new images"),
    Kind(DRIFT, "imgvet.drift.detected", "imgvet.drift.ended", "drift"),
    Kind(CHECK, "imgvet.check.failed", "imgvet.check.recovered", "checks"),
    Kind(RUN, "imgvet.run.failed", "imgvet.run.recovered", "runs"),
)
