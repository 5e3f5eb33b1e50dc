"""Exact copies and near duplicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from imgvet.reasons import Reason
from imgvet.reports import limits
from imgvet.reports.text import count, counted, number, similarity
from imgvet.reports.view.histogram import Histogram, Scale, Threshold, bin_values
from imgvet.reports.view.images import Album, FileName, ImageView
from imgvet.reports.view.section import Chart, SectionView
from imgvet.sections import Section
from imgvet.summary import RunSummary


@dataclass(frozen=True)
class ExactGroup:
    """Files of the same bytes: one picture stands for all.

    Attributes:
        image: the first of them.
        count: how many files.
        names: their names, in order of listing, as many as are shown.
        hidden: how many more there are.
        members: ids of those whose names are shown, in the same order.
    """

    image: ImageView
    count: int
    names: tuple[FileName, ...]
    hidden: int
    members: tuple[int, ...]


@dataclass(frozen=True)
class Difference:
    """What differs between two images, and its value of each, in words."""

    trait: str
    first: str
    second: str


@dataclass(frozen=True)
class NearPair:
    """Two images that look alike.

    Attributes:
        first: the one listed first.
        second: the other.
        similarity: in words.
        differs: what differs of bytes, size in pixels, file size, name, folder, label, split.
    """

    first: ImageView
    second: ImageView
    similarity: str
    differs: tuple[Difference, ...]


@dataclass(frozen=True, kw_only=True)
class DuplicatesView(SectionView):
    """The section of duplicates.

    Attributes:
        groups: exact groups that are shown, largest first.
        group_count: how many there are.
        exact_summary: what was found, in words.
        pairs: near pairs that are shown, most alike first.
        pair_count: how many there are.
        near_summary: what was found, in words.
        histogram: similarities of all near pairs, None if there are too few.
    """

    groups: tuple[ExactGroup, ...]
    group_count: int
    exact_summary: str
    pairs: tuple[NearPair, ...]
    pair_count: int
    near_summary: str
    histogram: Histogram | None

    @property
    def images(self) -> tuple[ImageView, ...]:
        """Every image shown with a picture."""
        both = (image for pair in self.pairs for image in (pair.first, pair.second))
        return (*(group.image for group in self.groups), *both)

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of the images, and of all copies that are named."""
        copies = (item for group in self.groups for item in group.members)
        return (*copies, *(image.id for image in self.images))

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The similarities of near pairs."""
        return (self.histogram,) if self.histogram else ()


def duplicates_view(
    summary: RunSummary, items: pd.DataFrame, pairs: pd.DataFrame, album: Album
) -> DuplicatesView:
    """The section of duplicates, from tables ``items`` and ``similarity``."""
    copies = exact_groups(items)
    near = near_pairs(items, pairs, summary.threshold)
    counts = summary.counts
    return DuplicatesView(
        anchor=Section.DUPLICATES,
        summary=_summary(summary),
        badge=count(counts.exact_duplicate_groups + counts.near_duplicate_pairs),
        groups=tuple(_group(ids, album) for ids in copies[: limits.CARDS]),
        group_count=len(copies),
        exact_summary=_exact_summary(summary),
        pairs=tuple(
            near_pair(int(row[0]), int(row[1]), float(row[2]), album)
            for row in near.head(limits.CARDS).itertuples(index=False, name=None)
        ),
        pair_count=len(near),
        near_summary=_near_summary(summary),
        histogram=_histogram(near["similarity"], summary) if len(near) > 1 else None,
    )


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
    near: pd.DataFrame = pairs[(first != second) & (pairs["similarity"] >= threshold).to_numpy()]
    ordered: pd.DataFrame = near.sort_values(
        ["similarity", "from", "to"], ascending=[False, True, True]
    )
    return ordered.loc[:, ["from", "to", "similarity"]]


def _summary(summary: RunSummary) -> str:
    counts = summary.counts
    if not counts.exact_duplicate_groups and not counts.near_duplicate_pairs:
        limit = number(summary.threshold)
        return f"None: good. No two images are the same or at least {limit} similar."
    return (
        f"{counted(counts.exact_duplicate_groups, 'group')} of exact copies and "
        f"{counted(counts.near_duplicate_pairs, 'pair')} of near duplicates."
    )


def _exact_summary(summary: RunSummary) -> str:
    counts = summary.counts
    if not counts.exact_duplicate_groups:
        return "No two files have the same bytes."
    return (
        f"{counted(counts.exact_duplicate_images, 'file')} in "
        f"{counted(counts.exact_duplicate_groups, 'group')} have the same bytes as another; "
        f"{count(counts.exact_duplicate_surplus)} could go without losing a picture."
    )


def _near_summary(summary: RunSummary) -> str:
    counts = summary.counts
    limit = number(summary.threshold)
    if not counts.near_duplicate_pairs:
        return f"No two different files are at least {limit} similar."
    return (
        f"{counted(counts.near_duplicate_pairs, 'pair')} "
        f"({counted(counts.near_duplicate_images, 'image')}) of different bytes are at least "
        f"{limit} similar; 1 would be identical."
    )


def _group(ids: list[int], album: Album) -> ExactGroup:
    shown = ids[: limits.COPIES]
    return ExactGroup(
        image=album.image(ids[0]),
        count=len(ids),
        names=tuple(album.file_name(item) for item in shown),
        hidden=len(ids) - len(shown),
        members=tuple(shown),
    )


def near_pair(first: int, second: int, value: float, album: Album) -> NearPair:
    """A pair and what differs between its images."""
    traits = album.traits(first, second)
    return NearPair(
        first=album.image(first),
        second=album.image(second),
        similarity=similarity(value),
        differs=tuple(Difference(trait, *values) for trait, values in traits.items()),
    )


def _histogram(similarities: pd.Series, summary: RunSummary) -> Histogram:
    values = np.minimum(similarities.to_numpy(dtype=np.float64), 1.0)
    joins = summary.cc_threshold if summary.threshold < summary.cc_threshold < 1.0 else None
    threshold = Threshold(joins, f"components from {number(joins)}") if joins else None
    bins, log = bin_values(values, Scale(summary.threshold, 1.0, threshold=joins), threshold)
    return Histogram(
        figure_id="figure-similarity",
        title="Similarity of near pairs",
        axis="similarity",
        counts="pairs",
        bins=bins,
        log=log,
        threshold=threshold,
        summary=f"Half of the {counted(len(values), 'pair')} are at least "
        f"{similarity(float(np.median(values)))} similar.",
        reading="Good: few pairs or none. The farther right a pair lies, the harder its images are "
        "to tell apart.",
    )
