"""How the run went: files that could not be analysed, parameters, versions, timings, the model."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from imgvet.reasons import MEANING, Reason
from imgvet.reports import limits
from imgvet.reports.text import count, counted, duration, moment, share, shorten, visible
from imgvet.reports.view.images import Album, Item, name_of
from imgvet.reports.view.section import SectionView
from imgvet.sections import Section
from imgvet.summary import RunRecord, RunSummary, StageTiming

Entries = tuple[tuple[str, str], ...]


def invalid_files(summary: RunSummary, invalid: pd.DataFrame, album: Album) -> SectionView:
    """Files that could not be analysed, from table ``invalid``; the most frequent reason first."""
    by_reason = sorted(summary.invalid_by_reason.items(), key=lambda entry: (-entry[1], entry[0]))
    counts = summary.counts
    return SectionView(
        Section.INVALID,
        f"{counted(counts.invalid, 'file')} of {count(counts.images)} "
        f"({share(counts.invalid, counts.images)}) could not be analysed."
        if counts.invalid
        else "None: good. Every file could be analysed.",
        badge=count(counts.invalid),
        content={
            "reasons": tuple(
                (code, count(total), MEANING[Reason(code)] if code in set(Reason) else "")
                for code, total in by_reason
                if total
            ),
            "files": tuple(
                _file(row, album)
                for row in invalid.head(limits.TABLE_ROWS).to_dict(orient="records")
            ),
            "file_count": len(invalid),
        },
    )


def _file(row: Mapping[Hashable, Any], album: Album) -> dict[str, Any]:
    """A file, the code of its reason, and what the decoder said."""
    detail = visible(row["detail"]) if isinstance(row["detail"], str) else ""
    return {
        "item": Item(int(row["id"]), name_of(str(row["filename"]), album.root)),
        "reason": row["reason"],
        "detail": shorten(detail, limits.FOLDER_LENGTH * 2),
        "whole_detail": detail,
    }


def run(summary: RunSummary, record: RunRecord) -> SectionView:
    """When, how and with what the results were made."""
    longest = max((stage.seconds for stage in record.stages), default=0.0)
    return SectionView(
        Section.RUN,
        f"Started {moment(record.started)} and took {duration(record.seconds)}.",
        content={
            "reused_summary": _reused_summary(record.stages),
            "facts": (
                ("Run", visible(record.run_id)),
                ("Started", moment(record.started)),
                ("Finished", moment(record.finished)),
                ("Duration", duration(record.seconds)),
                ("Neighbour search", _recall(summary.neighbor_recall)),
            ),
            "stages": tuple(_stage(stage, longest) for stage in record.stages),
            "model": entries({"name": summary.model, **record.model}),
            "versions": entries(record.versions),
            "parameters": entries(record.parameters),
        },
    )


def entries(values: Mapping[str, object], prefix: str = "") -> Entries:
    """A nested mapping as (dotted name, value in words), in its order."""
    flat: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.extend(entries(value, f"{prefix}{name}."))
        else:
            flat.append((visible(f"{prefix}{name}"), _in_words(value)))
    return tuple(flat)


def _in_words(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return shorten(visible(text), limits.FOLDER_LENGTH * 4)


def _recall(recall: float | None) -> str:
    if recall is None:
        return "none was done"
    if recall >= 1.0:
        return "exact: every nearest neighbour was found"
    return f"approximate: {share(int(recall * 10_000), 10_000)} of nearest neighbours were found"


def _stage(stage: StageTiming, longest: float) -> dict[str, Any]:
    return {
        "name": stage.stage,
        "duration": duration(stage.seconds),
        "percent": round(100.0 * stage.seconds / longest, 1) if longest else 0.0,
        "computed": count(stage.computed),
        "reused": count(stage.reused),
        "result": "taken from an earlier run" if stage.cached else "computed",
    }


def _reused_summary(stages: Sequence[StageTiming]) -> str:
    cached = sum(stage.cached for stage in stages)
    reused = sum(stage.reused for stage in stages)
    results = reused + sum(stage.computed for stage in stages)
    text = (
        f"{counted(cached, 'stage')} of {count(len(stages))} did not have to run again"
        if cached
        else f"All {counted(len(stages), 'stage')} ran"
    )
    if not results:
        return f"{text}."
    return (
        f"{text}; {share(reused, results)} of {counted(results, 'result')} of single items came "
        "from the store."
    )
