"""Cut what is still to be computed into shards: the unit of work, of retry and of resuming."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from imgvet.parameters import Frozen
from imgvet.store.packs import PACK_ITEMS
from imgvet.store.references import Reference, store_arrow
from imgvet.workdir import WorkDir


class Shard(Frozen):
    """The items of one shard, and how many are in the shards before it and in all of them."""

    rows: Reference
    done_before: int
    total: int


class Plan(Frozen):
    """The shards of one stage, and how many items the store has."""

    shards: tuple[Shard, ...]
    pending: int
    stored: int
    ahead: int = 0
    """Of those stored, how many this run computed ahead of the stage."""


def plan(
    work: WorkDir, stem: str, items: pd.DataFrame, done: pd.Series, columns: Sequence[str]
) -> Plan:
    """Cut the items that are not done into shards, with the columns that the stage needs."""
    pending = items.loc[~done, list(columns)]
    shards = []
    for start in range(0, len(pending), PACK_ITEMS):
        shard = pending.iloc[start : start + PACK_ITEMS]
        rows = store_arrow(work, f"shard-{stem}", pa.Table.from_pandas(shard, preserve_index=False))
        shards.append(Shard(rows=rows, done_before=start, total=len(pending)))
    return Plan(shards=tuple(shards), pending=len(pending), stored=int(done.sum()))
