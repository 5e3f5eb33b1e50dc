"""The plan of a curation as a page of its own: one file that can be sent, pictures inside."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import pandas as pd

from imgvet.curation.plan import PROTECTED, bytes_that_go, make_plan
from imgvet.curation.plan_file import ACTIONS, write_plan
from imgvet.curation.rules import Rules
from imgvet.curation.whole_files import WHOLE_FILE
from imgvet.opening import exclusive
from imgvet.reports import limits
from imgvet.reports.build import environment
from imgvet.reports.pictures import inliner
from imgvet.search.image_table import ImageTable
from imgvet.summary import read_record
from imgvet.tables import with_none
from imgvet.workdir import WorkDir, write_text

Row = dict[Any, Any]


def propose(work: WorkDir, rules: Rules, *, replace: bool = False) -> pd.DataFrame:
    """Make the plan of a finished run and write it as CSV, Parquet and a page.

    PlanError if a plan that a person edited would be replaced and ``replace`` is not given;
    WorkDirBusyError while a run writes.
    """
    with exclusive(work):
        plan = make_plan(work, rules)
        write_plan(work, plan, replace=replace)
        write_page(work, plan)
    return plan


def write_page(work: WorkDir, plan: pd.DataFrame) -> None:
    """Write the page of a plan; the same plan gives the same bytes."""
    images = ImageTable.of_run(work)
    inside = images.frame(["path", "digest", "embedding_row"]).dropna().drop_duplicates("path")
    # An archive or a video is shown by the first image in it.
    of_whole = plan["list"].eq(WHOLE_FILE)
    first = plan["filename"].map(inside.set_index("path")["digest"])
    plan = plan.assign(shown=plan["digest"].mask(of_whole, first))
    rows: list[Row] = with_none(plan).to_dict("records")
    page = environment().get_template("plan.html")
    # Whoever opens the page need not stand where the command was given.
    place = work.name if work.address else str(work.home.absolute())
    text = page.render(
        title=read_record(work).dataset,
        root=images.root,
        actions=_actions([row for row in rows if row["list"] != WHOLE_FILE]),
        noun="crop" if work.part else "image",
        size=bytes_that_go(plan),
        sections=list(_sections(rows, inliner(work))),
        place=f"{place}/{work.plan_csv.name}",
        quoted=shlex.quote(f"{place}/{work.plan_csv.name}"),
        quoted_work_dir=shlex.quote(place),
    )
    write_text(work.plan_page, text)


def _actions(rows: Sequence[Row]) -> dict[str, int]:
    """How many rows stay, go and wait for a person."""
    counts = Counter(row["action"] for row in rows)
    return {action: counts[action] for action in ACTIONS}


def _sections(rows: Sequence[Row], inline: Callable[[object], str]) -> Iterator[Row]:
    """The lists in the order of the plan: each group begins with what stays for the others."""
    staying = {row["kept"] for row in rows}
    kept = {row["filename"]: row for row in rows if row["filename"] in staying}
    touched = [row for row in rows if row["action"] != "keep" or row["list"] == PROTECTED]
    for name in dict.fromkeys(row["list"] for row in touched):
        members = [row for row in touched if row["list"] == name]
        groups: dict[str, list[Row]] = {}
        for row in sorted(members, key=_group):
            first = [kept[row["kept"]]] if row["kept"] in kept else []
            groups.setdefault(_group(row), first).append(row)
        yield {
            "name": name,
            "actions": _actions(members),
            "is_grouped": any(len(group) > 1 for group in groups.values()),
            "groups": [
                [row | {"picture": inline(row["shown"])} for row in group[: limits.COPIES]]
                for group in islice(groups.values(), limits.CARDS)
            ],
            "sizes": [len(group) for group in groups.values()],
        }


def _group(row: Row) -> str:
    return str(row["kept"] or row["filename"])
