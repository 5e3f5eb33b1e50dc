"""Cut what is still to be computed into shards: the unit of work, of retry and of resuming."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Concatenate, Generic, ParamSpec, TypeVar

import pandas as pd
import pyarrow as pa

from imgvet.bucket import computed_elsewhere
from imgvet.parameters import Frozen
from imgvet.progress import Progress
from imgvet.store.packs import PACK_ITEMS
from imgvet.store.references import Reference, store_arrow
from imgvet.store.store import Store
from imgvet.tasks.context import RunContext
from imgvet.workdir import WorkDir

Inputs = ParamSpec("Inputs")
Result = TypeVar("Result")


class Shard(Frozen):
    """The items of one shard."""

    rows: Reference
    before: Progress
    """How far its stage is without it."""
    files: tuple[str, ...] | None
    """Files of the work dir that it is computed from, by their names; None if others of this
    machine are needed, too, as for members of archives and frames of videos."""


class Plan(Frozen):
    """The shards of one stage, and how many items the store has."""

    shards: tuple[Shard, ...]
    pending: int
    stored: int
    ahead: int = 0
    """Of those stored, how many this run computed ahead of the stage."""


def plan(
    work: WorkDir, stage: str, items: pd.DataFrame, done: pd.Series, columns: Sequence[str]
) -> Plan:
    """Cut the items that are not done into shards, with the columns that the stage needs."""
    pending = items.loc[~done, list(columns)]
    inside = pending[pending.columns.intersection(["member", "time_ms"])].notna().any(axis=1)
    shards = []
    for start in range(0, len(pending), PACK_ITEMS):
        shard = pending.iloc[start : start + PACK_ITEMS]
        table = pa.Table.from_pandas(shard, preserve_index=False)
        rows = store_arrow(work, f"shard-{stage}", table)
        packs = shard["pack"].unique() if "pack" in shard else ()
        paths = map(Store(work).measures.thumbnails_path, packs)
        files = (rows.name, *(path.relative_to(work.path).as_posix() for path in paths))
        needed = None if inside[shard.index].any() else files
        before = Progress(stage, start, len(pending))
        shards.append(Shard(rows=rows, before=before, files=needed))
    return Plan(shards=tuple(shards), pending=len(pending), stored=int(done.sum()))


class Sent(Frozen, Generic[Result]):
    """What came of a shard on another machine, and the digests of the files that it wrote."""

    result: Result
    files: dict[str, str]


def computed_anywhere(
    compute: Callable[Concatenate[RunContext, Inputs], Result],
) -> Callable[Concatenate[RunContext, Inputs], Result | Sent[Result]]:
    """Let a shard be computed also where there is no work dir, but its bucket."""

    @functools.wraps(compute)
    def anywhere(
        context: RunContext, /, *inputs: Inputs.args, **named: Inputs.kwargs
    ) -> Result | Sent[Result]:
        if context.lent is None:
            return compute(context, *inputs, **named)

        def here(work: WorkDir) -> Result:
            within = RunContext(work_dir=work.path, threads=context.threads, part=context.part)
            return compute(within, *inputs, **named)

        result, files = computed_elsewhere(context.lent.bucket, context.lent.files, here)
        return Sent(result=result, files=files)

    return anywhere
