"""The table similarity: near pairs by embedding and exact pairs by content digest."""

from __future__ import annotations

import numpy as np
import pandas as pd

from imgvet.options import SimilarityOptions

VERSION = 1

PAIR = ["from", "to"]


def similar_pairs(
    neighbors: pd.DataFrame, items: pd.DataFrame, options: SimilarityOptions
) -> pd.DataFrame:
    """Pairs at least ``threshold`` similar: each once with from < to, best first, then by id.

    Args:
        neighbors: the table neighbors.
        items: the table items.
        options: the threshold.
    """
    near = neighbors[neighbors["similarity"] >= options.threshold]
    pairs = pd.concat([exact_pairs(items), near], ignore_index=True)
    low, high = np.minimum(pairs["from"], pairs["to"]), np.maximum(pairs["from"], pairs["to"])
    pairs = pairs.assign(**{"from": low, "to": high}).drop_duplicates(PAIR)
    order = ["similarity", *PAIR]
    return pairs.sort_values(order, ascending=[False, True, True]).reset_index(drop=True)


def exact_pairs(items: pd.DataFrame) -> pd.DataFrame:
    """A pair from the first item of each content to each byte-identical copy, similarity 1.

    A group of m copies gives m - 1 pairs, not m (m - 1) / 2: a million copies, a million rows.
    """
    valid = items[items["embedding_row"].notna()]
    first = valid.groupby("embedding_row")["id"].transform("first")
    copies = valid["id"] != first
    return pd.DataFrame(
        {
            "from": first[copies].to_numpy(np.int64),
            "to": valid.loc[copies, "id"].to_numpy(np.int64),
            "similarity": np.ones(int(copies.sum())),
        }
    )
