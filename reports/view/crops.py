"""Crops: how many were cut from each image, how large they are, how sure the detector was."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from imgvet.reports import limits
from imgvet.reports.text import count, counted, number, rough, shorten, visible
from imgvet.reports.view.chart import Chart, make_bars, most_frequent
from imgvet.reports.view.histogram import Histogram, Scale, make_histogram
from imgvet.reports.view.images import Album
from imgvet.reports.view.section import Gallery, SectionView
from imgvet.sections import Section
from imgvet.summary import RunSummary


def crops(summary: RunSummary, table: pd.DataFrame, album: Album) -> SectionView | None:
    """The crops, from table ``crops``; None if whole images were analysed."""
    if table.empty and summary.sources is None:
        return None
    by_score = bool(table["score"].notna().any())
    sides = table[["width", "height"]].astype(float).min(axis=1)
    ordered = table.assign(_key=table["score"].astype(float) if by_score else sides)
    ordered = ordered[ordered["crop_id"].isin(album.ids)].sort_values(["_key", "crop_id"])
    rows = ordered.head(limits.CARDS).to_dict(orient="records")
    order = "least sure first" if by_score else "smallest first"
    return SectionView(
        Section.CROPS,
        _summary(summary, table),
        badge=count(len(table)),
        content={
            "figures": tuple(_figures(table, sides)),
            "crops": Gallery(
                tuple(_crop(row, album) for row in rows), len(table), f"crops, {order}", "crops"
            ),
        },
    )


def _summary(summary: RunSummary, table: pd.DataFrame) -> str:
    sources = summary.sources if summary.sources is not None else table["source_id"].nunique()
    text = f"{counted(len(table), 'crop')} of {counted(int(sources), 'image')}."
    if not summary.sources_without_crops:
        return text
    without = counted(summary.sources_without_crops, "image")
    return f"{text} In {without} there was nothing to cut."


def _figures(table: pd.DataFrame, sides: pd.Series) -> Iterator[Chart]:
    """Crops of each image, their sizes, scores and classes, as far as they differ."""
    histograms = (
        _histogram(table["source_id"].value_counts(), Scale(1.0, integer=True), "per-image",
                   "Crops of an image", "crops", "images",
                   "Good: what you expect of your images; a few with very many are often noise."),
        _histogram(sides, Scale(1.0, None), "side", "Shorter side of crops", "pixels", "crops",
                   "Good: few crops are so small that nothing can be seen."),
        _histogram(table["score"], Scale(0.0, 1.0), "score", "How sure the detector is", "score",
                   "crops", "Good: most crops lie to the right."),
    )  # fmt: skip
    yield from (histogram for histogram in histograms if histogram)
    totals = most_frequent(table["label"].dropna())
    if len(totals) > 1:
        yield make_bars(
            totals,
            figure_id="figure-crops-labels",
            title="Crops of each class",
            axis="class",
            counts="crops",
            summary=f"From {count(totals[-1][1])} to {count(totals[0][1])}.",
            reading="Good: no class has too few to be learned.",
        )


def _histogram(
    column: pd.Series, scale: Scale, key: str, title: str, axis: str, counts: str, reading: str
) -> Histogram | None:
    values = column.to_numpy(np.float64, na_value=np.nan)
    known = values[np.isfinite(values)]
    if len(known) < 2 or np.ptp(known) == 0:
        return None
    median, least, greatest = map(rough, (np.median(known), known.min(), known.max()))
    return make_histogram(
        known,
        scale,
        figure_id=f"figure-crops-{key}",
        title=title,
        axis=axis,
        counts=counts,
        summary=f"Median {median}, from {least} to {greatest}.",
        reading=reading,
    )


def _crop(row: Mapping[Hashable, Any], album: Album) -> dict[str, Any]:
    """A crop: the picture, where it was cut, how sure the detector was, and what it says."""
    x, y, width, height = (round(float(row[k])) for k in ("col_x", "row_y", "width", "height"))
    return {
        "image": album.image(int(row["crop_id"])),
        "box": f"{number(width)} \u00d7 {number(height)} at {x}, {y}",
        "score": "" if pd.isna(row["score"]) else f"{float(row['score']):.2f}",
        "label": _text(row["label"]),
        "text": _text(row["text"]),
    }


def _text(value: object) -> str:
    return shorten(visible(value), limits.BASE_LENGTH) if isinstance(value, str) else ""
