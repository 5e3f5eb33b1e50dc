"""The run: its verdict, what failed, and how it was done."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

import numpy as np
import pandas as pd

from imgvet.format import visible
from imgvet.reasons import Reason
from imgvet.reports import limits
from imgvet.reports.inputs import Content, Image, Listing, ReportInputs, gallery
from imgvet.reports.sections.history import NUMBERS
from imgvet.reports.text import count, label
from imgvet.search.copies import copy_groups
from imgvet.workdir import CROPS_PART


def overview(run: ReportInputs) -> Content:
    """The verdict, the counts, and what to do next."""
    counts = run.summary.counts
    left, judged = run.open_copies, run.open_labels
    copies = copy_groups(left)
    # Different labels and splits are steps of their own.
    told = (("label", counts.label_conflict_groups), ("split", counts.leak_images))
    kinds = left.groupby("digest")[[name for name, number in told if number]].nunique()
    first, second = run.pairs.ends(run.open_pairs("conflicts"), "digest")
    work_dir = str(run.record.parameters.get("work_dir", "work_dir"))
    work_dir += "" if run.summary.sources is None else f"/{CROPS_PART}"
    inputs = [source.rstrip("/\\") for source in run.summary.inputs]
    return {
        "numbers": [number for number in NUMBERS if number.applies(run.counts)],
        "removable": sum(len(group.ids) - 1 for group in copies if group.decided),
        "undecided": sum(not group.decided for group in copies)
        - int((kinds > 1).any(axis=1).sum()),
        "leaking": np.unique(run.open_pairs("leaks")[["from", "to"]]).size,
        "conflicting": judged["digest"][judged["conflict"]].nunique(),
        "contradicting": int((first != second).sum()),
        "mislabelled": int((judged["is_issue"] & ~judged["conflict"]).sum()),
        "near": len(run.open_pairs("near")),
        "shell_work_dir": shlex.quote(work_dir),
        "python_work_dir": repr(work_dir),
        "root_is_input": inputs == [run.image_table.root.rstrip("/\\")],
    }


def checks(run: ReportInputs) -> Content:
    """The checks, failed ones in the order of the catalogue like the others."""
    failed = run.summary.checks_failed + run.summary.checks_errored
    left_out = {"examples", "section"}
    rows = [result.model_dump(mode="json", exclude=left_out) for result in run.checks]
    return {
        "badge": count(failed) if failed else "",
        "listing": Listing("checks", pd.DataFrame(rows)),
    }


def invalid_files(run: ReportInputs) -> Content:
    """Files that could not be analysed, from table ``invalid``; the most frequent reason first."""
    reasons = [
        (code, total, Reason(code).meaning if code in set(Reason) else "")
        for code, total in run.summary.invalid_by_reason.items()
    ]
    columns = ["reason", "files", "meaning"]
    return {
        "badge": count(run.summary.counts.invalid),
        "reasons": Listing("invalid_reasons", pd.DataFrame(reasons, columns=columns)),
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
        "stages": Listing("stages", pd.DataFrame([one.model_dump() for one in run.record.stages])),
    }


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
