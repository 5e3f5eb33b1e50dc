"""Images at the far end of a measure that has no threshold: low contrast, small, odd in shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from imgvet.reports import limits
from imgvet.reports.text import number, rough
from imgvet.reports.view.flags import FlaggedImage
from imgvet.reports.view.images import Album, ImageView
from imgvet.reports.view.section import SectionView
from imgvet.sections import Section


@dataclass(frozen=True, kw_only=True)
class ExtremesView(SectionView):
    """The gallery of the most extreme images, the most extreme first.

    Attributes:
        measure: what they are extreme in.
        cards: the images that are shown.
        flagged_count: how many were measured.
    """

    measure: str
    cards: tuple[FlaggedImage, ...]
    flagged_count: int

    @property
    def images(self) -> tuple[ImageView, ...]:
        """Every image shown with a picture."""
        return tuple(card.image for card in self.cards)


def extremes_views(stats: pd.DataFrame, album: Album) -> tuple[ExtremesView, ...]:
    """The galleries of what table ``stats`` holds; none of what was not measured."""
    sides = {"width", "height"} <= set(stats.columns) and bool(stats["width"].notna().any())
    views = []
    if "contrast" in stats.columns and stats["contrast"].notna().any():
        views.append(_low_contrast(stats, album))
    if sides:
        views += [_tiny(stats, album), _aspect(stats, album)]
    return tuple(views)


def _low_contrast(stats: pd.DataFrame, album: Album) -> ExtremesView:
    values = stats["contrast"]
    worst = float(values.min())
    return ExtremesView(
        anchor=Section.LOW_CONTRAST,
        summary=f"The images of least contrast, from {rough(worst)} of 1 up. Good: even these show "
        "what they should; nearly empty pictures are missing exposures, fog or lens caps.",
        measure="contrast",
        cards=_cards(stats, values, album, [rough(float(v)) for v in values.nsmallest(_shown())]),
        flagged_count=int(values.notna().sum()),
    )


def _tiny(stats: pd.DataFrame, album: Album) -> ExtremesView:
    area = stats["width"].astype(np.float64) * stats["height"].astype(np.float64)
    least, usual = float(area.min()), float(area.median())
    return ExtremesView(
        anchor=Section.TINY,
        summary=f"The images of fewest pixels, from {number(least)} up; half of all have at least "
        f"{number(usual)}. Good: even the smallest is large enough for its use.",
        measure="pixels",
        cards=_cards(stats, area, album, [number(float(v)) for v in area.nsmallest(_shown())]),
        flagged_count=int(area.notna().sum()),
    )


def _aspect(stats: pd.DataFrame, album: Album) -> ExtremesView:
    sides = stats[["width", "height"]].astype(np.float64)
    ratio = sides.max(axis=1) / sides.min(axis=1)
    words = [f"{v:.3g} : 1" for v in ratio.nlargest(_shown())]
    return ExtremesView(
        anchor=Section.ASPECT_RATIO,
        summary=f"The images whose sides differ most, up to {ratio.max():.3g} to 1; half of all "
        f"have {ratio.median():.3g} to 1 or less. Good: close to the usual shape; strips and "
        "banners are often crops gone wrong.",
        measure="sides",
        cards=_cards(stats, -ratio, album, words),
        flagged_count=int(ratio.notna().sum()),
    )


def _shown() -> int:
    return limits.EXAMPLES_OF_EXTREMES


def _cards(
    stats: pd.DataFrame, values: pd.Series, album: Album, words: list[str]
) -> tuple[FlaggedImage, ...]:
    ids = stats.loc[values.nsmallest(_shown()).index, "id"].tolist()
    return tuple(FlaggedImage(album.image(i), word) for i, word in zip(ids, words, strict=True))
