"""The run: its verdict and numbers, how they changed, what failed, and how it was done."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from pydantic import BaseModel

from imgvet.foreign import visible
from imgvet.metrics import FLAGS
from imgvet.reasons import Reason
from imgvet.reports import limits
from imgvet.reports.charts import Chart, lines
from imgvet.reports.inputs import Content, Image, Listing, ReportInputs, gallery
from imgvet.reports.text import count, counted, label, measured, moment
from imgvet.search.copies import copy_groups
from imgvet.sections import Section
from imgvet.summary import Counts, PastRun


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

    def of(self, counts: Counts) -> int | None:
        """The number; None if it was not measured."""
        return getattr(counts, self.field)

    def applies(self, counts: Counts) -> bool:
        """Whether there was something to count; what was only switched off is told as such."""
        return self.of(counts) is not None or Counts.model_fields[self.field].is_required()

    def share(self, counts: Counts) -> float | None:
        """The share, or the number if it has no whole."""
        number = self.of(counts)
        if number is None or self.whole is None:
            return number
        return number / (getattr(counts, self.whole) or 1)

    def comparable(self, past: PastRun) -> bool:
        """Whether no setting that changes it is another than in a run before."""
        elsewhere = {name for number in NUMBERS for name in number.settings} - set(self.settings)
        return elsewhere.issuperset(past.changed)


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


def compared(run: ReportInputs) -> list[Number]:
    """What is compared between runs, as far as it applies to this one."""
    counts = run.summary.counts
    return [one for one in NUMBERS if one.key not in _ASKED_FOR and one.applies(counts)]


def overview(run: ReportInputs) -> Content:
    """The verdict, the counts, and what to do next."""
    counts = run.summary.counts
    calls = (
        ("invalid_instances", counts.invalid),
        ("similarity", counts.exact_duplicate_groups + counts.near_duplicate_pairs),
        ("leaks", counts.leak_pairs),
        ("label_issues", counts.label_issues),
        ("connected_components", counts.components),
        ("outliers", counts.outliers),
    )
    copies = copy_groups(run.valid)
    # Different labels and splits are steps of their own.
    told = (("label", counts.label_conflict_groups), ("split", counts.leak_images))
    kinds = run.valid.groupby("digest")[[name for name, number in told if number]].nunique()
    work_dir = str(run.record.parameters.get("work_dir", "work_dir"))
    inputs = [source.rstrip("/\\") for source in run.summary.inputs]
    return {
        "numbers": [number for number in NUMBERS if number.applies(counts)],
        "removable": sum(len(group.ids) - 1 for group in copies if group.decided),
        "undecided": sum(not group.decided for group in copies)
        - int((kinds > 1).any(axis=1).sum()),
        "shell_work_dir": shlex.quote(work_dir),
        "python_work_dir": repr(work_dir),
        "calls": [call for call, number in calls if number] or ["img_stats"],
        "root_is_input": inputs == [run.image_table.root.rstrip("/\\")],
    }


def checks(run: ReportInputs) -> Content:
    """The checks, failed ones in the order of the catalogue like the others."""
    failed = run.summary.checks_failed + run.summary.checks_errored
    return {
        "badge": count(failed) if failed else "",
        "checks": [
            {
                "result": result,
                "section": Section(result.section) if result.section in set(Section) else None,
                "examples": [
                    image.filename for image in run.images(result.examples[: limits.EXAMPLES])
                ],
            }
            for result in run.checks
        ],
        "listing": Listing("checks", _frame(run.checks, {"examples", "section"})),
    }


def changes(run: ReportInputs) -> Content | None:
    """What changed since the last run; None if this is the first."""
    if not run.history:
        return None
    last = run.history[-1]
    found = [_change(number, last, run.summary.counts) for number in compared(run)]
    rows = [{**change, "number": change["number"].title} for change in found]
    return {"last": last, "changes": found, "listing": Listing("changes", pd.DataFrame(rows))}


def _change(number: Number, last: PastRun, this: Counts) -> Content:
    """A number twice; its kind is better, worse, changed, same or not comparable."""
    before, now = number.of(last.counts), number.of(this)
    difference = 0 if before is None or now is None else now - before
    kind = "worse" if difference > 0 else "better"
    if not difference or number.whole is None:
        kind = "changed" if difference else "same"
    if not number.comparable(last):
        difference, kind = 0, "not comparable"
    return {"number": number, "before": before, "now": now, "difference": difference, "kind": kind}


def history(run: ReportInputs) -> Content | None:
    """A line for each number, and all runs, the latest first; None if this is the first run."""
    if not run.history:
        return None
    this = PastRun(
        run_id=run.record.run_id,
        started=run.record.started,
        verdict=run.summary.verdict,
        counts=run.summary.counts,
    )
    runs = (*run.history, this)
    shown = runs[-limits.RUNS :]
    return {
        "badge": count(len(runs)),
        "numbers": compared(run),
        "lines": [_line(number, shown) for number in compared(run)],
        "runs": shown[::-1],
        "run_count": len(runs),
        "listing": Listing("history", _frame(runs, {"counts", "changed"}, "counts")),
    }


def _line(number: Number, every: tuple[PastRun, ...]) -> Chart:
    runs = [run for run in every if number.comparable(run)]
    values = [number.share(run.counts) for run in runs]
    percent = number.whole is not None
    first, last = (measured(values[place], percent=percent) for place in (0, -1))
    summary = f"{first} at first, {last} now." if len(runs) > 1 else f"{last} now."
    if others := len(every) - len(runs):
        summary += f" {counted(others, 'run')} with other parameters: not shown."
    return lines(
        [moment(run.started) for run in runs],
        values,
        percent=percent,
        figure_id=f"figure-history-{number.key}",
        title=number.title,
        axis="run",
        counts="share" if percent else "images",
        summary=summary,
        reading="Good if it is low and does not rise."
        if percent
        else "Good if there is no sudden step that nobody can explain.",
    )


def invalid_files(run: ReportInputs) -> Content:
    """Files that could not be analysed, from table ``invalid``; the most frequent reason first."""
    reasons = [
        (code, total, Reason(code).meaning if code in set(Reason) else "")
        for code, total in run.summary.invalid_by_reason.items()
    ]
    columns = ["reason", "files", "meaning"]
    return {
        "badge": count(run.summary.counts.invalid),
        "reasons": reasons,
        "listing": Listing("invalid_reasons", pd.DataFrame(reasons, columns=columns)),
        "files": gallery(
            run.table("invalid"),
            limits.TABLE_ROWS,
            lambda row: {**row, "item": Image(row["id"], row["filename"])},
        ),
    }


def this_run(run: ReportInputs) -> Content:
    """When, how and with what the results were made."""
    told = {
        "model": entries({"name": run.summary.model, **run.record.model}),
        "versions": entries(run.record.versions),
        "parameters": entries(run.record.parameters),
    }
    rows = [(kind, *row) for kind, known in told.items() for row in known]
    return {
        **told,
        "settings": Listing("settings", pd.DataFrame(rows, columns=["of", "name", "value"])),
        "stages": Listing("stages", _frame(run.record.stages)),
    }


def _frame(
    records: Sequence[BaseModel], without: Collection[str] = (), nested: str = ""
) -> pd.DataFrame:
    """Records by their fields, those of a ``nested`` record beside them."""
    rows = [record.model_dump(mode="json") for record in records]
    own = [{name: value for name, value in row.items() if name not in without} for row in rows]
    pairs = zip(own, rows, strict=True)
    return pd.DataFrame([{**row, **(whole[nested] if nested else {})} for row, whole in pairs])


def entries(values: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """A nested mapping as (dotted name, value in words), in its order."""
    flat = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat += entries(value, f"{prefix}{name}.")
        else:
            text = (
                ", ".join(map(_text, value)) or "none" if isinstance(value, list) else _text(value)
            )
            flat.append((visible(f"{prefix}{name}"), label(text, limits.MESSAGE_LENGTH)))
    return flat


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
