"""Count what the tables hold: the one place where the numbers of summary and checks come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from imgvet.metrics import FLAGS, flagged
from imgvet.options import RunOptions, SimilarityOptions
from imgvet.reasons import Reason
from imgvet.summary import Counts

Tables = Mapping[str, pd.DataFrame]
"""The tables of a run by name."""

Examples = dict[str, list[int]]
"""Name of a check -> ids of items that show its problem, worst first."""


def count(
    tables: Tables, robust_outliers: Sequence[int], options: RunOptions
) -> tuple[Counts, Examples]:
    """Count images, pairs and groups, each exactly, and name examples of each problem.

    ``tables`` are items, stats, similarity, outliers and component_info; ``robust_outliers`` are
    ids, worst first. Without ``run_stats`` dark, bright and blurry images are not counted.
    """
    items, stats, similarity = (tables[name] for name in ("items", "stats", "similarity"))
    has = properties(items, stats, similarity, options)
    valid, surplus = items[has["valid"]], items.loc[has["exact_duplicate_surplus"], "id"]
    copies = int(valid.duplicated("digest", keep=False).sum())
    near = near_pairs(similarity, valid, options)
    sizes = tables["component_info"]["count"]
    counts = Counts(
        **dict.fromkeys(flag.name for flag in FLAGS) | totals(has),
        exact_duplicate_images=copies,
        exact_duplicate_groups=copies - len(surplus),
        near_duplicate_pairs=len(near),
        components=len(sizes),
        component_images=int(sizes.sum()),
        largest_component=int(sizes.max()) if len(sizes) else 0,
        outliers=len(tables["outliers"]),
        robust_outliers=len(robust_outliers),
    )
    flags = flagged(stats, options).items()
    examples = {
        "invalid_rate": items.loc[has["invalid"], "id"].tolist(),
        "duplicate_rate": surplus.tolist(),
        "near_duplicate_rate": pd.unique(near[["from", "to"]].to_numpy().ravel()).tolist(),
        "outlier_rate": list(robust_outliers),
        **{f"{name}_rate": stats.loc[mask, "id"].tolist() for name, mask in flags},
    }
    return counts, examples


def properties(
    items: pd.DataFrame, stats: pd.DataFrame, similarity: pd.DataFrame, options: RunOptions
) -> pd.DataFrame:
    """Which images have each property, bool (items, properties), named as its count.

    Without ``run_stats`` none is known to be dark, bright or blurry, and these are left out.
    """
    valid = items["status"] == Reason.OK.value
    good = items[valid]
    paired = near_pairs(similarity, good, options)[["from", "to"]].to_numpy().ravel()
    found = {
        "images": True,
        "valid": valid,
        "invalid": ~valid,
        "exact_duplicate_surplus": items.index.isin(good.index[good.duplicated("digest")]),
        "near_duplicate_images": valid & items["id"].isin(paired),
    }
    for name, mask in flagged(stats, options).items() if options.run_stats else ():
        found[name] = items["id"].isin(stats.loc[mask, "id"])
    return pd.DataFrame(found, dtype=bool)


def totals(has: pd.DataFrame) -> dict[str, int]:
    """How many images have each of their :func:`properties`."""
    return {str(name): int(number) for name, number in has.sum().items()}


def near_pairs(
    similarity: pd.DataFrame, valid: pd.DataFrame, options: SimilarityOptions
) -> pd.DataFrame:
    """The pairs of the table similarity whose bytes differ, of valid rows of the table items."""
    digest = valid.set_index("id")["digest"]
    differ = similarity["from"].map(digest).to_numpy() != similarity["to"].map(digest).to_numpy()
    return similarity[differ & (similarity["similarity"] >= options.threshold)]


def invalid_by_reason(items: pd.DataFrame) -> dict[str, int]:
    """How many items were left out for each reason, most frequent first, then by name."""
    reasons = Counter(items.loc[items["status"] != Reason.OK.value, "status"].tolist())
    return dict(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])))


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
        "invalid_rate": counts.invalid / max(counts.images, 1),
        **{name: (number or 0) / max(counts.valid, 1) for name, number in of_valid.items()},
    }
