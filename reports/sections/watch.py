"""A monitored run: which alarms are on, and what they count."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from imgvet.format import number
from imgvet.metrics import METRIC_BY_NAME
from imgvet.monitor.alarms import (
    CHECK,
    DRIFT,
    EMBEDDINGS,
    GROWN,
    RATE_BY_NAME,
    STALE,
    anchor_of,
    is_compared,
    judged_by,
    title_of,
)
from imgvet.monitor.history import Run, find_run
from imgvet.reports import limits
from imgvet.reports.inputs import Content, Listing, ReportInputs, gallery
from imgvet.reports.text import count


def alarms(run: ReportInputs) -> Content | None:
    """The alarms that are on, and what was compared; None if the run was not monitored."""
    if not run.watched:
        return None
    this = run.watched[-1]
    rates = [key for key in RATE_BY_NAME if key in this.alarms]
    others = sorted(key for key in this.alarms if is_compared(key) and key not in rates)
    rows = [_row(this, key) for key in dict.fromkeys(found.key for found in this.compared)]
    return {
        "badge": count(len(this.alarms)) if this.alarms else "",
        "baseline": find_run(run.watched, this.baseline or ""),
        "alarms": [_alarm(run, key) for key in (*rates, *others)],
        "checks": [check for check in run.checks if f"{CHECK}{check.name}" in this.alarms],
        "rates": [row for row in rows if not row["key"].startswith((STALE, DRIFT, GROWN))],
        "drifts": [row for row in rows if row["key"].startswith(DRIFT)],
        "listing": Listing("compared", pd.DataFrame([one.model_dump() for one in this.compared])),
    }


def _alarm(run: ReportInputs, key: str) -> Content:
    """An alarm, since when it is on, what was said then, and the images that it counts now."""
    since = _since(run.watched, key)
    said = [event for event in since.events if key in event.alarms and not event.all_clear]
    table = run.table("alarms")
    rows = table[table["alarm"] == key]
    images = {image.id: image for image in run.images(rows["id"][: limits.CARDS])}
    return {
        "key": key,
        "anchor": anchor_of(key),
        "title": title_of(key),
        "since": since,
        "event": said[0] if said else None,
        "judged": key in {found.key for found in run.watched[-1].compared},
        "images": gallery(
            rows,
            limits.CARDS,
            lambda row: {"image": images[row["id"]], "said": _value(key, row["value"])},
        ),
    }


def _since(runs: Sequence[Run], key: str) -> Run:
    """The run that raised an alarm which is on after the last one."""
    since = runs[-1]
    for run in reversed([run for run in runs if run.monitored]):
        if key not in run.alarms:
            break
        since = run
    return since


def _value(key: str, value: float | None) -> str:
    """What an image is judged by, in words."""
    if value is None:
        return ""
    metric = judged_by(key)
    if metric == EMBEDDINGS:
        return f"similarity {number(value, 3)} to the baseline"
    return f"{METRIC_BY_NAME[metric].title} {number(value)}"


def _row(run: Run, key: str) -> Content:
    """What was asked of one rate or metric: of the whole dataset and of the new images."""
    asked = {one.population: one for one in run.compared if one.key == key}
    return {
        "key": key,
        "title": title_of(key),
        "whole": asked.get("whole"),
        "new": asked.get("new"),
        "alarming": key in run.alarms,
    }
