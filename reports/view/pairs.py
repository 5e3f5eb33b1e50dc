"""Images that are alike: exact copies, near duplicates, and pairs whose split or label differs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from imgvet.reasons import Reason
from imgvet.reports import limits
from imgvet.reports.text import count, counted, number, similarity, visible
from imgvet.reports.view.chart import Bars, make_bars, most_frequent
from imgvet.reports.view.histogram import Histogram, Scale, Threshold, make_histogram
from imgvet.reports.view.images import Album
from imgvet.reports.view.section import Gallery, SectionView
from imgvet.sections import Section
from imgvet.summary import Counts, RunSummary


def duplicates(
    summary: RunSummary, items: pd.DataFrame, pairs: pd.DataFrame, album: Album
) -> SectionView:
    """Exact copies and near duplicates, from tables ``items`` and ``similarity``."""
    groups = exact_groups(items)
    near = near_pairs(items, pairs, summary.threshold)
    counts = summary.counts
    return SectionView(
        Section.DUPLICATES,
        f"{counted(counts.exact_duplicate_groups, 'group')} of exact copies and "
        f"{counted(counts.near_duplicate_pairs, 'pair')} of near duplicates."
        if counts.exact_duplicate_groups or counts.near_duplicate_pairs
        else "None: good. No two images are the same or at least "
        f"{number(summary.threshold)} similar.",
        badge=count(counts.exact_duplicate_groups + counts.near_duplicate_pairs),
        content={
            "exact_summary": _exact_summary(counts),
            "groups": Gallery(
                tuple(_group(ids, album) for ids in groups[: limits.CARDS]),
                len(groups), "groups, largest first", "items",
            ),
            "near_summary": _near_summary(counts, number(summary.threshold)),
            "histogram": _histogram(near["similarity"], summary) if len(near) > 1 else None,
            "pairs": _gallery(near, album),
        },
    )  # fmt: skip


def exact_groups(items: pd.DataFrame) -> list[list[int]]:
    """Ids of valid items with the same digest, two or more; largest group first, then by id."""
    valid = items[items["status"] == Reason.OK.value]
    copies = valid[valid["digest"].notna() & valid["digest"].duplicated(keep=False)]
    groups = copies.sort_values("id").groupby("digest")["id"].agg(list)
    return sorted(groups.tolist(), key=lambda ids: (-len(ids), ids[0]))


def near_pairs(items: pd.DataFrame, pairs: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """The pairs at least ``threshold`` similar whose digests differ, most alike first."""
    digests = items.set_index("id")["digest"]
    first, second = (digests.reindex(pairs[end]).to_numpy(dtype=object) for end in ("from", "to"))
    near = pairs[(first != second) & (pairs["similarity"] >= threshold).to_numpy()]
    return near.sort_values(["similarity", "from", "to"], ascending=[False, True, True])


def _exact_summary(counts: Counts) -> str:
    if not counts.exact_duplicate_groups:
        return "No two files have the same bytes."
    return (
        f"{counted(counts.exact_duplicate_images, 'file')} in "
        f"{counted(counts.exact_duplicate_groups, 'group')} have the same bytes as another; "
        f"{count(counts.exact_duplicate_surplus)} could go without losing a picture."
    )


def _near_summary(counts: Counts, limit: str) -> str:
    if not counts.near_duplicate_pairs:
        return f"No two different files are at least {limit} similar."
    return (
        f"{counted(counts.near_duplicate_pairs, 'pair')} "
        f"({counted(counts.near_duplicate_images, 'image')}) of different bytes are at least "
        f"{limit} similar; 1 would be identical."
    )


def _group(ids: list[int], album: Album) -> dict[str, Any]:
    """Files of the same bytes: the picture of the first, and as many names as are shown."""
    shown = ids[: limits.COPIES]
    return {
        "image": album.image(ids[0]),
        "copies": len(ids),
        "members": tuple(album.item(item) for item in shown),
        "hidden": len(ids) - len(shown),
    }


def _gallery(pairs: pd.DataFrame, album: Album) -> Gallery:
    columns = (pairs[name].head(limits.CARDS).tolist() for name in ("from", "to", "similarity"))
    shown = tuple(album.pair(*row) for row in zip(*columns, strict=True))
    return Gallery(shown, len(pairs), "pairs, most alike first", "similarity")


def _histogram(similarities: pd.Series, summary: RunSummary) -> Histogram:
    values = np.minimum(similarities.to_numpy(dtype=np.float64), 1.0)
    joins = summary.cc_threshold if summary.threshold < summary.cc_threshold < 1.0 else None
    threshold = Threshold(joins, f"components from {number(joins)}") if joins else None
    return make_histogram(
        values,
        Scale(summary.threshold, 1.0, threshold=threshold),
        figure_id="figure-similarity",
        title="Similarity of near pairs",
        axis="similarity",
        counts="pairs",
        summary=f"Half of the {counted(len(values), 'pair')} are at least "
        f"{similarity(float(np.median(values)))} similar.",
        reading="Good: few pairs or none. The farther right a pair lies, the harder its images are "
        "to tell apart.",
    )


def leaks(
    summary: RunSummary, items: pd.DataFrame, pairs: pd.DataFrame, album: Album
) -> SectionView | None:
    """Pairs across splits, from ``items.split`` and table ``similarity``; None without splits."""
    splits = items.loc[items["status"] == Reason.OK.value].set_index("id")["split"].dropna()
    sizes = splits.value_counts().sort_index()
    if len(sizes) < 2:
        return None
    across = differing(pairs[pairs["similarity"] >= summary.threshold], splits)
    ends = zip(across["first"], across["second"], strict=True)
    crossings = Counter((min(pair), max(pair)) for pair in ends)
    return SectionView(
        Section.LEAKS,
        _leaks_summary(across, number(summary.threshold)),
        badge=count(len(across)),
        content={
            "sizes": tuple((visible(str(name)), count(size)) for name, size in sizes.items()),
            "crossings": tuple(
                (visible(one), visible(other), count(total))
                for (one, other), total in sorted(crossings.items(), key=lambda c: (-c[1], c[0]))
            ),
            "pairs": _gallery(across, album),
        },
    )


def _leaks_summary(across: pd.DataFrame, limit: str) -> str:
    if across.empty:
        return f"None: good. No two images of different splits are at least {limit} similar."
    images = np.unique(across[["from", "to"]].to_numpy())
    return (
        f"{counted(len(across), 'pair')} ({counted(len(images), 'image')}) of images at least "
        f"{limit} similar lie in different splits: what is tested was partly seen in training."
    )


def labels(
    summary: RunSummary, items: pd.DataFrame, pairs: pd.DataFrame, album: Album
) -> SectionView | None:
    """Labels and those that contradict, from ``items.label`` and table ``similarity``, or None."""
    valid = items[items["status"] == Reason.OK.value]
    known = valid.set_index("id")["label"].dropna()
    if known.empty:
        return None
    totals = most_frequent(known)
    conflicts = differing(pairs[pairs["similarity"] >= summary.cc_threshold], known)
    unlabelled = len(valid) - len(known)
    return SectionView(
        Section.LABELS,
        f"{counted(len(totals), 'label')} of {counted(len(known), 'image')}"
        + (f"; {count(unlabelled)} have none." if unlabelled else "."),
        badge=count(len(conflicts)) if len(conflicts) else "",
        content={
            "bars": _bars(totals) if len(totals) > 1 else None,
            "rows": tuple((visible(name), count(n)) for name, n in totals[: limits.TABLE_ROWS]),
            "label_count": len(totals),
            "conflict_summary": _conflict_summary(len(conflicts), number(summary.cc_threshold)),
            "pairs": _gallery(conflicts, album),
        },
    )


def _bars(totals: list[tuple[str, int]]) -> Bars:
    return make_bars(
        totals,
        figure_id="figure-labels",
        title="Images of each label",
        axis="label",
        counts="images",
        summary=f"From {counted(totals[-1][1], 'image')} to {count(totals[0][1])}; half of the "
        f"labels have at least {number(float(np.median([total for _, total in totals])))}.",
        reading="Good: no label has so few images that it can't be learned or judged.",
    )


def _conflict_summary(conflicts: int, limit: str) -> str:
    if not conflicts:
        return f"None: good. No two images at least {limit} similar have different labels."
    return (
        f"{counted(conflicts, 'pair')} of images at least {limit} similar have different labels: "
        "one of each is likely wrong."
    )


def differing(pairs: pd.DataFrame, known: pd.Series) -> pd.DataFrame:
    """The pairs whose ends both have a value and not the same one, most alike first.

    Args:
        pairs: rows of table ``similarity``.
        known: item id -> value.

    Returns:
        the pairs, with the values of their ends in columns ``first`` and ``second``.
    """
    first, second = (known.reindex(pairs[end]).to_numpy(dtype=object) for end in ("from", "to"))
    differ = pd.notna(first) & pd.notna(second) & (first != second)
    across = pairs[differ].assign(first=first[differ], second=second[differ])
    return across.sort_values(["similarity", "from", "to"], ascending=[False, True, True])
