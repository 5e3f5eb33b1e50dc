"""Dark, bright and blurry images: one gallery for each flag of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from imgvet.metrics import METRIC_BY_NAME, Flag
from imgvet.reports import limits
from imgvet.reports.text import count, counted, number, rough, share
from imgvet.reports.view.images import Album, ImageView
from imgvet.reports.view.section import SectionView
from imgvet.reports.view.statistics import side_of
from imgvet.sections import Section
from imgvet.summary import RunSummary


@dataclass(frozen=True)
class FlaggedImage:
    """An image and the value that flags it, in words."""

    image: ImageView
    value: str


@dataclass(frozen=True, kw_only=True)
class FlagView(SectionView):
    """The gallery of a flag: the worst images first, and how many are flagged.

    Attributes:
        measure: the metric that is compared, for a person.
        cards: the images that are shown.
        flagged_count: how many are flagged.
    """

    measure: str
    cards: tuple[FlaggedImage, ...]
    flagged_count: int

    @property
    def images(self) -> tuple[ImageView, ...]:
        """Every image shown with a picture."""
        return tuple(card.image for card in self.cards)


def flag_view(flag: Flag, summary: RunSummary, stats: pd.DataFrame, album: Album) -> FlagView:
    """The gallery of a flag, from table ``stats``."""
    flagged = flagged_images(flag, summary, stats)
    total = 0 if flagged is None else len(flagged)
    return FlagView(
        anchor=Section(flag.name),
        summary=_not_measured(flag)
        if flagged is None
        else _summary(flag, summary, total, len(stats)),
        badge="" if flagged is None else count(total),
        measure=METRIC_BY_NAME[flag.metric].title,
        cards=tuple(
            FlaggedImage(album.image(item), rough(value))
            for item, value in (flagged or [])[: limits.CARDS]
        ),
        flagged_count=total,
    )


def flagged_images(
    flag: Flag, summary: RunSummary, stats: pd.DataFrame
) -> list[tuple[int, float]] | None:
    """Id and value of the flagged images, worst first; None if they were not measured."""
    if flag.metric not in stats.columns or stats[flag.metric].isna().all():
        return None
    threshold = float(getattr(summary, flag.option))
    values = stats[flag.metric]
    flagged = stats[values.lt(threshold) if flag.below else values.gt(threshold)]
    ordered = flagged.sort_values([flag.metric, "id"], ascending=[flag.below, True])
    return list(zip(ordered["id"].tolist(), ordered[flag.metric].tolist(), strict=True))


def _not_measured(flag: Flag) -> str:
    return f"Not known: {METRIC_BY_NAME[flag.metric].title.lower()} was not measured."


def _summary(flag: Flag, summary: RunSummary, total: int, whole: int) -> str:
    metric = METRIC_BY_NAME[flag.metric]
    rule = f"{metric.title.lower()} {side_of(flag)} {number(float(getattr(summary, flag.option)))}"
    if not total:
        return f"No image is {flag.name} ({rule})."
    verb = "is" if total == 1 else "are"
    return (
        f"{counted(total, 'image')} ({share(total, whole)}) {verb} {flag.name} "
        f"({rule}): {flag.meaning}."
    )
