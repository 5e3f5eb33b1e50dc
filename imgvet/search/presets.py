"""Queries that most people ask first: exact copies, near duplicates, outliers, dark images, ..."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imgvet.metrics import FLAGS, Flag, threshold
from imgvet.options import FlagOptions, PartType, SimilarityOptions
from imgvet.reasons import Reason
from imgvet.search.columns import COPIES, HIGHEST
from imgvet.search.query import Column, Condition, Query
from imgvet.summary import RunRecord


@dataclass(frozen=True)
class Preset:
    """A query with a title."""

    title: str
    query: Query


def presets(record: RunRecord, columns: Mapping[str, Column]) -> tuple[Preset, ...]:
    """The queries that a run has the columns for, with its own thresholds."""
    flags = _part(record, FlagOptions)
    valid = Condition(column="status", values=(Reason.OK.value,))
    near = Condition(column=HIGHEST, minimum=_part(record, SimilarityOptions).threshold)
    outlier = Condition(column="outliers.score", missing=False)
    found = (
        Preset("All images", Query()),
        Preset(
            "Exact copies",
            Query(where=(Condition(column=COPIES, above=1),), sort="embedding_row"),
        ),
        Preset("With a near duplicate", Query(where=(near,), sort=HIGHEST, descending=True)),
        Preset("Outliers", Query(where=(outlier,), sort="outliers.score", descending=True)),
        *(_flagged(flag, flags) for flag in FLAGS),
        Preset(
            "Largest components",
            Query(
                where=(Condition(column="components.component_id", missing=False),),
                sort="components.component_id",
            ),
        ),
        Preset("Smallest images", Query(where=(valid,), sort="stats.width")),
        Preset("Not analysed", Query(where=(Condition(column="invalid.reason", missing=False),))),
    )
    return tuple(preset for preset in found if _asks_for(preset.query) <= set(columns))


def _asks_for(query: Query) -> set[str]:
    """The columns that a query needs."""
    sorted_by = {query.sort} if query.sort is not None else set()
    return sorted_by | {condition.column for condition in query.where}


def _flagged(flag: Flag, options: FlagOptions) -> Preset:
    column, limit = f"stats.{flag.metric}", threshold(flag, options)
    condition = (
        Condition(column=column, below=limit)
        if flag.below
        else Condition(column=column, above=limit)
    )
    query = Query(where=(condition,), sort=column, descending=not flag.below)
    return Preset(flag.name.capitalize(), query)


def _part(record: RunRecord, kind: type[PartType]) -> PartType:
    """The parameters of a group, as the run had them."""
    given = {
        name: record.parameters[name] for name in kind.model_fields if name in record.parameters
    }
    return kind.model_validate(given)
