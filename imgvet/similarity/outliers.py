"""Stage find_outliers: the images least like their nearest neighbour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.options import OutlierOptions
from imgvet.similarity.pairs import exact_pairs
from imgvet.tables import OUTLIERS

VERSION = 2

ROBUST_LIMIT = 3.5
"""Scores above it stand out: Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993."""

_MAD_TO_SIGMA = 1.4826
"""Scaled median absolute deviation estimates the standard deviation of a normal distribution."""


@dataclass(frozen=True)
class Outliers:
    """What the nearest neighbours say of each image.

    Attributes:
        table: the table outliers.
        robust: ids of all images whose score exceeds :data:`ROBUST_LIMIT`, worst first.
        median_similarity: median similarity to the nearest neighbour, None without neighbours.
    """

    table: pd.DataFrame
    robust: list[int]
    median_similarity: float | None


def find_outliers(
    neighbors: pd.DataFrame, items: pd.DataFrame, options: OutlierOptions
) -> Outliers:
    """List exactly the share ``outlier_percentile`` of the valid images, worst first.

    The number is that share times the valid images, rounded half up. Images with an exact copy have
    similarity 1. The robust score is independent of the share and may flag no image at all.

    Args:
        neighbors: the table neighbors.
        items: the table items.
        options: the share.
    """
    nearest = nearest_of_all(neighbors, items)
    median = float(nearest["similarity"].median()) if len(nearest) else None
    nearest["score"] = robust_score(nearest["similarity"].to_numpy(np.float64))
    nearest = nearest.sort_values(["similarity", "id"], ignore_index=True)
    valid = int(items["embedding_row"].notna().sum())
    wanted = int(options.outlier_percentile * valid + 0.5)
    robust = nearest.loc[nearest["score"] > ROBUST_LIMIT, "id"]
    return Outliers(nearest.head(wanted)[OUTLIERS.column_names], robust.tolist(), median)


def nearest_of_all(neighbors: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """The nearest neighbour of every valid image: id, nearest, similarity.

    An image that has none among others, as the model says nothing about it, has nearest null and
    similarity 0. A single content has nothing to be compared with and so has no row.

    Args:
        neighbors: the table neighbors, of distinct contents.
        items: the table items; byte-identical copies are each other's nearest neighbour.
    """
    best = neighbors.drop_duplicates("from").rename(columns={"from": "id", "to": "nearest"})
    exact = exact_pairs(items)
    back = exact.drop_duplicates("from")
    copies = pd.concat(
        [
            exact.rename(columns={"to": "id", "from": "nearest"}),
            back.rename(columns={"from": "id", "to": "nearest"}),
        ]
    )
    columns = ["id", "nearest", "similarity"]
    nearest = pd.concat([copies, best])[columns].drop_duplicates("id")
    nearest["nearest"] = nearest["nearest"].astype("Int64")
    if items["embedding_row"].nunique() > 1:
        alone = items.loc[items["embedding_row"].notna() & ~items["id"].isin(nearest["id"]), "id"]
        nearest = nearest.merge(alone, on="id", how="outer").fillna({"similarity": 0.0})
    return nearest.sort_values("id", ignore_index=True)


def robust_score(similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many scaled median absolute deviations each value lies below the median.

    Args:
        similarity: float64 (n,).

    Returns:
        float64 (n,): positive below the median. Without any spread (deviation 0) values at the
        median score 0 and others are infinitely far; they score by the mean absolute deviation
        instead (Iglewicz and Hoaglin), or 0 if that is 0 too.
    """
    if not len(similarity):
        return similarity
    below = np.median(similarity) - similarity
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(below)))
    if spread == 0:
        spread = 1.253314 * float(np.abs(below).mean())
    return np.round(below / spread, 4) if spread > 0 else np.zeros_like(below)
