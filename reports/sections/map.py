"""The map: a place in the plane for each distinct image, and what the places can be coloured by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.metrics import METRICS
from imgvet.reports import limits
from imgvet.reports.charts import most_frequent
from imgvet.reports.inputs import Content, ReportInputs
from imgvet.reports.text import label
from imgvet.search.image_table import COPIES
from imgvet.similarity.projection import project

MISSING = 255  # code of a value that was not measured
_STEPS = 254
_STRIPS = 32  # of the map; in each of them points stand from left to right
_NONE, _OTHERS = "none", "others"


@dataclass(frozen=True)
class MapPoints:
    """The points of the map, strip by strip, so that near ones are loaded together."""

    ids: NDArray[np.int64]
    """(n,): the first item of each content."""
    digests: NDArray[np.object_]
    """(n,): its content digest."""
    places: NDArray[np.float32]
    """(n, 2), 0..1."""
    colourings: list[Content]
    """What they can be coloured by, see :func:`_colouring`; at least one."""


def similarity_map(run: ReportInputs) -> Content | None:
    """The map of the embeddings; None if there are fewer than three distinct ones."""
    if run.embeddings is None:
        return None
    items = run.table("items")[["id", "digest", "embedding_row"]]
    known = items[items["embedding_row"] < len(run.embeddings)]
    known = known.drop_duplicates("embedding_row").sort_values("embedding_row")
    if len(known) < 3:
        return None
    chosen = known.iloc[evenly(len(known), limits.MAP_POINTS)]
    rows = chosen["embedding_row"].to_numpy(np.int64)
    places = project(np.nan_to_num(run.embeddings[rows], copy=False))  # of a copy by itself
    order = np.lexsort((places[:, 0], np.floor(places[:, 1] * _STRIPS)))
    shown = chosen.iloc[order]
    frame = run.facts(shown["id"])
    points = MapPoints(
        ids=shown["id"].to_numpy(np.int64),
        digests=shown["digest"].to_numpy(object),
        places=places[order],
        colourings=[*_categories(frame), *_values(frame)],
    )
    return {"points": points, "images": len(known)}


def evenly(total: int, limit: int) -> NDArray[np.int64]:
    """The places of all things, or of so many of them as are allowed, evenly chosen."""
    return np.linspace(0, total - 1, min(total, limit)).round().astype(np.int64)


def _colouring(title: str, codes: NDArray[Any], names: list[str], **scale: str | float) -> Content:
    """What points can be coloured by, as the script takes it.

    Codes, (n,), are places in the names, which are safe to read, or without names values from
    ``low`` (0) to ``high`` (254) in a ``unit``; 255 is missing.
    """
    told = {"title": title, "unit": "", "names": names, "low": 0.0, "high": 0.0}
    return {**told, "codes": codes.astype(np.uint8), **scale}


def _categories(frame: pd.DataFrame) -> Iterator[Content]:
    columns = {"Split": "split", "Label": "label", "Component": "components.component_id"}
    for title, column in columns.items():
        if frame[column].notna().any():
            yield _category(title, frame[column])
    outlier, copies = frame["outliers.similarity"].notna(), frame[COPIES].fillna(1) > 1
    yield _colouring("Outliers", ~outlier.to_numpy(), ["listed as outlier", _OTHERS])
    yield _colouring("Exact copies", ~copies.to_numpy(), ["has exact copies", _OTHERS])


def _category(title: str, values: pd.Series) -> Content:
    """Codes of the most frequent values; all others, and none, have one each."""
    totals = most_frequent(values.dropna())
    main = [value for value, _ in totals[: limits.MAP_CATEGORIES]]
    codes = values.astype(str).map({value: code for code, value in enumerate(main)})
    prefix = "component " if title == "Component" else ""
    names = [label(f"{prefix}{value}", limits.LABEL_LENGTH) for value in main]
    if len(totals) > len(main):
        codes = codes.mask(codes.isna() & values.notna(), len(names))
        names.append(_OTHERS)
    if values.isna().any():
        codes = codes.mask(values.isna(), len(names))
        names.append(_NONE)
    return _colouring(title, codes.to_numpy(), names)


def _values(frame: pd.DataFrame) -> Iterator[Content]:
    for metric in METRICS:
        column = f"stats.{metric.name}" if f"stats.{metric.name}" in frame else metric.name
        values = frame[column].to_numpy(np.float64, na_value=np.nan)
        known = values[np.isfinite(values)]
        if not known.size or np.ptp(known) == 0:
            continue
        low, high = (float(value) for value in np.percentile(known, (1, 99)))
        if low == high:
            low, high = float(known.min()), float(known.max())
        scaled = np.clip((values - low) / (high - low), 0, 1) * _STEPS
        codes = np.where(np.isfinite(values), np.nan_to_num(scaled).round(), MISSING)
        yield _colouring(metric.title, codes, [], unit=metric.unit, low=low, high=high)
