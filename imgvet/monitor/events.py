"""The alarms that are on after a run, the images that each counts, and what is to be said of them.

Said are alarms that are new, and all-clears of those that are over; not what goes on. Texts read
well on a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.format import filled, visible
from imgvet.metrics import FLAGS, METRIC_BY_NAME
from imgvet.monitor.alarms import (
    CHECK,
    DRIFT,
    EMBEDDINGS,
    GROWN,
    LOST,
    RATE_BY_NAME,
    RUN,
    STALE,
    judged_by,
    name_of,
)
from imgvet.monitor.compare import COUNTED, LEAST_IMAGES, Comparison, Finding
from imgvet.monitor.history import Event, Run
from imgvet.monitor.images import Images, Values
from imgvet.monitor.rates import RATES, WatchedRate
from imgvet.quality.checks import CHECK_BY_NAME
from imgvet.quality.result import CheckResult, Severity

ALARMS, ALL_CLEARS = "imgvet.run.alarms", "imgvet.run.all-clears"
"""Names of the events that stand for a whole message: that of one run."""

_WORST_HIGH = {flag.metric for flag in FLAGS if not flag.below}

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
    # Checks are judged in every run; of fewer new images none raise an alarm of drift.
    ending = CHECK if comparison.run.new_images >= LEAST_IMAGES else (CHECK, DRIFT)
    on = {key for key in comparison.run.alarms if key not in over and not key.startswith(ending)}
    on |= {f"{CHECK}{check.name}" for check in comparison.failed_checks}
    on |= {finding.key for finding in findings if finding.alarming}
    return tuple(sorted(on))


def count_images(
    comparison: Comparison,
    images: Images,
    flags: pd.DataFrame,
    new: NDArray[np.bool_],
    similarity: Values,
) -> pd.DataFrame:
    """The images of each difference that raises an alarm or keeps it on.

    Those with the property, among the new ones or in the whole dataset, whichever differs more;
    of drift the new ones. ``similarity`` to the baseline is of rows of the embeddings.
    """
    nearest = np.append(similarity, np.nan)[images.row]  # row -1 has no embedding
    found = []
    for key in dict.fromkeys(finding.key for finding in comparison.findings):
        finding = comparison.finding(key)
        if not (finding.alarming or finding.lasting):
            continue
        if key == STALE or key.startswith(LOST):  # what is not there can't be shown
            continue
        among = new if finding.population == "new" else np.ones_like(new)
        if key.startswith(GROWN):
            grouping, _, value = key.removeprefix(GROWN).partition(":")
            among = among & (images.groups[grouping] == value).fillna(False).to_numpy(bool)
        if key in RATE_BY_NAME:
            among = among & flags[RATE_BY_NAME[key].count].to_numpy()
        values, worst = _judged_by(finding, images, nearest)
        places = np.flatnonzero(among)
        places = places[np.argsort(worst[places], kind="stable")]
        found.append(images.items.iloc[places].assign(alarm=key, value=values[places]))
    return pd.concat(found)[COUNTED] if found else comparison.counted


def _judged_by(finding: Finding, images: Images, nearest: Values) -> tuple[Values, Values]:
    """What images are judged by, and the same with the worst being the lowest."""
    metric = judged_by(finding.key)
    if metric == EMBEDDINGS:
        return nearest, nearest
    if metric not in images.metrics:
        nothing = np.full(len(nearest), np.nan)
        return nothing, nothing
    values = images.metrics[metric].to_numpy()
    if finding.medians:
        return values, -np.abs(values - finding.medians[0])
    return values, -values if metric in _WORST_HIGH else values


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
