"""The worst images by a measure: those that are flagged, and the far ends of other measures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from imgvet.metrics import METRIC_BY_NAME, Flag
from imgvet.reports import limits
from imgvet.reports.text import count, counted, number, rough, share
from imgvet.reports.view.images import Album, Image
from imgvet.reports.view.section import Gallery, SectionView
from imgvet.reports.view.statistics import side_of
from imgvet.sections import Section
from imgvet.summary import RunSummary

Cards = tuple[tuple[Image, str], ...]


def flagged(flag: Flag, summary: RunSummary, stats: pd.DataFrame, album: Album) -> SectionView:
    """The images with a flag of the catalogue, from table ``stats``, worst first."""
    metric = METRIC_BY_NAME[flag.metric].title.lower()
    if flag.metric not in stats.columns or stats[flag.metric].isna().all():
        return _gallery(Section(flag.name), f"Not known: {metric} was not measured.")
    threshold = float(getattr(summary, flag.option))
    values = stats.set_index("id")[flag.metric]
    worst = values[values.lt(threshold) if flag.below else values.gt(threshold)]
    worst = worst.sort_index().sort_values(ascending=flag.below, kind="stable")
    rule = f"{metric} {side_of(flag)} {number(threshold)}"
    text = (
        f"{counted(len(worst), 'image')} ({share(len(worst), len(stats))}) "
        f"{'is' if len(worst) == 1 else 'are'} {flag.name} ({rule}): {flag.meaning}."
        if len(worst)
        else f"No image is {flag.name} ({rule})."
    )
    shown = worst.head(limits.CARDS)
    cards = _cards(shown, [f"{metric} {rough(value)}" for value in shown], album)
    return _gallery(Section(flag.name), text, cards, len(worst), count(len(worst)))


def extremes(stats: pd.DataFrame, album: Album) -> Iterator[SectionView]:
    """Lowest contrast, fewest pixels, longest and narrowest, as far as table ``stats`` has them."""
    measured = {name for name in stats.columns if stats[name].notna().any()}
    frame = stats.set_index("id")
    if "contrast" in measured:
        yield _low_contrast(frame["contrast"], album)
    if {"width", "height"} <= measured:
        sides = frame[["width", "height"]].astype(np.float64)
        yield _tiny(sides.prod(axis=1, skipna=False), album)
        yield _aspect_ratio(sides.max(axis=1) / sides.min(axis=1), album)


def _low_contrast(contrast: pd.Series, album: Album) -> SectionView:
    text = (
        f"The images of least contrast, from {rough(contrast.min())} of 1 up. Good: even these "
        "show what they should; nearly empty pictures are missing exposures, fog or lens caps."
    )
    worst = contrast.nsmallest(limits.EXAMPLES_OF_EXTREMES)
    cards = _cards(worst, [f"contrast {rough(value)}" for value in worst], album)
    return _gallery(Section.LOW_CONTRAST, text, cards, contrast.count())


def _tiny(area: pd.Series, album: Album) -> SectionView:
    text = (
        f"The images of fewest pixels, from {number(area.min())} up; half of all have at least "
        f"{number(area.median())}. Good: even the smallest is large enough for its use."
    )
    worst = area.nsmallest(limits.EXAMPLES_OF_EXTREMES)
    cards = _cards(worst, [f"pixels {number(value)}" for value in worst], album)
    return _gallery(Section.TINY, text, cards, area.count())


def _aspect_ratio(ratio: pd.Series, album: Album) -> SectionView:
    text = (
        f"The images whose sides differ most, up to {ratio.max():.3g} to 1; half of all have "
        f"{ratio.median():.3g} to 1 or less. Good: close to the usual shape; strips and banners "
        "are often crops gone wrong."
    )
    worst = ratio.nlargest(limits.EXAMPLES_OF_EXTREMES)
    cards = _cards(worst, [f"sides {value:.3g} : 1" for value in worst], album)
    return _gallery(Section.ASPECT_RATIO, text, cards, ratio.count())


def _cards(worst: pd.Series, tags: list[str], album: Album) -> Cards:
    return tuple(zip(album.images(worst.index), tags, strict=True))


def _gallery(
    anchor: Section, summary: str, cards: Cards = (), total: int = 0, badge: str = ""
) -> SectionView:
    """A section of images, each with what it is extreme in."""
    gallery = Gallery(cards, total, "images, worst first", "stats")
    return SectionView(anchor, summary, {"gallery": gallery}, badge, template="gallery")
