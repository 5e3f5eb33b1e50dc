"""Outliers: the images least like their nearest neighbour."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from imgvet.reports import limits
from imgvet.reports.text import count, counted, share, similarity
from imgvet.reports.view.images import Album, ImageView
from imgvet.reports.view.section import SectionView
from imgvet.sections import Section
from imgvet.similarity.outliers import ROBUST_LIMIT
from imgvet.summary import RunSummary


@dataclass(frozen=True)
class OutlierView:
    """One outlier: the image, its nearest neighbour (if any), and how alike they are, in words."""

    image: ImageView
    nearest: ImageView | None
    similarity: str
    score: str
    stands_out: bool


@dataclass(frozen=True, kw_only=True)
class OutliersView(SectionView):
    """The section of outliers: those that are shown, and how many are listed."""

    outliers: tuple[OutlierView, ...]
    outlier_count: int

    @property
    def images(self) -> tuple[ImageView, ...]:
        """Every image shown with a picture."""
        shown = (image for card in self.outliers for image in (card.image, card.nearest))
        return tuple(image for image in shown if image is not None)


def outliers_view(summary: RunSummary, outliers: pd.DataFrame, album: Album) -> OutliersView:
    """The section of outliers, from table ``outliers``."""
    worst = outliers.sort_values(["similarity", "id"]).head(limits.CARDS)
    return OutliersView(
        anchor=Section.OUTLIERS,
        summary=_summary(summary),
        badge=count(len(outliers)),
        outliers=tuple(_outlier(row, album) for row in worst.to_dict(orient="records")),
        outlier_count=len(outliers),
    )


def _summary(summary: RunSummary) -> str:
    counts = summary.counts
    if not counts.outliers:
        return "None: good. No image is listed as an outlier."
    listed = share(round(summary.outlier_percentile * 10_000), 10_000)
    words = (
        f"The {listed} of images least like their nearest neighbour are listed: "
        f"{count(counts.outliers)}. Of all images, {counted(counts.robust_outliers, 'image')} "
        f"{'stands' if counts.robust_outliers == 1 else 'stand'} out by a robust score over "
        f"{ROBUST_LIMIT}."
    )
    if summary.median_similarity is None:
        return words
    usual = similarity(summary.median_similarity)
    return f"{words} Half of all images have a neighbour at least {usual} similar."


def _outlier(row: Mapping[Hashable, Any], album: Album) -> OutlierView:
    score = float(row["score"])
    return OutlierView(
        image=album.image(int(row["id"])),
        nearest=None if pd.isna(row["nearest"]) else album.image(int(row["nearest"])),
        similarity=similarity(float(row["similarity"])),
        score="" if pd.isna(score) else f"{score:.1f}",
        stands_out=score > ROBUST_LIMIT,
    )
