"""Images that are alike: exact copies, near duplicates, and pairs whose split or label differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from imgvet.options import SimilarityOptions
from imgvet.quality.summarize import near_pairs
from imgvet.reports import limits
from imgvet.reports.charts import Chart, bars, histogram, most_frequent
from imgvet.reports.histogram import Limit, Scale
from imgvet.reports.images import Content, Image, gallery
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.text import count, counted, label, number, similarity, split_name


def duplicates(run: ReportInputs) -> Content:
    """Exact copies and near duplicates, from tables ``items`` and ``similarity``."""
    summary, valid = run.summary, run.valid
    groups = exact_groups(valid)
    options = SimilarityOptions(threshold=summary.threshold)
    near = near_pairs(run.table("similarity"), valid, options)
    found = summary.counts.exact_duplicate_groups + summary.counts.near_duplicate_pairs
    return {
        "badge": count(found),
        "groups": gallery(groups, limits.CARDS, lambda ids: _group(run, ids)),
        "histogram": _histogram(run, near["similarity"]) if len(near) > 1 else None,
        "pairs": _pairs(run, near),
    }


def exact_groups(valid: pd.DataFrame) -> list[list[int]]:
    """Ids of items with the same digest, two or more; largest group first, then by id."""
    copies = valid[valid["digest"].notna() & valid["digest"].duplicated(keep=False)]
    groups = copies.sort_values("id").groupby("digest")["id"].agg(list)
    return sorted(groups.tolist(), key=lambda ids: (-len(ids), ids[0]))


def _group(run: ReportInputs, ids: list[int]) -> Content:
    """Files of the same bytes: the picture of the first, and as many names as are shown."""
    members = run.images(ids[: limits.COPIES])
    return {"image": members[0], "members": members, "copies": len(ids)}


def _pairs(run: ReportInputs, pairs: pd.DataFrame) -> Content:
    """A gallery of pairs of images, most alike first."""
    ordered = pairs.sort_values(["similarity", "from", "to"], ascending=[False, True, True])
    return gallery(ordered, limits.CARDS, lambda row: _pair(run, row))


def _pair(run: ReportInputs, row: dict[str, Any]) -> Content:
    """Two images, and what differs of what is known of both: its name, and its value of each."""
    first, second = run.images([row["from"], row["to"]])
    return {
        "first": first,
        "second": second,
        "similarity": similarity(row["similarity"]),
        "differences": [
            (trait, shown, other_shown)
            for (trait, value, shown), (_, other, other_shown) in zip(
                _traits(first), _traits(second), strict=True
            )
            if value and other and value != other
        ],
    }


def _traits(image: Image) -> Iterator[tuple[str, str, str]]:
    """What is known of an image: what it is, its value, and that in words."""
    folder, base = split_name(image.filename)
    digest = image.digest or ""
    yield "bytes", digest, digest[:8]
    yield "size in pixels", image.pixels, image.pixels
    yield "file size", image.file_size, image.file_size
    yield "name", base, label(base)
    yield "folder", folder, label(folder)


def _histogram(run: ReportInputs, similarities: pd.Series) -> Chart:
    values = np.minimum(similarities.to_numpy(dtype=np.float64), 1.0)
    least, joins = run.summary.threshold, run.summary.cc_threshold
    limit = Limit(joins, f"components from {number(joins)}")
    return histogram(
        values,
        Scale(least, 1.0, limit=limit if least < joins < 1.0 else None),
        figure_id="figure-similarity",
        title="Similarity of near pairs",
        axis="similarity",
        counts="pairs",
        summary=f"Half of the {counted(len(values), 'pair')} are at least "
        f"{similarity(float(np.median(values)))} similar.",
        reading="Good: few pairs or none. The farther right a pair lies, the harder its images are "
        "to tell apart.",
    )


def leaks(run: ReportInputs) -> Content | None:
    """Pairs across splits, from ``items.split`` and table ``similarity``; None without splits."""
    splits = run.valid.set_index("id")["split"].dropna()
    sizes = splits.value_counts().sort_index()
    if len(sizes) < 2:
        return None
    pairs = run.table("similarity")
    across = differing(pairs[pairs["similarity"] >= run.summary.threshold], splits)
    ends = zip(across["first"], across["second"], strict=True)
    crossings = Counter((min(pair), max(pair)) for pair in ends)
    return {
        "badge": count(len(across)),
        "images": len(np.unique(across[["from", "to"]].to_numpy())),
        "sizes": list(sizes.items()),
        "crossings": sorted(crossings.items(), key=lambda crossing: (-crossing[1], crossing[0])),
        "pairs": _pairs(run, across),
    }


def labels(run: ReportInputs) -> Content | None:
    """Labels and those that contradict, from ``items.label`` and table ``similarity``, or None."""
    valid, pairs = run.valid, run.table("similarity")
    known = valid.set_index("id")["label"].dropna()
    if known.empty:
        return None
    totals = most_frequent(known)
    conflicts = differing(pairs[pairs["similarity"] >= run.summary.cc_threshold], known)
    return {
        "badge": count(len(conflicts)) if len(conflicts) else "",
        "images": len(known),
        "unlabelled": len(valid) - len(known),
        "bars": _bars(totals) if len(totals) > 1 else None,
        "rows": totals[: limits.TABLE_ROWS],
        "label_count": len(totals),
        "pairs": _pairs(run, conflicts),
    }


def _bars(totals: list[tuple[str, int]]) -> Chart:
    return bars(
        totals,
        figure_id="figure-labels",
        title="Images of each label",
        axis="label",
        counts="images",
        summary=f"From {counted(totals[-1][1], 'image')} to {count(totals[0][1])}; half of the "
        f"labels have at least {number(float(np.median([total for _, total in totals])))}.",
        reading="Good: no label has so few images that it can't be learned or judged.",
    )


def differing(pairs: pd.DataFrame, known: pd.Series) -> pd.DataFrame:
    """The pairs whose ends both have a value and not the same one.

    Args:
        pairs: rows of table ``similarity``.
        known: item id -> value.

    Returns:
        the pairs, with the values of their ends in columns ``first`` and ``second``.
    """
    first, second = (known.reindex(pairs[end]).to_numpy(dtype=object) for end in ("from", "to"))
    differ = pd.notna(first) & pd.notna(second) & (first != second)
    return pairs[differ].assign(first=first[differ], second=second[differ])
