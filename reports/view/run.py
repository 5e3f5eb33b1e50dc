"""This run: parameters, versions, timings, the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from imgvet.reports import limits
from imgvet.reports.text import count, counted, duration, moment, share, shorten, visible
from imgvet.reports.view.section import SectionView
from imgvet.sections import Section
from imgvet.summary import RunRecord, RunSummary, StageTiming

Entries = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class StageView:
    """One stage: how long it took, its share of all stages, and where its results came from.

    ``result`` says whether the stage ran, or its earlier result was taken as it was.
    """

    name: str
    duration: str
    percent: float
    computed: str
    reused: str
    result: str


@dataclass(frozen=True, kw_only=True)
class RunView(SectionView):
    """The section of the run.

    Attributes:
        facts: id, start, end, duration, neighbour search, as (label, text).
        cache_summary: how much was taken from earlier runs, in words.
        stages: timings in order.
        parameters: name and value, nested ones with a dot.
        versions: package and version.
        model: what is known of the embedding model.
    """

    facts: Entries
    cache_summary: str
    stages: tuple[StageView, ...]
    parameters: Entries
    versions: Entries
    model: Entries


def run_view(summary: RunSummary, record: RunRecord) -> RunView:
    """The section of the run."""
    longest = max((stage.seconds for stage in record.stages), default=0.0)
    return RunView(
        anchor=Section.RUN,
        summary=f"Started {moment(record.started)} and took {duration(record.seconds)}.",
        facts=_facts(summary, record),
        cache_summary=_cache_in_words(record),
        stages=tuple(_stage(stage, longest) for stage in record.stages),
        parameters=entries(record.parameters),
        versions=entries(record.versions),
        model=entries({"name": summary.model, **record.model}),
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


def _facts(summary: RunSummary, record: RunRecord) -> Entries:
    return (
        ("Run", visible(record.run_id)),
        ("Started", moment(record.started)),
        ("Finished", moment(record.finished)),
        ("Duration", duration(record.seconds)),
        ("Neighbour search", _recall(summary.neighbor_recall)),
    )


def _recall(recall: float | None) -> str:
    if recall is None:
        return "none was done"
    if recall >= 1.0:
        return "exact: every nearest neighbour was found"
    return f"approximate: {share(int(recall * 10_000), 10_000)} of nearest neighbours were found"


def _stage(stage: StageTiming, longest: float) -> StageView:
    return StageView(
        name=stage.stage,
        duration=duration(stage.seconds),
        percent=round(100.0 * stage.seconds / longest, 1) if longest else 0.0,
        computed=count(stage.computed),
        reused=count(stage.reused),
        result="taken from an earlier run" if stage.cached else "computed",
    )


def _cache_in_words(record: RunRecord) -> str:
    cached = sum(stage.cached for stage in record.stages)
    computed = sum(stage.computed for stage in record.stages)
    reused = sum(stage.reused for stage in record.stages)
    words = (
        f"{counted(cached, 'stage')} of {count(len(record.stages))} did not have to run again"
        if cached
        else f"All {counted(len(record.stages), 'stage')} ran"
    )
    if not computed + reused:
        return f"{words}."
    return (
        f"{words}; {share(reused, computed + reused)} of {counted(computed + reused, 'result')} "
        "of single items came from the store."
    )
