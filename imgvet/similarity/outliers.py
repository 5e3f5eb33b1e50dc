"""Stage find_outliers: the images least like their nearest neighbour."""

from __future__ import annotations

import numpy as np
import pandas as pd

from imgvet.options import OutlierOptions
from imgvet.similarity.distances import Reals
from imgvet.similarity.pairs import PAIR, exact_pairs
from imgvet.tables import OUTLIERS

VERSION = 4

ROBUST_LIMIT = 3.5
"""Scores above it stand out: Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993."""

_MAD_TO_SIGMA = 1.4826
"""Scaled median absolute deviation estimates the standard deviation of a normal distribution."""


def find_outliers(
    neighbors: pd.DataFrame, alike: pd.DataFrame, items: pd.DataFrame, options: OutlierOptions
) -> tuple[pd.DataFrame, float | None]:
    """The table outliers: the share ``outlier_percentile`` of valid images, and all that stand out.

    Beside it the median similarity to the nearest neighbour, None if there are no neighbours.
    The share is of so many images, rounded half up; images with an exact copy have similarity 1.
    The robust score, by which an image stands out over :data:`ROBUST_LIMIT`, is independent of the
    share and may be that of no image at all. It is the lower of two: among all images, and among
    those without a copy, exact or proven in the table similarity, ``alike``, as beside many copies
    any other image would stand out. One with a copy has 0.
    """
    nearest = nearest_of_all(neighbors, items)
    median = float(nearest["similarity"].median()) if len(nearest) else None
    proven = alike.loc[alike["verified"] > 0, PAIR]
    copied = items["id"].isin(proven.to_numpy().ravel()) | items["embedding_row"].duplicated(False)
    alone = ~nearest["id"].isin(items.loc[copied, "id"])
    scores = robust_score(nearest["similarity"].to_numpy())
    nearest["score"] = 0.0
    nearest.loc[alone, "score"] = np.minimum(
        scores[alone], robust_score(nearest.loc[alone, "similarity"].to_numpy())
    )
    nearest = nearest.sort_values(["similarity", "id"], ignore_index=True)
    valid = int(items["embedding_row"].notna().sum())
    wanted = int(options.outlier_percentile * valid + 0.5)
    in_share, stands_out = nearest.index < wanted, nearest["score"] > ROBUST_LIMIT
    nearest["by"] = np.select([in_share & stands_out, in_share], ["both", "share"], "score")
    return nearest.loc[in_share | stands_out, OUTLIERS.column_names], median


def standing_out(outliers: pd.DataFrame) -> pd.DataFrame:
    """The rows of the table outliers that are listed by their score, whatever the share."""
    return outliers[outliers["score"] > ROBUST_LIMIT]


def nearest_of_all(neighbors: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """The nearest neighbour of every valid image: id, nearest, similarity.

    Byte-identical copies are each other's. An image that has none among others, as the model says
    nothing about it, has nearest null and similarity 0. A single content has nothing to be compared
    with and so has no row.
    """
    exact = exact_pairs(items)
    back = exact.rename(columns={"from": "to", "to": "from"})
    nearest = pd.concat([back, exact, neighbors]).drop_duplicates("from")
    nearest = nearest.rename(columns={"from": "id", "to": "nearest"})
    nearest["nearest"] = nearest["nearest"].astype("Int64")
    if items["embedding_row"].nunique() > 1:
        alone = items.loc[items["embedding_row"].notna() & ~items["id"].isin(nearest["id"]), "id"]
        nearest = nearest.merge(alone, on="id", how="outer").fillna({"similarity": 0.0})
    return nearest.sort_values("id", ignore_index=True)[["id", "nearest", "similarity"]]


def robust_score(similarity: Reals) -> Reals:
    """How many scaled median absolute deviations each value (n,) lies below the median.

    Where that deviation is 0 the mean absolute one counts instead (Iglewicz and Hoaglin); where
    both are, all score 0.
    """
    if not len(similarity):
        return similarity
    below = np.median(similarity) - similarity
    away = np.abs(below)
    spread = _MAD_TO_SIGMA * float(np.median(away)) or 1.253314 * float(away.mean())
    return np.round(below / spread, 4) if spread > 0 else np.zeros_like(below)
