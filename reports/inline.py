"""Pages for notebooks: HTML with its pictures inside, which needs no server and no script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.errors import InvalidParameterError, written
from imgvet.format import listed, number
from imgvet.metrics import FLAGS, METRIC_BY_NAME
from imgvet.parameters import Count, checked
from imgvet.quality.result import CheckState
from imgvet.reports.build import environment
from imgvet.reports.histogram import Scale, bin_values
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.pictures import address_of
from imgvet.reports.sections.history import NUMBERS
from imgvet.reports.sections.statistics import flag_limit
from imgvet.reports.text import count, counted, similarity
from imgvet.search.conditions import conditions_of
from imgvet.search.image_table import ID_COLUMNS
from imgvet.search.query import ImageSearch, Query

SIDE = 176
"""Long side of a picture in pixels."""

SHOWN = 20
"""Entries of a page unless another number is asked for."""

MEMBERS = 8
"""Images of a component."""

Find = Callable[[Any, int, Mapping[str, Any] | None], pd.DataFrame]
"""Finds images like one, as ``Dataset.search`` does."""


@dataclass(frozen=True)
class InlinePage:
    """What a notebook shows of a run; ``html`` is all of it."""

    title: str
    html: str

    def __repr__(self) -> str:
        return f"InlinePage({self.title!r})"

    def _repr_html_(self) -> str:
        return self.html

    @checked
    def save(self, path: str | Path) -> Path:
        """Write it as a page of its own."""
        place = Path(path).expanduser()
        with written(place):
            place.write_text(f"<!DOCTYPE html>\n<meta charset='utf-8'>\n{self.html}\n", "utf-8")
        return place


class Visuals:
    """The galleries of one run. Where ``where`` stands, columns say which images are meant.

    ``label="dog"``, ``split=["val", "test"]``, ``sharpness=(None, 0.3)`` (a range), or None for
    images without a value.
    """

    def __init__(self, run: ReportInputs, find: Find) -> None:
        self._run = run
        self._find = find

    @checked
    def duplicates(self, n: Count = SHOWN, **where: Any) -> InlinePage:
        """Pairs of copies and near copies, most alike first, one of them as ``where`` says.

        Those that a person decided on are left out, here and of labels.
        """
        pairs, meant = self._run.open_pairs("all"), self._meant(where)
        if meant is not None:
            pairs = pairs[pairs["from"].isin(meant) | pairs["to"].isin(meant)]
        shown = pairs.head(n)
        said = [f"similarity {similarity(alike)}" for alike in shown["similarity"]]
        return self._page("Duplicates", "pair", len(pairs), shown[["from", "to"]].to_numpy(), said)

    @checked
    def outliers(self, n: Count = SHOWN, **where: Any) -> InlinePage:
        """Outliers, worst first, each beside its nearest neighbour."""
        rows = self._only(self._run.table("outliers"), where)
        shown = rows.head(n)
        judged = shown[["similarity", "score"]].to_numpy()
        said = [f"similarity {similarity(alike)}, score {score:.1f}" for alike, score in judged]
        return self._page("Outliers", "outlier", len(rows), _ids(shown), said)

    @checked
    def labels(self, n: Count = SHOWN, **where: Any) -> InlinePage:
        """Labels that are likely wrong, worst first, each beside an image of the suggested one."""
        rows = self._only(self._run.open_issues, where)
        shown, title = rows.head(n), "Labels that are likely wrong"
        better = (" \u2192 " + shown["suggested_label"]).fillna(", or the label of its copy")
        judged = zip(shown["label"], better, shown["score"], strict=True)
        said = [f"{label}{other}, score {score:.2f}" for label, other, score in judged]
        return self._page(title, "image", len(rows), _ids(shown), said)

    @checked
    def table(self, rows: pd.DataFrame, n: Count = SHOWN) -> InlinePage:
        """A frame of this run, such as ``dataset.leaks()``, with pictures in place of ids."""
        ends = [name for name in ID_COLUMNS if name in rows]
        if not ends:
            raise InvalidParameterError(
                f"The frame has none of the columns {listed(ID_COLUMNS)}",
                "Give a frame of this run",
            )
        shown = rows.head(n).astype(object)
        images = {name: self._run.images(shown[name].fillna(-1)) for name in ends}
        known = {name: {image.id: image for image in found} for name, found in images.items()}
        others = [name for name in rows if name not in ends]
        body = [
            ([known[name].get(row[name]) for name in ends], [row[name] for name in others])
            for row in shown.where(shown.notna(), "").to_dict("records")
        ]
        return self._page("Rows", "row", len(rows), columns=[*ends, *others], body=body)

    @checked
    def components(self, n: Count = SHOWN, **where: Any) -> InlinePage:
        """Components, largest first, that have an image as ``where`` says."""
        members, info = self._run.table("components"), self._run.table("component_info")
        info = info[info["component_id"].isin(self._only(members, where)["component_id"])]
        shown, ids = info.head(n), dict(iter(members.groupby("component_id")["id"]))
        groups = [ids[component].head(MEMBERS) for component in shown["component_id"]]
        said = [
            f"component {row['component_id']}: {counted(row['count'], 'image')}, "
            f"similarity from {similarity(row['min_similarity'])}"
            for row in shown.to_dict("records")
        ]
        return self._page("Components", "component", len(info), groups, said)

    @checked
    def similar(self, picture: Any, n: Count = SHOWN, **where: Any) -> InlinePage:
        """The images most like a picture, which is anything that ``Dataset.search`` takes."""
        found = self._find(picture, n, where)
        said = [f"similarity {similarity(alike)}" for alike in found["similarity"]]
        return self._page("Similar images", "image", len(found), found[["id"]].to_numpy(), said)

    @checked
    def stats(self, metric: str, n: Count = SHOWN, **where: Any) -> InlinePage:
        """The histogram of a metric, and the images at both of its ends."""
        column = f"stats.{metric}" if metric in METRIC_BY_NAME else metric
        meant = self._meant({metric: (None, None), **where})
        if self._run.image_table.columns[column].kind == "text":
            problem = f"{metric} is no number, and has no histogram"
            raise InvalidParameterError(problem, "Name a column of numbers, such as sharpness")
        values = self._run.image_table.frame([column], meant)[column].astype("float64")
        ordered = values[np.isfinite(values)].sort_values(kind="stable")
        ends = (
            ordered if len(ordered) <= n else pd.concat([ordered[: n // 2], ordered[-(n // 2) :]])
        )
        said = [f"{metric} {number(value)}" for value in ends]
        title = METRIC_BY_NAME[metric].title if metric in METRIC_BY_NAME else metric
        limit = next((flag_limit(flag, self._run) for flag in FLAGS if flag.metric == metric), None)
        bars: list[dict[Any, Any]] = []
        if len(ordered):
            bars = bin_values(np.asarray(ordered, np.float64), Scale(limit=limit))[0].to_dict(
                "records"
            )
        return self._page(
            title, "image", len(ordered), ends.index.to_numpy()[:, None], said, bars=bars
        )

    def _meant(self, where: Mapping[str, Any]) -> NDArray[np.int64] | None:
        """The ids that ``where`` means; None if it says nothing."""
        if not where:
            return None
        images = self._run.image_table
        return ImageSearch(images).ids(Query(where=conditions_of(where, images.columns)))

    def _only(self, rows: pd.DataFrame, where: Mapping[str, Any]) -> pd.DataFrame:
        meant = self._meant(where)
        return rows if meant is None else rows[rows["id"].isin(meant)]

    def _page(
        self,
        title: str,
        thing: str,
        total: int,
        groups: Iterable[Iterable[Any]] = (),
        said: Iterable[str] = (),
        **shown: Any,
    ) -> InlinePage:
        """A page of groups of images by their ids, each with a line about it."""
        entries = [
            {"images": self._run.images(filter(pd.notna, ids)), "said": line}
            for ids, line in zip(groups, said, strict=True)
        ]
        size = len(shown["body"]) if "body" in shown else len(entries)
        part = count(size) + " of " if size < total else ""
        lead = f"{part}{counted(total, thing)}" if total else f"No {thing} to show"
        return InlinePage(title, render(self._run, title=title, lead=lead, groups=entries, **shown))


def _ids(rows: pd.DataFrame) -> NDArray[np.object_]:
    """Of each row its image and the nearest one, which may be missing."""
    return rows[["id", "nearest"]].to_numpy(object)


def overview(run: ReportInputs) -> str:
    """The verdict, the numbers and what failed, as HTML."""
    return render(
        run,
        title=run.title,
        lead=run.summary.verdict.meaning,
        tiles=[(one, run.counts.get(one.field), one.share(run.counts)) for one in NUMBERS],
        failed=[check for check in run.checks if check.state is not CheckState.PASSED],
    )


def render(run: ReportInputs, **shown: Any) -> str:
    """The template filled in, with the pictures of all images in ``groups`` inside it."""
    template = environment().get_template("inline.html")
    return template.render(
        run=run, address=lambda image: address_of(image.digest, run.thumbnail, SIDE), **shown
    )
