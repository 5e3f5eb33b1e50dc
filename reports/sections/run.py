"""How the run went: files that could not be analysed, parameters, versions, timings, the model."""

from __future__ import annotations

import json
from collections.abc import Mapping

from imgvet.reasons import MEANING, Reason
from imgvet.reports import limits
from imgvet.reports.inputs import Content, Image, ReportInputs, gallery
from imgvet.reports.text import count, label, visible


def invalid_files(run: ReportInputs) -> Content:
    """Files that could not be analysed, from table ``invalid``; the most frequent reason first."""
    reasons = [(code, total) for code, total in run.summary.invalid_by_reason.items() if total]
    return {
        "badge": count(run.summary.counts.invalid),
        "reasons": [
            (code, total, MEANING[Reason(code)] if code in set(Reason) else "")
            for code, total in sorted(reasons, key=lambda reason: (-reason[1], reason[0]))
        ],
        "files": gallery(
            run.table("invalid"),
            limits.TABLE_ROWS,
            lambda row: {
                "item": Image(row["id"], row["filename"]),
                "reason": row["reason"],
                "detail": row["detail"] if isinstance(row["detail"], str) else "",
            },
        ),
    }


def this_run(run: ReportInputs) -> Content:
    """When, how and with what the results were made."""
    record, stages = run.record, run.record.stages
    return {
        "longest": max((stage.seconds for stage in stages), default=0.0),
        "cached": sum(stage.cached for stage in stages),
        "reused": sum(stage.reused for stage in stages),
        "results": sum(stage.reused + stage.computed for stage in stages),
        "model": entries({"name": run.summary.model, **record.model}),
        "versions": entries(record.versions),
        "parameters": entries(record.parameters),
    }


def entries(values: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """A nested mapping as (dotted name, value in words), in its order."""
    flat = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat += entries(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False,
                                                                   default=str)  # fmt: skip
            flat.append((visible(f"{prefix}{name}"), label(text, limits.MESSAGE_LENGTH)))
    return flat
