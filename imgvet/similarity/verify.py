"""Stage verify_pairs: what alike pairs have to do with each other, and which of them to list.

Each pair that is at least ``verify_threshold`` similar is compared by its thumbnails
(:mod:`imgvet.similarity.alignment`), in the processes that decode: threads would wait for each
other, as a comparison is many short steps. Pairs below ``threshold`` stay only if the pixels prove
that both show the same. What was found for a pair of contents is kept for the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from imgvet.images.isolation import isolated
from imgvet.options import SimilarityOptions
from imgvet.progress import tracked
from imgvet.reasons import Failure
from imgvet.similarity.distances import Rows
from imgvet.similarity.maps import Map, inverted
from imgvet.similarity.pairs import Apart, families_of
from imgvet.similarity.relations import Finding, Pair, Relation, Shown, compared
from imgvet.store.packs import DIGEST, Thumbnails
from imgvet.store.store import Store
from imgvet.tables import SIMILARITY, read_if_sound, to_frame, write_table
from imgvet.threads import in_threads
from imgvet.workdir import WorkDir, write_atomically

STAGE = "verify_pairs"
VERSION = 8

_PAIRS_AT_ONCE, _WORTH_A_PROCESS = 128, 256

_PAIR, _SHOWN = ["first", "second"], ["from_shown", "to_shown"]
_KEY = [*_PAIR, "thorough"]
_KNOWN = pa.schema(
    [
        ("version", pa.int64()),
        *((name, pa.string()) for name in _PAIR),
        ("thorough", pa.bool_()),
        *map(SIMILARITY.schema.field, Finding._fields),
    ]
)


def verify_pairs(
    pairs: pd.DataFrame,
    items: pd.DataFrame,
    store: Store,
    options: SimilarityOptions,
    threads: int,
    apart: Apart = (),
) -> pd.DataFrame:
    """The table similarity, of pairs as :func:`imgvet.similarity.pairs.similar_pairs` lists them.

    Those of contents ``apart`` stay, as decided. StaleReferenceError if the store lacks the
    thumbnail of one.
    """
    digest = items.set_index("id")[DIGEST]
    ends = np.column_stack([pairs[side].map(digest).to_numpy(str) for side in ("from", "to")])
    exact = ends[:, 0] == ends[:, 1]
    listed = pairs["similarity"] >= options.threshold
    # The same two contents are compared in the same order whatever their ids are.
    keys = pd.DataFrame(np.sort(ends, axis=1), pairs.index, _PAIR).assign(thorough=listed)
    asked = pairs[(pairs["similarity"] >= options.verify_threshold) & ~exact]
    wanted = keys.loc[asked.sort_values(["from", "to"]).index]
    known = _findings(wanted.drop_duplicates(), store, threads)
    found = wanted.merge(known, how="left", on=_KEY).set_index(wanted.index).drop(columns=_KEY)
    found = found.reindex(pairs.index)
    turned = ends[:, 0] > ends[:, 1]
    found.loc[turned, _SHOWN] = found.loc[turned, _SHOWN[::-1]].to_numpy()
    found["transform"] = [
        _inverted(way) if back and isinstance(way, np.ndarray) else way
        for way, back in zip(found["transform"], turned, strict=True)
    ]
    found.loc[exact, "relation"] = Relation.EXACT.value
    found.loc[exact, _SHOWN] = 1.0
    found["decided"] = pd.MultiIndex.from_frame(keys[_PAIR]).isin(apart)
    return pairs.join(found)[listed | (found["verified"] > 0)].reset_index(drop=True)


def _findings(wanted: pd.DataFrame, store: Store, threads: int) -> pd.DataFrame:
    """What is known of pairs of contents, with the columns of ``wanted``; what is new is kept."""
    path = path_of(store.work)
    known = wanted.merge(_load(path), on=_KEY)
    pairs = pd.concat([wanted, known[_KEY]]).drop_duplicates(keep=False)
    if pairs.empty:
        return known
    families = _families(pairs)
    order = np.argsort(families, kind="stable")
    pairs = pairs.iloc[order]
    contents = pd.unique(pairs[_PAIR].to_numpy().ravel()).tolist()
    rows = list(pairs.itertuples(index=False, name=None))
    ends = part_ends(families[order])
    parts = [rows[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    store.measures.require(contents, store.measures.digests())
    threads = min(threads, 1 + len(rows) // _WORTH_A_PROCESS)
    new = in_threads(partial(_compared, shown_of=pictures_of(store)), parts, threads)
    found = list(tracked(chain.from_iterable(new), STAGE, len(known), len(wanted)))
    pairs[list(Finding._fields)] = pd.DataFrame(found, pairs.index, dtype=object)
    joined = pd.concat([known, pairs], ignore_index=True)[[*_KEY, *Finding._fields]]
    table = pa.Table.from_pandas(joined.assign(version=VERSION), _KNOWN, preserve_index=False)
    write_atomically(path, lambda draft: write_table(table, draft))
    return to_frame(table).drop(columns="version")


def part_ends(families: Rows) -> list[int]:
    """Where to cut pairs into parts of some :data:`_PAIRS_AT_ONCE`, within large families alone.

    ``families`` (n,) is ascending. A picture of a part is decoded once.
    """
    begin = np.searchsorted(families, families)
    window, within = begin // _PAIRS_AT_ONCE, (np.arange(len(families)) - begin) // _PAIRS_AT_ONCE
    changes = (np.diff(window) != 0) | (np.diff(within) > 0)
    return [*(np.flatnonzero(changes) + 1).tolist(), len(families)]


def _families(pairs: pd.DataFrame) -> Rows:
    """(n,), the connected component of each pair."""
    codes, contents = pd.factorize(pairs[_PAIR].to_numpy().ravel())
    ends = codes.reshape(-1, 2)
    return families_of(ends, len(contents))[ends[:, 0]]


def path_of(work: WorkDir) -> Path:
    """The file of what the last run found."""
    return work.store / "comparisons" / "pairs.parquet"


def _load(path: Path) -> pd.DataFrame:
    table = read_if_sound(path) if path.is_file() else None
    frame = to_frame(_KNOWN.empty_table() if table is None else table)
    return frame[frame["version"] == VERSION].drop(columns="version")


def _compared(pairs: Sequence[Pair], shown_of: Callable[[str], Shown | None]) -> list[Finding]:
    contents = {digest for pair in pairs for digest in pair[:2]}
    shown = {digest: known for digest in contents if (known := shown_of(digest))}
    found = isolated(compared, pairs, shown)
    # A process that was ended from outside says nothing of the pairs.
    return compared(pairs, shown) if isinstance(found, Failure) else found


def pictures_of(store: Store) -> Callable[[str], Shown | None]:
    """Gives thumbnail and size of a content by its digest, as far as the store has it."""
    names = [DIGEST, "width", "height"]
    thumbnails, rows = Thumbnails(store.measures), store.measures.read(names)
    columns = (rows[name].to_pylist() for name in names)
    sizes = {digest: (width, height) for digest, width, height in zip(*columns, strict=True)}

    def shown(digest: str) -> Shown | None:
        thumbnail = thumbnails.read(digest)
        return None if thumbnail is None else (thumbnail, sizes[digest])

    return shown


def _inverted(transform: Map) -> list[float]:
    back: list[float] = inverted(np.reshape(transform, (2, 3))).ravel().round(4).tolist()
    return back
