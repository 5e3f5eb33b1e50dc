"""What is to be said of a run: alarms that are new, and all-clears of those that are over.

An alarm that goes on is not said again. Texts read well on a phone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import get_args

from imgvet.format import counted, listed, rough_percent
from imgvet.metrics import METRIC_BY_NAME
from imgvet.monitor.compare import Comparison, Finding
from imgvet.monitor.history import DRIFT, EMBEDDINGS, LOST, STALE, Event
from imgvet.monitor.images import SHIFTING
from imgvet.monitor.rates import RATES, WatchedRate
from imgvet.quality.checks import CHECK_BY_NAME
from imgvet.quality.result import CheckState, Severity

RUN, CHECK = "run", "check:"
"""The key of a failed run, and the start of those of failed checks; the check's name follows."""

RUN_FAILED = "imgvet.run.failed"

ALARMS, ALL_CLEARS = "imgvet.run.alarms", "imgvet.run.all-clears"
"""Names of the events that stand for a whole message: that of one run."""

EVENT_NAMES: tuple[str, ...] = (
    *(rate.event_name(raised=raised) for raised in (True, False) for rate in RATES),
    "imgvet.drift.detected", "imgvet.drift.ended", "imgvet.check.failed", "imgvet.check.recovered",
    RUN_FAILED, "imgvet.run.recovered", "imgvet.images.lost", "imgvet.images.back",
    "imgvet.images.stale", "imgvet.images.fresh",
)  # fmt: skip
"""Every name of an event."""

_SHOWN = 3

LEAST_ODDS = 1_000_000
"""One in so many is as rare as is said."""


def is_compared(key: str) -> bool:
    """Whether an alarm comes from comparing with a baseline."""
    return key != RUN and not key.startswith(CHECK)


def alarms_after(comparison: Comparison) -> tuple[str, ...]:
    """The alarms that are on after a run, sorted.

    What could not be judged stays on, and so does what is only a little better. A failed run says
    nothing new of the dataset.
    """
    if comparison.run.status == "failed":
        return tuple(sorted({*comparison.before, RUN}))
    findings = comparison.findings
    lasting = {finding.key for finding in findings if finding.lasting}
    over = {RUN, *(finding.key for finding in findings)} - lasting
    # Checks are judged in every run; without new images there are none that drift.
    ending = CHECK if comparison.run.new_images else (CHECK, DRIFT)
    on = {key for key in comparison.before if key not in over and not key.startswith(ending)}
    on |= {f"{CHECK}{check.name}" for check in comparison.failed_checks}
    on |= {finding.key for finding in findings if finding.alarming}
    return tuple(sorted(on))


def events_of(comparison: Comparison) -> tuple[Event, ...]:
    """What is to be said of a run: alarms that are new, then all-clears; one of each name."""
    before, after = set(comparison.before), set(alarms_after(comparison))
    events = []
    for keys, raised in ((after - before, True), (before - after, False)):
        events += [_rate(rate, comparison, raised=raised) for rate in RATES if rate.name in keys]
        for beginning, event_of in _EVENTS:
            if found := sorted(key for key in keys if key.startswith(beginning)):
                events.append(event_of(found, comparison, raised=raised))
    return tuple(events)


def _event(
    comparison: Comparison,
    name: str,
    about: str,
    keys: Sequence[str],
    title: str,
    lines: Sequence[str],
    severity: Severity | None = None,
) -> Event:
    """An alarm of a severity, or an all-clear without one; the title begins with the dataset."""
    dataset = comparison.run.dataset
    if dataset:
        title = f"{dataset}: {title[:1].lower()}{title[1:]}"
    return Event(
        name=name,
        alarms=tuple(keys),
        severity=severity or "info",
        all_clear=severity is None,
        title=title,
        about=about,
        body="\n".join(lines),
    )


def _rate(rate: WatchedRate, comparison: Comparison, *, raised: bool) -> Event:
    found = [finding for finding in comparison.findings if finding.key == rate.name]
    most = comparison.finding(rate.name) or found[0]
    if raised:
        found = sorted((item for item in found if item.alarming), key=lambda item: -item.effect)
    before, after = most.before.rate, most.after.rate
    lines = [_rate_line(rate, finding) for finding in found]
    title, severity = f"is back to normal ({rough_percent(after)})", None
    examples = comparison.counted[rate.name].names if raised else ()
    if raised:
        among = " among new images" if most.population == "new" else ""
        title = f"jumped from {rough_percent(before)} to {rough_percent(after)}{among}"
        check = CHECK_BY_NAME.get(rate.name)
        severity = check.severity if check else "warning"
    if raised:
        lines.append(_chance(most.p_value))
    if examples:
        lines.append(f"See: {', '.join(PurePosixPath(name).name for name in examples[:_SHOWN])}")
    name, title = rate.event_name(raised=raised), f"{rate.title} {title}"
    event = _event(comparison, name, rate.title.lower(), [rate.name], title, lines, severity)
    return event.model_copy(update={"before": before, "after": after, "examples": examples})


def _rate_line(rate: WatchedRate, finding: Finding) -> str:
    before, after = finding.before, finding.after
    usual = f"{rough_percent(before.rate)} of {before.of:,}."
    if finding.population == "new":
        now = f"Of {counted(after.of, 'new image')}, {after.count:,} are {rate.said}"
        return f"{now}; until now {usual}"
    now = f"Whole dataset: {rough_percent(after.rate)} of {counted(after.of, 'image')}"
    return f"{now} {rate.said}, baseline {usual}"


