"""Count what the tables hold: the one place where the numbers of summary and checks come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from imgvet.metrics import flagged
from imgvet.options import RunOptions, SimilarityOptions
from imgvet.reasons import Reason
from imgvet.summary import Counts

EXAMPLES = 20
"""Examples kept for each kind of finding."""

Tables = Mapping[str, pd.DataFrame]
"""The tables of a run by name."""


@dataclass(frozen=True)
class Count:
    """The counts, and ids that show the problem of each check (at most :data:`EXAMPLES`)."""

    counts: Counts
    examples: Mapping[str, list[int]]


def count(tables: Tables, robust_outliers: Sequence[int], options: RunOptions) -> Count:
    """Count images, pairs and groups, each exactly.

    Args:
        tables: the tables items, stats, similarity, outliers and component_info by name.
        robust_outliers: ids of images whose robust score stands out, worst first.
        options: from where on a pair is near, and an image dark, bright or blurry; without
            ``run_stats`` these are not counted.
    """
    items, stats = tables["items"], tables["stats"]
    valid = items[items["status"] == Reason.OK.value]
    invalid = items[items["status"] != Reason.OK.value]
    copies = valid[valid.duplicated("digest", keep=False)]
    surplus = valid[valid.duplicated("digest", keep="first")]
    near = near_pairs(tables["similarity"], valid, options)
    near_images = pd.unique(near[["from", "to"]].to_numpy().ravel())
    flag_ids = {
        name: stats.loc[mask, "id"].tolist() for name, mask in flagged(stats, options).items()
    }
    sizes = tables["component_info"]["count"]
    counts = Counts(
        images=len(items),
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
        outliers=len(tables["outliers"]),
        robust_outliers=len(robust_outliers),
        **{name: len(ids) if options.run_stats else None for name, ids in flag_ids.items()},
    )
    examples = {
        "invalid_rate": invalid["id"].tolist(),
        "duplicate_rate": surplus["id"].tolist(),
        "near_duplicate_rate": near_images.tolist(),
        "outlier_rate": list(robust_outliers),
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


def rates(counts: Counts) -> dict[str, float]:
    """What the checks observe, by the name of the check: the number of valid images, and shares.

    Invalid images are a share of all images, everything else of the valid ones. A rate over no
    images, or of what was not measured, is 0: nothing violates it. A dataset without a valid image
    fails ``images_present`` instead, once and clearly.
    """
    of_valid = {
        "duplicate_rate": counts.exact_duplicate_surplus,
        "near_duplicate_rate": counts.near_duplicate_images,
        "dark_rate": counts.dark,
        "bright_rate": counts.bright,
        "blurry_rate": counts.blurry,
        "outlier_rate": counts.robust_outliers,
    }
    return {
        "images_present": counts.valid,
        "invalid_rate": _share(counts.invalid, counts.images),
        **{name: _share(number, counts.valid) for name, number in of_valid.items()},
    }


def _share(part: int | None, whole: int) -> float:
    return part / whole if part and whole else 0.0
