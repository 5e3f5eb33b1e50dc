"""Which images of a run are exported, and under which labels: those that a person decided on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from imgvet.annotations.match import match
from imgvet.annotations.read import read_annotations
from imgvet.curation.decisions import read_decisions
from imgvet.curation.plan_file import read_rows
from imgvet.errors import InputEmptyError, PlanError
from imgvet.exchange.options import ExportOptions
from imgvet.options import SourceOptions
from imgvet.reasons import Reason
from imgvet.search.conditions import conditions_of
from imgvet.search.image_table import ImageTable
from imgvet.search.query import ImageSearch, Query
from imgvet.search.saved_lists import names_in_list
from imgvet.sources.kinds import file_of_item
from imgvet.summary import read_record
from imgvet.tables import ITEMS, read_table
from imgvet.workdir import WorkDir


@dataclass(frozen=True)
class Selection:
    """The images that were chosen of a run."""

    items: pd.DataFrame
    """Valid rows of the table items, by id, with corrected labels and splits."""
    images: ImageTable
    left_out: int
    """Valid images that were not chosen."""


def select_images(work: WorkDir, options: ExportOptions) -> Selection:
    """The images of a finished run that an export is asked for.

    InputEmptyError if none is left; InvalidParameterError of a condition, a list or corrections
    that do not fit the run; PlanError of a plan that is none.
    """
    images = ImageTable.of_run(work)
    items = read_table(work.table(ITEMS.name))
    valid = items[items["status"] == Reason.OK.value]
    wanted = ImageSearch(images).ids(
        Query(where=conditions_of(options.where or {}, images.columns))
    )
    chosen = valid[valid["id"].isin(wanted)]
    if options.list is not None:
        chosen = chosen[chosen["filename"].isin(_names_in_lists(work, options.list))]
    if options.without is not None:
        chosen = chosen[~chosen["filename"].isin(_names_in_lists(work, options.without))]
    if options.plan is not None:
        chosen = chosen[~removed_by(options.plan, items["filename"])[chosen.index]]
    if chosen.empty:
        raise InputEmptyError(
            "No valid image of the run is left to export",
            "Leave out some of where, list, without and plan",
        )
    chosen = chosen.assign(label=read_decisions(work).corrected(chosen))
    if options.corrections is not None:
        inputs = read_record(work).options(SourceOptions).inputs
        given = read_annotations(options.corrections)
        found = match(given, chosen["filename"].tolist(), inputs).rows.set_axis(chosen.index)
        names = ["label", "split"]
        chosen = chosen.assign(**found[names].fillna(chosen[names]))
    return Selection(chosen.reset_index(drop=True), images, len(valid) - len(chosen))


def _names_in_lists(work: WorkDir, names: Sequence[str]) -> set[str]:
    return {filename for name in names for filename in names_in_list(work, name)}


def removed_by(plan: Path, filenames: pd.Series) -> pd.Series:
    """Which images a plan removes, maybe with the whole file that they lie in.

    PlanError if it is none, or one of another run.
    """
    rows, files = read_rows(plan, ["filename", "action"]), filenames.map(file_of_item)
    if len(rows) and not rows["filename"].isin({*filenames, *files}).any():
        raise PlanError(
            f"The plan {plan} names no image of this run", "Give the plan that was made of this run"
        )
    gone = rows["filename"][rows["action"] == "remove"]
    return filenames.isin(gone) | files.isin(gone)
