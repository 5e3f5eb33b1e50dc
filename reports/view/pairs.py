"""Pairs across splits (leaks) and pairs whose labels contradict each other, from what is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from imgvet.reports import limits
from imgvet.reports.text import count, counted, number, visible
from imgvet.reports.view.chart import Bars, categories
from imgvet.reports.view.duplicates import NearPair, near_pair
from imgvet.reports.view.images import Album, ImageView
from imgvet.reports.view.section import Chart, SectionView
from imgvet.sections import Section
from imgvet.summary import RunSummary


@dataclass(frozen=True, kw_only=True)
class LeaksView(SectionView):
    """The section of leaks.

    Attributes:
        crossings: two splits, and how many pairs lie across them, most first.
        sizes: images of each split.
        pairs: the pairs that are shown, most alike first.
        pair_count: how many there are.
    """

    crossings: tuple[tuple[str, str, int], ...]
    sizes: tuple[tuple[str, int], ...]
    pairs: tuple[NearPair, ...]
    pair_count: int

    @property
    def images(self) -> tuple[ImageView, ...]:
        """Every image shown with a picture."""
        return tuple(image for pair in self.pairs for image in (pair.first, pair.second))


@dataclass(frozen=True, kw_only=True)
class LabelsView(SectionView):
    """The section of labels.

    Attributes:
        bars: how many images each label has.
        rows: label and count of every label that is listed, most frequent first.
        label_count: how many labels there are.
        conflict_summary: what was found of labels that contradict each other.
        pairs: alike images with different labels, most alike first.
        pair_count: how many there are.
    """

    bars: Bars
    rows: tuple[tuple[str, str], ...]
    label_count: int
    conflict_summary: str
    pairs: tuple[NearPair, ...]
    pair_count: int

    @property
    def images(self) -> tuple[ImageView, ...]:
        """Every image shown with a picture."""
        return tuple(image for pair in self.pairs for image in (pair.first, pair.second))

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Images of each label."""
        return (self.bars,) if self.label_count > 1 else ()


def leaks_view(
    summary: RunSummary, items: pd.DataFrame, pairs: pd.DataFrame, album: Album
) -> LeaksView | None:
    """The section of leaks, from ``items.split`` and table ``similarity``; None without splits."""
    splits = items.loc[items["status"] == "ok"].set_index("id")["split"].dropna()
    sizes = splits.value_counts().sort_index()
    if len(sizes) < 2:
        return None
    across, first, second = differing(pairs[pairs["similarity"] >= summary.threshold], splits)
    found = Counter((min(ends), max(ends)) for ends in zip(first, second, strict=True))
    ordered = sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))
    return LeaksView(
        anchor=Section.LEAKS,
        summary=_leaks_in_words(summary, across),
        badge=count(len(across)),
        crossings=tuple((visible(one), visible(other), total) for (one, other), total in ordered),
        sizes=tuple((visible(str(name)), int(size)) for name, size in sizes.items()),
        pairs=_shown(across, album),
        pair_count=len(across),
    )


def labels_view(
    summary: RunSummary, items: pd.DataFrame, pairs: pd.DataFrame, album: Album
) -> LabelsView | None:
    """The section of labels, from ``items.label`` and table ``similarity``; None without labels."""
    valid = items[items["status"] == "ok"]
    labels = valid.set_index("id")["label"].dropna()
    if labels.empty:
        return None
    totals = [(str(name), int(n)) for name, n in labels.value_counts().items()]
    totals.sort(key=lambda entry: (-entry[1], entry[0]))
    alike = pairs[pairs["similarity"] >= summary.cc_threshold]
    conflicts, _, _ = differing(alike, labels)
    unlabelled = len(valid) - len(labels)
    names, values = categories(totals)
    words = f"{counted(len(totals), 'label')} of {counted(len(labels), 'image')}" + (
        f"; {count(unlabelled)} have none." if unlabelled else "."
    )
    return LabelsView(
        anchor=Section.LABELS,
        summary=words,
        badge=count(len(conflicts)) if len(conflicts) else "",
        bars=Bars(
            "figure-labels", "Images of each label", "label", "images", names, values,
            f"From {counted(totals[-1][1], 'image')} to {count(totals[0][1])}; half of the labels "
            f"have at least {number(float(np.median([n for _, n in totals])))}.",
            "Good: no label has so few images that it can't be learned or judged.",
        ),
        rows=tuple((visible(name), count(n)) for name, n in totals[: limits.TABLE_ROWS]),
        label_count=len(totals),
        conflict_summary=_conflicts_in_words(summary, len(conflicts)),
        pairs=_shown(conflicts, album),
        pair_count=len(conflicts),
    )  # fmt: skip


def differing(pairs: pd.DataFrame, known: pd.Series) -> tuple[pd.DataFrame, list[str], list[str]]:
    """The pairs whose ends both have a value and not the same one, most alike first.

    Args:
        pairs: rows of table ``similarity``.
        known: item id -> value.

    Returns:
        the pairs, and the value of each end.
    """
    first, second = (known.reindex(pairs[end]).to_numpy(dtype=object) for end in ("from", "to"))
    differ = pd.notna(first) & pd.notna(second) & (first != second)
    found = pairs[differ].assign(_first=first[differ], _second=second[differ])
    found = found.sort_values(["similarity", "from", "to"], ascending=[False, True, True])
    return found[["from", "to", "similarity"]], found["_first"].tolist(), found["_second"].tolist()


def _shown(pairs: pd.DataFrame, album: Album) -> tuple[NearPair, ...]:
    return tuple(
        near_pair(int(row[0]), int(row[1]), float(row[2]), album)
        for row in pairs.head(limits.CARDS).itertuples(index=False, name=None)
    )


def _leaks_in_words(summary: RunSummary, across: pd.DataFrame) -> str:
    limit = number(summary.threshold)
    if across.empty:
        return f"None: good. No two images of different splits are at least {limit} similar."
    images = np.unique(across[["from", "to"]].to_numpy())
    return (
        f"{counted(len(across), 'pair')} ({counted(len(images), 'image')}) of images at least "
        f"{limit} similar lie in different splits: what is tested was partly seen in training."
    )


def _conflicts_in_words(summary: RunSummary, conflicts: int) -> str:
    limit = number(summary.cc_threshold)
    if not conflicts:
        return f"None: good. No two images at least {limit} similar have different labels."
    return (
        f"{counted(conflicts, 'pair')} of images at least {limit} similar have different labels: "
        "one of each is likely wrong."
    )
