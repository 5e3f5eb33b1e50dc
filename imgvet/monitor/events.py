"""What is to be said of a run: alarms that are new, and all-clears of those that are over.

An alarm that goes on is not said again. Everything is made from the run and from the alarms that
were on before it, so a restart changes nothing. Texts read well on a phone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from imgvet.format import counted, listed, rough_percent
from imgvet.metrics import METRIC_BY_NAME
from imgvet.monitor.choose import day, minute
from imgvet.monitor.compare import DRIFT, Comparison, Finding
from imgvet.monitor.drift import EMBEDDINGS
from imgvet.monitor.history import Event
from imgvet.monitor.rates import RATE_BY_NAME, RATES, WatchedRate
from imgvet.quality.checks import CHECK_BY_NAME
from imgvet.quality.result import CheckResult, CheckState, Severity

RUN = "run"
"""The key of a failed run."""

CHECK = "check:"
"""Start of the keys of failed checks; the check's name follows."""

RUN_FAILED = "imgvet.run.failed"

_SHOWN = 3


def rate_event_name(rate: str, *, all_clear: bool) -> str:
    """The name of the event of a rate, such as ``imgvet.outlier-rate.recovered``."""
    return f"imgvet.{rate.replace('_', '-')}.{'recovered' if all_clear else 'jumped'}"


EVENT_NAMES: tuple[str, ...] = (
    *(rate_event_name(rate.name, all_clear=False) for rate in RATES),
    *(rate_event_name(rate.name, all_clear=True) for rate in RATES),
    "imgvet.drift.detected",
    "imgvet.drift.ended",
    "imgvet.check.failed",
    "imgvet.check.recovered",
    RUN_FAILED,
    "imgvet.run.recovered",
)
"""Every name of an event."""


def is_compared(key: str) -> bool:
    """Whether an alarm comes from comparing with a baseline."""
    return key in RATE_BY_NAME or key.startswith(DRIFT)


def alarms_after(before: Collection[str], comparison: Comparison) -> tuple[str, ...]:
    """The alarms that are on after a run, sorted.

    What could not be judged stays on, and so does what is only a little better. Alarms that come
    from comparing lapse when nothing was compared: what they said was said of other parameters or
    of another baseline. A failed run says nothing new of the dataset.

    Args:
        before: those that were on before it.
        comparison: the run.
    """
    if comparison.run.status == "failed":
        return tuple(sorted({*before, RUN}))
    checks = {f"{CHECK}{check.name}" for check in comparison.failed_checks}
    raised = {finding.key for finding in comparison.findings if finding.alarming}
    over = {item.key for item in comparison.findings}
    over -= {item.key for item in comparison.findings if item.lasting}
    staying = {
        key
        for key in before
        if is_compared(key)
        and comparison.baseline is not None
        and key not in over
        # Without new images there are none that drift.
        and (comparison.run.new_images or not key.startswith(DRIFT))
    }
    return tuple(sorted(checks | raised | staying))


def events_of(before: Collection[str], comparison: Comparison) -> tuple[Event, ...]:
    """What is to be said of a run: alarms that are new, then all-clears; one of each name.

    Args:
        before: the alarms that were on before it.
        comparison: the run.
    """
    after = alarms_after(before, comparison)
    ended = set(before) - set(after)
    if comparison.baseline is None:
        ended = {key for key in ended if not is_compared(key)}  # they lapse, which is no all-clear
    return (*_alarms(set(after) - set(before), comparison), *_all_clears(ended, comparison))


def _alarms(keys: Collection[str], comparison: Comparison) -> list[Event]:
    alarms = [_rate_jumped(rate, comparison) for rate in RATES if rate.name in keys]
    drifts = [finding for finding in comparison.findings if finding.key in _starting(DRIFT, keys)]
    if drifts:
        alarms.append(_drift_detected(drifts, comparison))
    failed = [check for check in comparison.failed_checks if f"{CHECK}{check.name}" in keys]
    if failed:
        alarms.append(_checks_failed(failed, comparison))
    if RUN in keys:
        reason = comparison.run.notice or "No reason was given."
        text = _text("The run failed", [reason], comparison, compared=False)
        alarms.append(_event(RUN_FAILED, [RUN], text, "critical"))
    return alarms


def _all_clears(keys: Collection[str], comparison: Comparison) -> list[Event]:
    clears = [_rate_recovered(rate, comparison) for rate in RATES if rate.name in keys]
    if drifts := _starting(DRIFT, keys):
        title = f"New images no longer differ in {_listed(map(drifting, drifts))}"
        clears.append(_event("imgvet.drift.ended", drifts, _text(title, [], comparison)))
    if checks := _starting(CHECK, keys):
        clears.append(_checks_recovered(checks, comparison))
    if RUN in keys:
        text = _text("Runs finish again", [], comparison, compared=False)
        clears.append(_event("imgvet.run.recovered", [RUN], text))
    return clears


def _rate_jumped(rate: WatchedRate, comparison: Comparison) -> Event:
    found = [item for item in comparison.findings if item.key == rate.name and item.alarming]
    # New images say it best: theirs is the greater difference.
    found.sort(key=lambda finding: -finding.effect)
    before, after = _shares(found[0])
    examples = comparison.examples.get(rate.count, ())
    lines = [_rate_line(rate, finding) for finding in found]
    if examples:
        lines.append(f"See: {', '.join(_file_name(name) for name in examples[:_SHOWN])}")
    among = " among new images" if found[0].population == "new" else ""
    title = f"{rate.title} jumped from {rough_percent(before)} to {rough_percent(after)}{among}"
    name, text = rate_event_name(rate.name, all_clear=False), _text(title, lines, comparison)
    event = _event(name, [rate.name], text, rate.severity)
    return event.model_copy(update={"before": before, "after": after, "examples": examples})


