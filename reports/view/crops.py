"""Crops: how many were cut from each image, how large they are, how sure the detector was."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from imgvet.reports import limits
from imgvet.reports.text import count, counted, number, rough, shorten, visible
from imgvet.reports.view.chart import Bars, categories
from imgvet.reports.view.histogram import Histogram, Scale, Values, bin_values
from imgvet.reports.view.images import Album, ImageView
from imgvet.reports.view.section import Chart, SectionView
from imgvet.sections import Section
from imgvet.summary import RunSummary


@dataclass(frozen=True)
class CropCard:
    """One crop: the picture, where it was cut, how sure the detector was, and what it says."""

    image: ImageView
    box: str
    score: str
    label: str
    text: str


@dataclass(frozen=True, kw_only=True)
class CropsView(SectionView):
    """The section of crops.

    Attributes:
        figures: crops of an image, their sizes, scores and labels.
        order: which ones are shown first, in words.
        cards: the crops that are shown.
        crop_count: how many there are.
    """

    figures: tuple[Chart, ...]
    order: str
    cards: tuple[CropCard, ...]
    crop_count: int

    @property
    def images(self) -> tuple[ImageView, ...]:
        """Every image shown with a picture."""
        return tuple(card.image for card in self.cards)

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Every figure."""
        return self.figures


def crops_view(summary: RunSummary, crops: pd.DataFrame, album: Album) -> CropsView | None:
    """The section of crops, from table ``crops``; None if whole images were analysed."""
    if crops.empty and summary.sources is None:
        return None
    by_score = bool(crops["score"].notna().any())
    sides = crops[["width", "height"]].astype(float).min(axis=1)
    ordered = crops.assign(_key=crops["score"].astype(float) if by_score else sides)
    ordered = ordered[ordered["crop_id"].isin(album.known)].sort_values(["_key", "crop_id"])
    return CropsView(
        anchor=Section.CROPS,
        summary=_summary(summary, crops),
        badge=count(len(crops)),
        figures=_figures(crops, sides),
        order="least sure first" if by_score else "smallest first",
        cards=tuple(
            _card(row, album)
            for row in ordered.head(limits.CARDS).to_dict(orient="records")
        ),
        crop_count=len(crops),
    )  # fmt: skip


def _summary(summary: RunSummary, crops: pd.DataFrame) -> str:
    sources = summary.sources if summary.sources is not None else crops["source_id"].nunique()
    words = f"{counted(len(crops), 'crop')} of {counted(int(sources), 'image')}."
    if not summary.sources_without_crops:
        return words
    without = summary.sources_without_crops
    return f"{words} In {counted(without, 'image')} there was nothing to cut."


def _figures(crops: pd.DataFrame, sides: pd.Series) -> tuple[Chart, ...]:
    if crops.empty:
        return ()
    each = np.asarray(crops["source_id"].value_counts(), np.float64)
    made = [
        _histogram("per-image", "Crops of an image", "crops", "images",
                   each, Scale(1.0, integer=True),
                   "Good: what you expect of your images; a few with very many are often noise."),
        _histogram("side", "Shorter side of crops", "pixels", "crops", sides.to_numpy(np.float64),
                   Scale(1.0, None), "Good: few crops are so small that nothing can be seen."),
        _histogram("score", "How sure the detector is", "score", "crops",
                   crops["score"].to_numpy(np.float64), Scale(0.0, 1.0),
                   "Good: most crops lie to the right."),
    ]  # fmt: skip
    figures: list[Chart] = [figure for figure in made if figure is not None]
    labels = crops["label"].dropna().value_counts()
    if len(labels) > 1:
        totals = sorted(((str(k), int(v)) for k, v in labels.items()), key=lambda e: (-e[1], e[0]))
        names, values = categories(totals)
        figures.append(Bars("figure-crops-labels", "Crops of each class", "class", "crops", names,
                            values, f"From {count(totals[-1][1])} to {count(totals[0][1])}.",
                            "Good: no class has too few to be learned."))  # fmt: skip
    return tuple(figures)


def _histogram(
    key: str, title: str, axis: str, counts: str, values: Values, scale: Scale, reading: str
) -> Histogram | None:
    known = values[np.isfinite(values)]
    if len(known) < 2 or np.ptp(known) == 0:
        return None
    bins, log = bin_values(known, scale, None)
    return Histogram(
        figure_id=f"figure-crops-{key}",
        title=title,
        axis=axis,
        counts=counts,
        bins=bins,
        log=log,
        threshold=None,
        summary=f"Median {rough(float(np.median(known)))}, from {rough(float(known.min()))} to "
        f"{rough(float(known.max()))}.",
        reading=reading,
    )


def _card(row: Mapping[Hashable, Any], album: Album) -> CropCard:
    x, y, width, height = (float(row[k]) for k in ("col_x", "row_y", "width", "height"))
    score = row["score"]
    return CropCard(
        image=album.image(int(row["crop_id"])),
        box=f"{number(round(width))} \u00d7 {number(round(height))} at {round(x)}, {round(y)}",
        score="" if pd.isna(score) else f"{float(score):.2f}",
        label=_text(row["label"]),
        text=_text(row["text"]),
    )


def _text(value: object) -> str:
    return shorten(visible(value), limits.BASE_LENGTH) if isinstance(value, str) else ""
