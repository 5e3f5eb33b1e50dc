"""Count what the tables hold: the one place where the numbers of the summary come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from imgvet.images.flags import flagged
from imgvet.options import FlagOptions, SimilarityOptions
from imgvet.reasons import Reason
from imgvet.summary import Counts

EXAMPLES = 20
"""Examples kept for each kind of finding."""


@dataclass(frozen=True)
class Findings:
    """The tables and figures that are counted.

    Attributes:
        items: the table items.
        stats: the table stats.
        similarity: the table similarity.
        outliers: the table outliers.
        component_info: the table component_info.
        robust_outliers: ids of images whose robust score stands out, worst first.
    """

    items: pd.DataFrame
    stats: pd.DataFrame
    similarity: pd.DataFrame
    outliers: pd.DataFrame
    component_info: pd.DataFrame
    robust_outliers: list[int]


@dataclass(frozen=True)
class Count:
    """The counts, and ids that show the problem of each check (at most :data:`EXAMPLES`)."""

    counts: Counts
    examples: Mapping[str, list[int]]


def count(
    found: Findings, flags: FlagOptions, pairs: SimilarityOptions, *, measured: bool = True
) -> Count:
    """Count images, pairs and groups, each exactly.

    Args:
        found: the tables.
        flags: from where on an image is dark, bright or blurry.
        pairs: from where on a pair is near.
        measured: whether statistics were taken; without them flags are not counted.
    """
    valid = found.items[found.items["status"] == Reason.OK.value]
    invalid = found.items[found.items["status"] != Reason.OK.value]
    copies = valid[valid.duplicated("digest", keep=False)]
    surplus = valid[valid.duplicated("digest", keep="first")]
    near = near_pairs(found.similarity, valid, pairs)
    near_images = pd.unique(near[["from", "to"]].to_numpy().ravel())
    flag_ids = {
        name: found.stats.loc[mask, "id"].tolist()
        for name, mask in flagged(found.stats, flags).items()
    }
    sizes = found.component_info["count"]
    counts = Counts(
        images=len(found.items),
        valid=len(valid),
        invalid=len(invalid),
        exact_duplicate_images=len(copies),
        exact_duplicate_groups=len(copies) - len(surplus),
        exact_duplicate_surplus=len(surplus),
        near_duplicate_images=len(near_images),
        near_duplicate_pairs=len(near),
        components=len(sizes),
        component_images=int(sizes.sum()),
        largest_component=int(sizes.max()) if len(sizes) else 0,
        outliers=len(found.outliers),
        robust_outliers=len(found.robust_outliers),
        **{name: len(ids) if measured else None for name, ids in flag_ids.items()},
    )
    examples = {
        "invalid_rate": invalid["id"].tolist(),
        "duplicate_rate": surplus["id"].tolist(),
        "near_duplicate_rate": near_images.tolist(),
        "outlier_rate": found.robust_outliers,
        **{f"{name}_rate": ids for name, ids in flag_ids.items()},
    }
    return Count(counts, {name: ids[:EXAMPLES] for name, ids in examples.items()})


def near_pairs(
    similarity: pd.DataFrame, valid: pd.DataFrame, options: SimilarityOptions
) -> pd.DataFrame:
    """The pairs of the table similarity whose bytes differ.

    Args:
        similarity: the table similarity.
        valid: the valid rows of the table items.
        options: the threshold.
    """
    digest = valid.set_index("id")["digest"]
    differ = similarity["from"].map(digest).to_numpy() != similarity["to"].map(digest).to_numpy()
    return similarity[differ & (similarity["similarity"] >= options.threshold)]


def invalid_by_reason(items: pd.DataFrame) -> dict[str, int]:
    """How many items were left out for each reason, most frequent first."""
    reasons = items.loc[items["status"] != Reason.OK.value, "status"].value_counts()
    ordered = sorted(reasons.items(), key=lambda pair: (-int(pair[1]), str(pair[0])))
    return {str(reason): int(number) for reason, number in ordered}