def _rate_recovered(rate: WatchedRate, comparison: Comparison) -> Event:
    found = [finding for finding in comparison.findings if finding.key == rate.name]
    before, after = _shares(max(found, key=lambda finding: finding.effect))
    title = f"{rate.title} is back to normal ({rough_percent(after)})"
    text = _text(title, [_rate_line(rate, finding) for finding in found], comparison)
    event = _event(rate_event_name(rate.name, all_clear=True), [rate.name], text)
    return event.model_copy(update={"before": before, "after": after})


def _drift_detected(found: Sequence[Finding], comparison: Comparison) -> Event:
    ordered = sorted(found, key=lambda finding: -finding.effect)
    lines = [_drift_line(finding) for finding in ordered[:_SHOWN]]
    if len(ordered) > _SHOWN:
        lines.append(f"And {counted(len(ordered) - _SHOWN, 'other')}.")
    keys = [finding.key for finding in ordered]
    title = f"New images differ in {_listed(map(drifting, keys))}"
    text = _text(title, lines, comparison)
    return _event("imgvet.drift.detected", sorted(keys), text, "warning")


def _checks_failed(failed: Sequence[CheckResult], comparison: Comparison) -> Event:
    lines = [
        f"{check.title}: {check.observed}, allowed is {check.allowed}."
        if check.state is CheckState.FAILED
        else f"{check.title} could not be computed: {check.detail}"
        for check in failed
    ]
    title = f"Check failed: {_listed(check.title.lower() for check in failed)}"
    order: tuple[Severity, ...] = ("critical", "warning", "info")
    worst = min((check.severity for check in failed), key=order.index)
    keys = sorted(f"{CHECK}{check.name}" for check in failed)
    text = _text(title, lines, comparison, compared=False)
    return _event("imgvet.check.failed", keys, text, worst)


def _checks_recovered(keys: Sequence[str], comparison: Comparison) -> Event:
    names = [key.removeprefix(CHECK) for key in keys]
    titles = [CHECK_BY_NAME[name].title if name in CHECK_BY_NAME else name for name in names]
    title = f"Check passes again: {_listed(title.lower() for title in titles)}"
    still = len(comparison.failed_checks)
    lines = [f"{counted(still, 'other check')} still failing." if still else "All checks pass."]
    text = _text(title, lines, comparison, compared=False)
    return _event("imgvet.check.recovered", keys, text)


def _event(
    name: str, keys: Sequence[str], text: tuple[str, str], severity: Severity | None = None
) -> Event:
    """An alarm of a severity, or an all-clear without one."""
    return Event(
        name=name,
        alarms=tuple(keys),
        severity=severity or "info",
        all_clear=severity is None,
        title=text[0],
        body=text[1],
    )


def _text(
    title: str, lines: Sequence[str], comparison: Comparison, *, compared: bool = True
) -> tuple[str, str]:
    """Title and body, with the dataset's name before and the runs behind."""
    run, baseline = comparison.run, comparison.baseline
    if run.dataset:
        title = f"{run.dataset}: {title[:1].lower()}{title[1:]}"
    ending = f"Run of {minute(run.started)}"
    if compared and baseline is not None:
        ending += f", compared with that of {day(baseline.started)}"
    return title, "\n".join([*lines, f"{ending}."])


def _shares(finding: Finding) -> tuple[float, float]:
    assert finding.before is not None and finding.after is not None  # noqa: S101, PT018
    return finding.before.rate, finding.after.rate


def _rate_line(rate: WatchedRate, finding: Finding) -> str:
    assert finding.before is not None and finding.after is not None  # noqa: S101, PT018
    after, before = finding.after, f"{rough_percent(finding.before.rate)} of {finding.before.of:,}."
    if finding.population == "new":
        now = f"Of {counted(after.of, 'new image')}, {after.count:,} are {rate.said}"
        return f"{now}; until now {before}"
    now = f"Whole dataset: {rough_percent(after.rate)} of {counted(after.of, 'image')}"
    return f"{now} {rate.said}, baseline {before}"


def _drift_line(finding: Finding) -> str:
    name = drifting(finding.key)
    subject = f"{name[:1].upper()}{name[1:]}"
    if finding.medians is None:
        score = f"drift {finding.effect:.2f} of 1"
        return f"They can be told from earlier ones by their content ({score})."
    unit = METRIC_BY_NAME[finding.key.removeprefix(DRIFT)].unit
    before, after = (f"{value:.4g}" for value in finding.medians)
    ending = f" {unit}" if unit else ""
    return (
        f"{subject}: median {before} before, {after} now{ending} (drift {finding.effect:.2f} of 1)."
    )


def drifting(key: str) -> str:
    """The name of something that drifts, within a sentence."""
    name = key.removeprefix(DRIFT)
    if name == EMBEDDINGS:
        return "what they show"
    return METRIC_BY_NAME[name].title.lower() if name in METRIC_BY_NAME else name


def _starting(beginning: str, keys: Collection[str]) -> list[str]:
    return sorted(key for key in keys if key.startswith(beginning))


def _listed(names: Iterable[str]) -> str:
    """Names in one phrase, at most three of them."""
    every = list(names)
    if len(every) > _SHOWN:
        return f"{', '.join(every[:_SHOWN])} and {len(every) - _SHOWN} more"
    return listed(every)


def _file_name(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1]
