"""Data for the page's scripts: figures, what is known of images, and the map.

They are scripts themselves: a page from disk may not fetch JSON, but may load a script.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.reports.figures import figure, template
from imgvet.reports.limits import MAP_POINTS_SLOW
from imgvet.reports.tiles import COLUMNS, PER_SHEET, Tiles
from imgvet.reports.view.facts import Facts
from imgvet.reports.view.map import MapPoints, tiled
from imgvet.reports.view.report import PageView

FOLDER = "data"

CHUNK = 1000
"""Points of the map whose facts are in one file, loaded when one of them is looked at."""

TABLE = "tables/map.csv"
CSV: dict[str, Any] = {"index": False, "lineterminator": "\n", "errors": "backslashreplace"}
"""How tables for programs are written."""

_RESOLUTION = 65_535
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def as_json(value: Any) -> str:
    """JSON in ASCII that can't end a script element, whatever it holds.

    Line separators, marks of direction and lone surrogates are escapes, too.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPES)


def assignment(name: str, value: Any) -> str:
    """A script that hands ``value`` to the page's scripts as ``imgvet.<name>``."""
    return f"(globalThis.imgvet ??= {{}}).{name} = {as_json(value)};\n"


def packed(values: NDArray[np.generic]) -> str:
    """An array as base64 of its bytes, little-endian, for a typed array of the script."""
    data = np.ascontiguousarray(values)
    return base64.b64encode(data.astype(data.dtype.newbyteorder("<")).tobytes()).decode("ascii")


def page_data(page: PageView, facts: Facts) -> str:
    """The script with the data of one page: its figures, and what is known of its images."""
    columns = [
        {"key": c.key, "title": c.title, "form": c.form, "unit": c.unit} for c in facts.columns
    ]
    text = assignment("columns", columns) + assignment("images", facts.rows(page.ids))
    if page.charts or page.has_map:
        figures = {chart.figure_id: figure(chart) for chart in page.charts}
        text += assignment("template", template()) + assignment("figures", figures)
    return text


def write_map(
    points: MapPoints, tiles: Tiles, facts: Facts, pictures: Collection[str], folder: Path
) -> None:
    """Write ``data/map-*.js`` and the table of places."""
    rows = facts.rows(points.ids)
    names = [row[1] for row in rows]
    _write(folder / FOLDER / "map-points.js", assignment("map", _points(points, tiles, pictures)))
    _write(folder / FOLDER / "map-names.js", assignment("mapNames", names))
    for number, start in enumerate(range(0, len(rows), CHUNK)):
        text = assignment(f"mapFacts{number}", rows[start : start + CHUNK])
        _write(folder / FOLDER / f"map-facts-{number:03d}.js", text)
    places = {"x": points.places[:, 0], "y": points.places[:, 1]}
    table = pd.DataFrame({"id": points.ids, "filename": names, **places})
    table.to_csv(folder / TABLE, float_format="%.5f", **CSV)


def _points(points: MapPoints, tiles: Tiles, pictures: Collection[str]) -> dict[str, Any]:
    x, y = (np.round(points.places[:, axis] * _RESOLUTION).astype(np.uint16) for axis in (0, 1))
    with_picture = np.array([digest in pictures for digest in points.digests], np.uint8)
    return {
        "count": len(points.ids),
        "x": packed(x),
        "y": packed(y),
        "ids": packed(points.ids.astype(np.uint32)),
        "tile": packed(_tile_of(len(points.ids))),
        "picture": packed(with_picture),
        "tiles": {"side": tiles.side, "columns": COLUMNS, "perSheet": PER_SHEET},
        "chunk": CHUNK,
        "slowPoints": MAP_POINTS_SLOW,
        "colourings": [vars(one) | {"codes": packed(one.codes)} for one in points.colourings],
    }


def _tile_of(count: int) -> NDArray[np.int32]:
    """The tile of each point, -1 without one."""
    chosen = tiled(count)
    places = np.full(count, -1, np.int32)
    places[chosen] = np.arange(len(chosen))
    return places


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