def _chance(p_value: float) -> str:
    """How rarely chance alone makes such a difference."""
    one = round(1 / max(p_value, 1 / LEAST_ODDS))
    said = "less than " if one == LEAST_ODDS else ""
    return f"Chance alone makes such a difference in {said}1 of {one:,} comparisons."


def _lost(keys: Sequence[str], comparison: Comparison, *, raised: bool) -> Event:
    names = [key.removeprefix(LOST).replace(":", " ", 1) for key in keys]
    if not raised:
        title = f"Images are back: {_listed(names)}"
        return _event(comparison, "imgvet.images.back", "lost images", keys, title, [])
    found = [finding for key in keys if (finding := comparison.finding(key))]
    found.sort(key=lambda finding: -finding.effect)
    lines = [
        f"Of {finding.key.removeprefix(LOST).replace(':', ' ', 1)}, "
        f"{rough_percent(finding.effect)} is gone."
        for finding in found[:_SHOWN]
    ]
    title = f"Images are lost: {_listed(names)}"
    return _event(comparison, "imgvet.images.lost", "lost images", keys, title, lines, "warning")


def _stale(keys: Sequence[str], comparison: Comparison, *, raised: bool) -> Event:
    if not raised:
        title = "There are new images again"
        return _event(comparison, "imgvet.images.fresh", "new images", keys, title, [])
    found = comparison.finding(STALE)
    title = f"No new images for {counted(found.effect if found else 0, 'day')}"
    return _event(comparison, "imgvet.images.stale", "new images", keys, title, [], "warning")


def _drift(keys: Sequence[str], comparison: Comparison, *, raised: bool) -> Event:
    if not raised:
        title = f"New images no longer differ in {_listed(map(_drifting, keys))}"
        return _event(comparison, "imgvet.drift.ended", "drift", keys, title, [])
    found = [finding for finding in comparison.findings if finding.key in keys]
    found.sort(key=lambda finding: -finding.effect)
    lines = [_drift_line(finding) for finding in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"And {counted(len(found) - _SHOWN, 'other')}.")
    lines.append(_chance(max(finding.p_value for finding in found)))
    title = f"New images differ in {_listed(_drifting(finding.key) for finding in found)}"
    return _event(comparison, "imgvet.drift.detected", "drift", keys, title, lines, "warning")


def _drift_line(finding: Finding) -> str:
    drift = f"(drift {finding.effect:.2f} of 1)"
    name = finding.key.removeprefix(DRIFT)
    if name in SHIFTING:
        return f"Their {name}s are spread otherwise {drift}."
    if finding.medians is None:
        return f"They can be told from earlier ones by their content {drift}."
    unit = METRIC_BY_NAME[name].unit
    before, after = (f"{value:.4g}" for value in finding.medians)
    now = f"{after} now {unit}".rstrip()
    return f"{_drifting(finding.key).capitalize()}: median {before} before, {now} {drift}."


def _checks(keys: Sequence[str], comparison: Comparison, *, raised: bool) -> Event:
    names, failed = [key.removeprefix(CHECK) for key in keys], comparison.failed_checks
    if not raised:
        titles = (CHECK_BY_NAME[name].title if name in CHECK_BY_NAME else name for name in names)
        title = f"Check passes again: {_listed(title.lower() for title in titles)}"
        still = counted(len(failed), "other check")
        lines = [f"{still} still failing." if failed else "All checks pass."]
        return _event(comparison, "imgvet.check.recovered", "checks", keys, title, lines)
    new = [check for check in failed if check.name in names]
    lines = [
        f"{check.title}: {check.observed}, allowed is {check.allowed}."
        if check.state is CheckState.FAILED
        else f"{check.title} could not be computed: {check.detail}"
        for check in new
    ]
    title = f"Check failed: {_listed(check.title.lower() for check in new)}"
    worst = min((check.severity for check in new), key=get_args(Severity).index)
    return _event(comparison, "imgvet.check.failed", "checks", keys, title, lines, worst)


def _run(keys: Sequence[str], comparison: Comparison, *, raised: bool) -> Event:
    if not raised:
        return _event(comparison, "imgvet.run.recovered", "runs", keys, "Runs finish again", [])
    reason = [comparison.run.notice or "No reason was given."]
    return _event(comparison, RUN_FAILED, "runs", keys, "The run failed", reason, "critical")


_EVENTS = ((LOST, _lost), (STALE, _stale), (DRIFT, _drift), (CHECK, _checks), (RUN, _run))
"""Start of the keys of alarms -> what is said of them together."""


def _drifting(key: str) -> str:
    """The name of something that drifts, within a sentence."""
    name = key.removeprefix(DRIFT)
    if name == EMBEDDINGS:
        return "what they show"
    return METRIC_BY_NAME[name].title.lower() if name in METRIC_BY_NAME else name


def _listed(names: Iterable[str]) -> str:
    """Names in one phrase, at most three of them."""
    every = list(names)
    more = len(every) - _SHOWN
    return listed([*every[:_SHOWN], f"{more} more"] if more > 0 else every)
