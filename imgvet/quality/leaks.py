"""Stage find_leaks: images that another split has too, the same or nearly.

Near is what the table similarity lists, whatever k: contents whose lists of neighbours are full of
near ones are compared with those of the other splits as well; of very many of them, more
neighbours than k.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd

from imgvet.options import SimilarityOptions
from imgvet.similarity.distances import Rows, Vectors, space_of
from imgvet.similarity.neighbors import is_exact, wide_pairs
from imgvet.similarity.pairs import (
    PAIR,
    Comparison,
    are_decided,
    decided_rows,
    with_full_lists,
)
from imgvet.similarity.search import nearest_among
from imgvet.tables import LEAKS

STAGE = "find_leaks"
VERSION = 5

MOST = 25
"""Counterparts in one other split that are listed of an image: all of them but in large groups."""

_ENDS, _GROUP = ["row", "other"], ["row", "split"]


def find_leaks(
    pairs: pd.DataFrame,
    items: pd.DataFrame,
    vectors: Vectors,
    options: SimilarityOptions,
    comparison: Comparison,
    threads: int,
) -> pd.DataFrame:
    """The table leaks; images of no known split are in none, and no pairs that are apart.

    The pairs are those of the table similarity, of what this ``comparison`` listed; embeddings,
    float32 (n, width), are in order of ``embedding_row``.
    """
    known = items.loc[items["embedding_row"].notna(), ["id", "embedding_row", "split"]].dropna()
    members = known.rename(columns={"embedding_row": "row"}).astype({"row": np.int64})
    row_of = items.set_index("id")["embedding_row"]
    listed = pd.DataFrame({"row": pairs["from"].map(row_of), "other": pairs["to"].map(row_of)})
    listed = listed.astype(np.int64).assign(similarity=pairs["similarity"])
    listed = listed[listed["row"] != listed["other"]]
    near = listed.loc[listed["similarity"] >= options.threshold, _ENDS]
    full = with_full_lists(near.to_numpy(), comparison.search.nearest_neighbors_k)
    others = _compared(full, members, vectors, comparison, options.threshold, threads)
    found = pd.concat([listed, others], ignore_index=True)
    one, other = (found[end].to_numpy() for end in _ENDS)
    decided = are_decided(one, other, decided_rows(comparison.apart, items))
    return _across(found[~decided], members)


def _compared(
    full: Rows,
    members: pd.DataFrame,
    vectors: Vectors,
    comparison: Comparison,
    threshold: float,
    threads: int,
) -> pd.DataFrame:
    """Pairs of these contents that are near; of each about :data:`MOST` in another split."""
    search, space = comparison.search, space_of(vectors, comparison.metric)
    groups = members[members["row"].isin(full)].groupby("split")["row"]
    rows_in = [np.unique(rows) for _, rows in groups]
    found = [np.empty((0, 2), np.int64)]
    if len(rows_in) > 1 and not is_exact(len(full), search):
        found.append(full[wide_pairs(space, full, threshold, search, threads)])
    else:
        for rows, others in permutations(rows_in, 2):
            near = others[nearest_among(space, space.data[others], rows, MOST, STAGE)]
            place, rank = np.nonzero(space.similarities(rows, near) >= threshold)
            found.append(np.column_stack([rows[place], near[place, rank]]))
    pairs = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    similarity = space.similarities(pairs[:, 0], pairs[:, 1:]).ravel()
    table = pd.DataFrame(pairs, columns=_ENDS).assign(similarity=similarity)
    return table[table["row"] != table["other"]]


def _across(pairs: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """The table leaks of pairs of contents, and of those that lie in several splits."""
    groups = members[_GROUP].drop_duplicates()
    several = groups.loc[groups["row"].duplicated(), "row"].unique()
    same = pd.DataFrame({"row": several, "other": several, "similarity": 1.0})
    back = pairs.rename(columns={"row": "other", "other": "row"})
    pairs = pd.concat([same, pairs, back]).sort_values("similarity", ascending=False, kind="stable")
    pairs = pairs.drop_duplicates(_ENDS).merge(groups, on="row")
    pairs = pairs.merge(groups.rename(columns={"row": "other", "split": "other_split"}), on="other")
    pairs = pairs[pairs["split"] != pairs["other_split"]]
    pairs = pairs[pairs.groupby([*_GROUP, "other_split"]).cumcount() < MOST]
    first = members[members.groupby(_GROUP).cumcount() < MOST]
    first = first.rename(columns={"id": "to", "row": "other", "split": "other_split"})
    table = pairs.merge(members.rename(columns={"id": "from"}), on=_GROUP)
    table = table.merge(first, on=["other", "other_split"])
    turned = table["from"] > table["to"]
    ends = [*PAIR, "split", "other_split"]
    table.loc[turned, ends] = table.loc[turned, ["to", "from", "other_split", "split"]].to_numpy()
    table = table.astype(dict.fromkeys(PAIR, np.int64)).drop_duplicates(PAIR)
    order = ["similarity", *PAIR]
    table = table.sort_values(order, ascending=[False, True, True], ignore_index=True)
    return table[LEAKS.column_names]
