"""Alarms and all-clears in words: a title and a few lines that read well on a phone."""

from __future__ import annotations

from collections.abc import Sequence

from imgvet.format import counted
from imgvet.metrics import METRIC_BY_NAME
from imgvet.monitor.choice import day
from imgvet.monitor.compare import DRIFT, Comparison, Finding
from imgvet.monitor.history import EMBEDDINGS
from imgvet.monitor.portion import Portion
from imgvet.monitor.tally import WatchedRate
from imgvet.quality.checks import CHECK_BY_NAME
from imgvet.quality.result import CheckResult, CheckState

Text = tuple[str, str]
"""Title and body."""

_SHOWN = 3


def rate_jumped(
    rate: WatchedRate, best: Finding, found: Sequence[Finding], comparison: Comparison
) -> Text:
    """A rate is higher than it was."""
    lines = [_rate_line(rate, finding) for finding in (best, *(f for f in found if f is not best))]
    worst = comparison.examples.get(rate.count, ())[:_SHOWN]
    if worst:
        lines.append(f"See: {', '.join(_short(name) for name in worst)}")
    assert best.before is not None and best.after is not None  # noqa: S101, PT018
    among = " among new images" if best.population == "new" else ""
    title = (
        f"{rate.title} jumped from {percent(best.before.rate)} to {percent(best.after.rate)}{among}"
    )
    return _titled(title, comparison), _body(lines, comparison)


def rate_recovered(
    rate: WatchedRate, best: Finding, found: Sequence[Finding], comparison: Comparison
) -> Text:
    """A rate is as low as it was."""
    assert best.after is not None  # noqa: S101
    lines = [_rate_line(rate, finding) for finding in found]
    title = f"{rate.title} is back to normal ({percent(best.after.rate)})"
    return _titled(title, comparison), _body(lines, comparison)


def drift_detected(found: Sequence[Finding], comparison: Comparison) -> Text:
    """New images are not like those of the baseline."""
    ordered = sorted(found, key=lambda finding: -finding.effect)
    what = _listed([drifting(finding.key) for finding in ordered])
    lines = [_drift_line(finding) for finding in ordered[:_SHOWN]]
    if len(ordered) > _SHOWN:
        lines.append(f"And {counted(len(ordered) - _SHOWN, 'other')}.")
    return _titled(f"New images differ in {what}", comparison), _body(lines, comparison)


def drift_ended(keys: Sequence[str], comparison: Comparison) -> Text:
    """New images are like those of the baseline again."""
    what = _listed([drifting(key) for key in keys])
    title = f"New images no longer differ in {what}"
    return _titled(title, comparison), _body([], comparison)


def checks_failed(failed: Sequence[CheckResult], comparison: Comparison) -> Text:
    """Checks that passed before fail."""
    lines = [
        f"{check.title}: {check.observed}, allowed is {check.allowed}."
        if check.state is CheckState.FAILED
        else f"{check.title} could not be computed: {check.detail}"
        for check in failed
    ]
    title = f"Check failed: {_listed([check.title.lower() for check in failed])}"
    return _titled(title, comparison), _body(lines, comparison, compared=False)


def checks_recovered(names: Sequence[str], comparison: Comparison) -> Text:
    """Checks that failed pass again."""
    titles = [CHECK_BY_NAME[name].title if name in CHECK_BY_NAME else name for name in names]
    title = f"Check passes again: {_listed([title.lower() for title in titles])}"
    still = len(comparison.failed_checks)
    lines = [f"{counted(still, 'other check')} still failing." if still else "All checks pass."]
    return _titled(title, comparison), _body(lines, comparison, compared=False)


def run_failed(comparison: Comparison) -> Text:
    """The run did not finish."""
    lines = [comparison.error or "No reason was given."]
    return _titled("The run failed", comparison), _body(lines, comparison, compared=False)


def run_recovered(comparison: Comparison) -> Text:
    """A run finished after others had failed."""
    return _titled("Runs finish again", comparison), _body([], comparison, compared=False)


def percent(share: float) -> str:
    """A share in percent: two digits or so, at most two decimals."""
    value = 100 * share
    digits = 2 if value < 1 else 1 if value < 10 or 99 < value < 100 else 0
    return f"{value:.{digits}f}".removesuffix(".00").removesuffix(".0") + " %"


def drifting(key: str) -> str:
    """The name of something that drifts, within a sentence."""
    name = key.removeprefix(DRIFT)
    if name == EMBEDDINGS:
        return "what they show"
    return METRIC_BY_NAME[name].title.lower() if name in METRIC_BY_NAME else name


def _rate_line(rate: WatchedRate, finding: Finding) -> str:
    assert finding.before is not None and finding.after is not None  # noqa: S101, PT018
    if finding.population == "new":
        now = f"Of {_images(finding.after, 'new image')}, {finding.after.count:,} are {rate.said}"
        return f"{now}; until now {percent(finding.before.rate)} of {finding.before.of:,}."
    now = f"Whole dataset: {percent(finding.after.rate)} of {_images(finding.after, 'image')}"
    return f"{now} {rate.said}, baseline {percent(finding.before.rate)} of {finding.before.of:,}."


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


def _images(portion: Portion, noun: str) -> str:
    return counted(portion.of, noun)


def _listed(names: Sequence[str]) -> str:
    """Names in one phrase, at most three of them."""
    shown, more = list(names[:_SHOWN]), len(names) - _SHOWN
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _titled(title: str, comparison: Comparison) -> str:
    dataset = comparison.identity.dataset
    return f"{dataset}: {title[:1].lower()}{title[1:]}" if dataset else title


def _body(lines: Sequence[str], comparison: Comparison, *, compared: bool = True) -> str:
    about = comparison.baseline
    ending = f"Run of {comparison.identity.started[:16].replace('T', ' ')}"
    if compared and about is not None:
        ending += f", compared with that of {day(about.started)}"
    return "\n".join([*lines, f"{ending}."])


def _short(name: str) -> str:
    """A file's name without its folders."""
    return name.rstrip("/").rsplit("/", 1)[-1]
