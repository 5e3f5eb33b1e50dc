"""What is to be said of a run: alarms that are new, and all-clears of those that are over.

An alarm that goes on is not said again. Texts read well on a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple, get_args

from imgvet.foreign import visible
from imgvet.format import counted, listed, number, rough_percent
from imgvet.metrics import METRIC_BY_NAME
from imgvet.monitor.alarms import CHECK, DRIFT, GROWN, LOST, RUN, STALE, name_of
from imgvet.monitor.compare import Comparison, Finding
from imgvet.monitor.history import Event, Run
from imgvet.monitor.rates import RATES, WatchedRate
from imgvet.quality.checks import CHECK_BY_NAME
from imgvet.quality.result import CheckState, Severity

ALARMS, ALL_CLEARS = "imgvet.run.alarms", "imgvet.run.all-clears"
"""Names of the events that stand for a whole message: that of one run."""

EXAMPLES = 10  # images that an event names
_SHOWN = 3

LEAST_ODDS = 1_000_000
"""One in so many is as rare as is said."""


class Said(NamedTuple):
    """What is said of some alarms."""

    title: str
    lines: Sequence[str] = ()
    severity: Severity = "warning"
    before: float | None = None
    after: float | None = None
    """The rate before and now; None if it is not about a rate."""
    examples: tuple[str, ...] = ()


Say = Callable[[Sequence[str], Comparison], Said]


class Kind(NamedTuple):
    """Alarms that are told of in one event, as are their ends."""

    start: str
    """Of their keys."""
    raised: str
    over: str
    """The names of the events that tell of them and of their end."""
    about: str
    say: Say
    end: Say
    """What is said when they are over."""


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
    said = (kind.say if raised else kind.end)(keys, comparison)
    return Event(
        name=kind.raised if raised else kind.over, alarms=tuple(keys),
        severity=said.severity if raised else "info", all_clear=not raised,
        title=_of_dataset(said.title, comparison), about=kind.about, body="\n".join(said.lines),
        before=said.before, after=said.after, examples=said.examples,
    )  # fmt: skip


def _jumped(rate: WatchedRate, keys: Sequence[str], comparison: Comparison) -> Said:
    most, counts = comparison.finding(rate.name), comparison.counted
    before, after = most.before.rate, most.after.rate
    lines = [_rate_line(rate, found) for found in _judged(keys, comparison) if found.alarming]
    lines.append(_chance(most.p_value))
    examples = tuple(counts[counts["alarm"] == rate.name]["filename"][:EXAMPLES])
    if examples:
        shown = (visible(PurePosixPath(name).name) for name in examples[:_SHOWN])
        lines.append(f"See: {', '.join(shown)}")
    among = " among new images" if most.population == "new" else ""
    title = f"{rate.title} jumped from {rough_percent(before)} to {rough_percent(after)}{among}"
    check = CHECK_BY_NAME.get(rate.name)
    return Said(title, lines, check.severity if check else "warning", before, after, examples)


def _recovered(rate: WatchedRate, _: Sequence[str], comparison: Comparison) -> Said:
    found = [finding for finding in comparison.findings if finding.key == rate.name]
    most = comparison.finding(rate.name)
    before, after = most.before.rate, most.after.rate
    title = f"{rate.title} is back to normal ({rough_percent(after)})"
    return Said(title, [_rate_line(rate, one) for one in found], before=before, after=after)


def _over(title: str) -> Say:
    """The end of some alarms; ``{}`` stands for what they are called."""
    return lambda keys, _: Said(title.format(_listed(keys)))


def _of_dataset(title: str, comparison: Comparison) -> str:
    name = visible(comparison.run.dataset)
    return f"{name}: {title[:1].lower()}{title[1:]}" if name else title


def _judged(keys: Sequence[str], comparison: Comparison) -> list[Finding]:
    """All findings on some alarms, the greatest first."""
    found = [finding for finding in comparison.findings if finding.key in keys]
    return sorted(found, key=lambda finding: -finding.effect)


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


def _lost(keys: Sequence[str], comparison: Comparison) -> Said:
    found = _judged(keys, comparison)[:_SHOWN]
    lines = [f"Of {name_of(one.key)}, {rough_percent(one.effect)} is gone." for one in found]
    return Said(f"Images are lost: {_listed(keys)}", lines)


def _grown(keys: Sequence[str], comparison: Comparison) -> Said:
    found = _judged(keys, comparison)[:_SHOWN]
    lines = [f"Of {name_of(one.key)} there are {one.effect:.1f} times as many." for one in found]
    return Said(f"Far more images than before: {_listed(keys)}", lines)


def _stale(_: Sequence[str], comparison: Comparison) -> Said:
    return Said(f"No new images for {counted(comparison.finding(STALE).effect, 'day')}")


def _drift(keys: Sequence[str], comparison: Comparison) -> Said:
    found = _judged(keys, comparison)
    lines = [_drift_line(finding) for finding in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"And {counted(len(found) - _SHOWN, 'other')}.")
    lines.append(_chance(max(finding.p_value for finding in found)))
    return Said(f"New images differ in {_listed(finding.key for finding in found)}", lines)


def _drift_line(finding: Finding) -> str:
    drift = f"(drift {finding.effect:.2f} of 1)"
    name = finding.key.removeprefix(DRIFT)
    if finding.risen is not None:
        value, *shares = finding.risen
        before, after = map(rough_percent, shares)
        return (
            f"Their {name}s are spread otherwise {drift}: "
            f"{visible(value)} rose from {before} to {after}."
        )
    if finding.medians is None:
        return f"They can be told from earlier ones by their content {drift}."
    before, after = map(number, finding.medians)
    now = f"{after} {METRIC_BY_NAME[name].unit}".rstrip()
    return f"{name_of(finding.key).capitalize()}: median {before} before, {now} now {drift}."


def _checks(keys: Sequence[str], comparison: Comparison) -> Said:
    new = [check for check in comparison.failed_checks if f"{CHECK}{check.name}" in keys]
    lines = [
        f"{check.title}: {check.observed}, allowed is {check.allowed}."
        if check.state is CheckState.FAILED
        else f"{check.title} could not be computed: {check.detail}"
        for check in new
    ]
    worst = min((check.severity for check in new), key=get_args(Severity).index)
    return Said(f"Check failed: {_few([check.title.lower() for check in new])}", lines, worst)


def _checks_over(keys: Sequence[str], comparison: Comparison) -> Said:
    failed = len(comparison.failed_checks)
    still = f"{counted(failed, 'other check')} still failing." if failed else "All checks pass."
    return Said(f"Check passes again: {_listed(keys)}", [still])


def _run(_: Sequence[str], comparison: Comparison) -> Said:
    reason = comparison.run.notice or "No reason was given."
    return Said("The run failed", [reason], "critical")


def _of_rate(rate: WatchedRate) -> Kind:
    name = f"imgvet.{rate.name.replace('_', '-')}"
    say, end = partial(_jumped, rate), partial(_recovered, rate)
    return Kind(rate.name, f"{name}.jumped", f"{name}.recovered", name_of(rate.name), say, end)


KINDS = (
    *map(_of_rate, RATES),
    Kind(LOST, "imgvet.images.lost", "imgvet.images.back", "lost images", _lost,
         _over("Images are back: {}")),
    Kind(GROWN, "imgvet.images.grown", "imgvet.images.shrunk", "growth", _grown,
         _over("As large as before, or nearly: {}")),
    Kind(STALE, "imgvet.images.stale", "imgvet.images.fresh", "new images", _stale,
         _over("There are new images again")),
    Kind(DRIFT, "imgvet.drift.detected", "imgvet.drift.ended", "drift", _drift,
         _over("New images no longer differ in {}")),
    Kind(CHECK, "imgvet.check.failed", "imgvet.check.recovered", "checks", _checks, _checks_over),
    Kind(RUN, "imgvet.run.failed", "imgvet.run.recovered", "runs", _run,
         _over("Runs finish again")),
)  # fmt: skip


def _listed(keys: Iterable[str]) -> str:
    """What alarms are called, in one phrase."""
    return _few([name_of(key) for key in keys])


def _few(names: Sequence[str]) -> str:
    """Names in one phrase, at most three of them."""
    more = len(names) - _SHOWN
    return listed([*names[:_SHOWN], f"{more} more"] if more > 0 else names)
