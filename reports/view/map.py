"""The map: a place in the plane for each distinct image, and what the places can be coloured by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.metrics import METRICS
from imgvet.reports import limits
from imgvet.reports.text import count, counted, shorten, visible
from imgvet.reports.view.chart import most_frequent
from imgvet.reports.view.facts import Facts
from imgvet.reports.view.section import SectionView
from imgvet.sections import Section
from imgvet.similarity.projection import project

MISSING = 255
"""Code of a value that was not measured."""

_STEPS = 254
_NONE, _OTHERS = "none", "others"


@dataclass(frozen=True)
class Colouring:
    """What points can be coloured by.

    Attributes:
        key: its name for the script.
        title: its name for a person.
        unit: unit of its values, empty for categories.
        names: names of the categories, safe to read; empty for values.
        codes: uint8 (n,): the category, or the value from low (0) to high (254); 255 is missing.
        low: value of code 0.
        high: value of code 254.
    """

    key: str
    title: str
    unit: str
    names: tuple[str, ...]
    codes: NDArray[np.uint8]
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class MapPoints:
    """The points of the map, those that lie together one after the other.

    Attributes:
        ids: int64 (n,), the first item of each content.
        digests: object (n,), its content digest.
        places: float32 (n, 2), 0..1.
        colourings: what they can be coloured by; at least one.
    """

    ids: NDArray[np.int64]
    digests: NDArray[np.object_]
    places: NDArray[np.float32]
    colourings: tuple[Colouring, ...]


def similarity_map(
    items: pd.DataFrame, embeddings: NDArray[np.float32] | None, facts: Facts
) -> SectionView | None:
    """The map; None without embeddings of three images or more.

    Args:
        items: table ``items``.
        embeddings: float32 (n, width), row i belongs to items with ``embedding_row`` i.
        facts: what is known of each image.
    """
    if embeddings is None:
        return None
    known = items[items["embedding_row"] < len(embeddings)]
    known = known.drop_duplicates("embedding_row").sort_values("embedding_row")
    if len(known) < 3:
        return None
    chosen = known.iloc[_evenly(len(known), limits.MAP_POINTS)]
    vectors = np.asarray(embeddings[chosen["embedding_row"].to_numpy(np.int64)], np.float32)
    places = project(np.nan_to_num(vectors))
    order = np.argsort(_along_a_curve(places), kind="stable")
    shown = chosen.iloc[order]
    frame = facts.frame(shown["id"])
    points = MapPoints(
        ids=shown["id"].to_numpy(np.int64),
        digests=shown["digest"].to_numpy(object),
        places=places[order],
        colourings=(*_categories(frame), *_values(frame)),
    )
    return SectionView(
        Section.MAP,
        f"{counted(len(chosen), 'image')} of different content, alike ones close together. "
        "Good: the groups are those you expect, and points far from all others are ones you know.",
        content={"points": points, "notes": _notes(len(known), len(chosen))},
    )


def tiled(points: int) -> NDArray[np.int64]:
    """Which points have a thumbnail on the map: all, or an even sample."""
    return _evenly(points, limits.MAP_TILES)


def _notes(total: int, shown: int) -> tuple[str, ...]:
    notes = []
    if shown < total:
        notes.append(f"A sample of {count(shown)} of {counted(total, 'image')} is shown.")
    if shown > limits.MAP_TILES:
        notes.append(f"{count(limits.MAP_TILES)} of them, evenly chosen, have a thumbnail.")
    return tuple(notes)


def _evenly(total: int, limit: int) -> NDArray[np.int64]:
    if total <= limit:
        return np.arange(total)
    return np.linspace(0, total - 1, limit).round().astype(np.int64)


def _along_a_curve(places: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Position of each place on a curve that visits near places soon after each other (Morton)."""
    x, y = (np.clip(places[:, axis] * 1023, 0, 1023).astype(np.uint32) for axis in (0, 1))
    return _spread(x) | (_spread(y) << np.uint32(1))


def _spread(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The ten low bits with a gap after each."""
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        values = (values | (values << np.uint32(shift))) & np.uint32(mask)
    return values


def _categories(frame: pd.DataFrame) -> Iterator[Colouring]:
    for key, title in (("split", "Split"), ("label", "Label"), ("component_id", "Component")):
        if frame[key].notna().any():
            yield _category(key, title, frame[key])
    listed = frame["nearest_similarity"].notna()
    yield _two("outlier", "Outliers", listed, "listed as outlier")
    yield _two("copies", "Exact copies", frame["copies"].fillna(1) > 1, "has exact copies")


def _category(key: str, title: str, values: pd.Series) -> Colouring:
    """Codes of the most frequent values; all others, and none, have one each."""
    totals = most_frequent(values.dropna())
    main = [value for value, _ in totals[: limits.MAP_CATEGORIES]]
    codes = values.astype(str).map({value: code for code, value in enumerate(main)})
    names = [_name(key, value) for value in main]
    if len(totals) > len(main):
        codes = codes.mask(codes.isna() & values.notna(), len(names))
        names.append(_OTHERS)
    if values.isna().any():
        codes = codes.mask(values.isna(), len(names))
        names.append(_NONE)
    return Colouring(key, title, "", tuple(names), codes.to_numpy().astype(np.uint8))


def _two(key: str, title: str, holds: pd.Series, name: str) -> Colouring:
    codes = (~holds).to_numpy().astype(np.uint8)
    return Colouring(key, title, "", (name, _OTHERS), codes)


def _name(key: str, value: str) -> str:
    text = f"component {value}" if key == "component_id" else visible(value)
    return shorten(text, limits.BASE_LENGTH // 2)


def _values(frame: pd.DataFrame) -> Iterator[Colouring]:
    for metric in METRICS:
        values = frame[metric.name].to_numpy(np.float64, na_value=np.nan)
        known = values[np.isfinite(values)]
        if not known.size or np.ptp(known) == 0:
            continue
        low, high = (float(value) for value in np.percentile(known, (1, 99)))
        if low == high:
            low, high = float(known.min()), float(known.max())
        scaled = np.clip((values - low) / (high - low), 0, 1) * _STEPS
        codes = np.where(np.isfinite(values), np.nan_to_num(scaled).round(), MISSING)
        codes = codes.astype(np.uint8)
        yield Colouring(metric.name, metric.title, metric.unit, (), codes, low, high)
