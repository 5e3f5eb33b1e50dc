"""The numbers of a run and how they changed: since the last run, and over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from imgvet.metrics import FLAGS
from imgvet.monitor.history import Run
from imgvet.monitor.rates import NOVEL, RATES
from imgvet.reports import limits
from imgvet.reports.charts import lines
from imgvet.reports.inputs import Content, Listing, ReportInputs
from imgvet.reports.text import count, moment
from imgvet.sections import Section
from imgvet.summary import Counts

_RATE_OF = {rate.count: rate for rate in RATES}


class Number(NamedTuple):
    """A count of a run that a person looks at; with a whole it is a share, and better low."""

    key: str
    title: str
    field: str
    """Its field of :class:`Counts`."""
    whole: str | None
    """The field of what it is a share of."""
    section: Section
    """Where the evidence is."""
    settings: tuple[str, ...] = ()
    """What changes this number and not all of them."""

    def applies(self, counts: Mapping[str, int]) -> bool:
        """Whether there was something to count; what was only switched off is told as such."""
        known = Counts.model_fields.get(self.field)
        return self.field in counts or (known is not None and known.is_required())

    def share(self, counts: Mapping[str, int]) -> float | None:
        """The share, or the number if it has no whole; None if it was not measured."""
        number = counts.get(self.field)
        if number is None or self.whole is None:
            return number
        return number / (counts.get(self.whole) or 1)

    def comparable(self, past: Run, this: Run) -> bool:
        """Whether no setting that changes it is another than in a run before."""
        elsewhere = {name for number in NUMBERS for name in number.settings} - set(self.settings)
        return elsewhere.issuperset(past.changes(this.settings))


_MODEL = ("model", "model_path", "high_accuracy", "distance")
_NEIGHBORS = (*_MODEL, "nearest_neighbors_k")

NUMBERS = (
    Number("images", "Images", "images", None, Section.STATISTICS),
    Number("invalid", "Invalid files", "invalid", "images", Section.INVALID),
    Number("copies", "Surplus copies", "exact_duplicate_surplus", "valid", Section.DUPLICATES),
    Number("leaks", "Leaks", "leak_images", "valid", Section.LEAKS, ("threshold", *_MODEL)),
    Number("conflicts", "Label conflicts", "label_conflict_images", "labelled", Section.LABELS),
    Number("issues", "Label issues", "label_issues", "labelled", Section.LABELS,
           _MODEL),
    Number("near", "Near duplicates", "near_duplicate_images", "valid", Section.DUPLICATES,
           ("threshold", *_NEIGHBORS)),
    Number("components", "In components", "component_images", "valid", Section.COMPONENTS),
    Number("listed", "Outliers", "outliers", "valid", Section.OUTLIERS),
    Number("outliers", "Outliers that stand out", "robust_outliers", "valid", Section.OUTLIERS,
           _NEIGHBORS),
    *(Number(flag.name, flag.name.capitalize(), flag.name, "valid", Section(flag.name),
             (flag.option,)) for flag in FLAGS),
)  # fmt: skip

_ASKED_FOR = ("components", "listed")
"""Numbers that are as many as parameters ask for: they are not compared between runs."""

_NOVELTY = Number(NOVEL, "Novel", NOVEL, "valid", Section.ALARMS)


def _compared(this: Run) -> list[Number]:
    """What is compared between runs, as far as it applies to this one."""
    return [one for one in NUMBERS if one.key not in _ASKED_FOR and one.applies(this.counts)]


def changes(run: ReportInputs) -> Content | None:
    """What changed since the last run; None if this is the first."""
    earlier = [past for past in run.runs[:-1] if past.verdict is not None]
    if not earlier:
        return None
    last, this = earlier[-1], run.runs[-1]
    found = [_change(number, last, this) for number in _compared(this)]
    rows = [{**change, "number": change["number"].title} for change in found]
    return {
        "last": last,
        "parameters": list(last.changes(this.settings).values()),
        "changes": found,
        "listing": Listing("changes", pd.DataFrame(rows)),
    }


def _change(number: Number, last: Run, this: Run) -> Content:
    """A number twice; its kind is better, worse, changed, same or not comparable."""
    before, now = last.counts.get(number.field), this.counts.get(number.field)
    difference = 0 if before is None or now is None else now - before
    kind = "worse" if difference > 0 else "better"
    if not difference or number.whole is None:
        kind = "changed" if difference else "same"
    if not number.comparable(last, this):
        difference, kind = 0, "not comparable"
    return {"number": number, "before": before, "now": now, "difference": difference, "kind": kind}


def history(run: ReportInputs) -> Content | None:
    """A line for each number, and all runs, the latest first; None if an only run is not watched.

    Of a monitored run the lines have bands, up to where no alarm is raised.
    """
    if not run.watched and len(run.runs) < 2:
        return None
    shown, this = run.runs[-limits.RUNS :], run.runs[-1]
    numbers = [*_compared(this), *([_NOVELTY] if run.watched else [])]
    return {
        "badge": count(len(run.runs)),
        "lines": [_line(number, shown) for number in numbers],
        "runs": shown[::-1],
        "listing": Listing("history", pd.DataFrame(map(_told, run.runs[::-1]))),
    }


def _told(run: Run) -> dict[str, object]:
    own = {name: getattr(run, name) for name in ("run_id", "started", "status", "verdict")}
    return {**own, "alarms": ", ".join(run.alarms), **run.counts}


def _line(number: Number, every: Sequence[Run]) -> Content:
    """The figure of a number, after how many runs its alarm was on, and how many aren't shown."""
    known = [run for run in every if run.verdict is not None]
    runs = [run for run in known if number.comparable(run, every[-1])]
    frame = pd.DataFrame({
        "run": [moment(run.started) for run in runs],
        "whole": pd.Series([number.share(run.counts) for run in runs], dtype=float),
    })  # fmt: skip
    if judged := every[-1].monitored and number.field in _RATE_OF:
        frame = frame.join(_judged(number.field, runs))
    chart = lines(
        frame, f"figure-history-{number.key}", number.title, percent=number.whole is not None
    )
    alarms = int(frame["alarm"].sum()) if judged else None
    return {"number": number, "chart": chart, "alarms": alarms, "others": len(known) - len(runs)}


def _judged(field: str, runs: Sequence[Run]) -> pd.DataFrame:
    """Of each run from where on a rate raises an alarm, that of new images, and if one was on."""
    rate, rows = _RATE_OF[field], []
    for run in runs:
        limit = {one.population: one.limit for one in run.compared if one.key == rate.name}
        new = rate.proportion(run.new_counts)
        share = new.rate if new and new.of else None
        rows.append((limit.get("whole"), share, limit.get("new"), rate.name in run.alarms))
    frame = pd.DataFrame(rows, columns=["limit", "new", "new_limit", "alarm"])
    return frame.astype({"limit": float, "new": float, "new_limit": float})
