"""Data for the page's scripts: figures, what is known of images, and the map.

They are scripts themselves: a page from disk may not fetch JSON, but may load a script.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.reports import limits
from imgvet.reports.charts import template
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.pictures import COLUMNS, PER_SHEET, write_tiles
from imgvet.reports.report import Page
from imgvet.reports.sections.map import MapPoints, evenly
from imgvet.search.image_table import with_names
from imgvet.spreadsheet import csv_bytes
from imgvet.tables import OPTIONAL_TABLES, RESULT_TABLES

FOLDER = "data"
TABLES = "tables"

ROWS_AT_ONCE = 100_000  # of a table that is written: a million with their names are 1 GB
CHUNK = 1000  # points of the map whose facts are in one file, loaded when one is looked at

_RESOLUTION = 65_535
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def as_json(value: Any) -> str:
    """JSON in ASCII that can't end a script element, whatever it holds."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPES)


def assignment(name: str, value: Any) -> str:
    """A script that hands ``value`` to the page's scripts as ``imgvet.<name>``."""
    return f"(globalThis.imgvet ??= {{}}).{name} = {as_json(value)};\n"


def packed(values: NDArray[np.generic]) -> str:
    """An array as base64 of its bytes, little-endian, for a typed array of the script."""
    data = np.ascontiguousarray(values)
    return base64.b64encode(data.astype(data.dtype.newbyteorder("<")).tobytes()).decode("ascii")


def page_data(page: Page, inputs: ReportInputs) -> str:
    """The script with what is known of a page's images, and its figures."""
    columns = [one._asdict() for one in inputs.fact_columns]
    ids = dict.fromkeys(image.id for image in page.images)
    text = assignment("columns", columns) + assignment("images", inputs.fact_rows(ids))
    if page.charts or page.points is not None:
        figures = {chart.figure_id: chart.figure for chart in page.charts}
        text += assignment("template", template()) + assignment("figures", figures)
    return text


def write_tables(pages: Sequence[Page], inputs: ReportInputs, folder: Path) -> None:
    """Write as CSV the numbers of figures, the tables of the pages, and those of the run.

    Of images in the tables of the run it is told what they are called.
    """
    figures = ((chart.figure_id, chart.numbers) for page in pages for chart in page.charts)
    listings = (listing for page in pages for listing in page.listings)
    for name, rows in chain(figures, listings):
        (folder / TABLES / f"{name}.csv").write_bytes(csv_bytes(rows))
    for name in (table.name for table in (*RESULT_TABLES, *OPTIONAL_TABLES)):
        if name not in inputs.tables:
            continue
        with (folder / TABLES / f"{name}.csv").open("wb") as stream:
            rows = inputs.tables[name]
            for start in range(0, max(len(rows), 1), ROWS_AT_ONCE):
                part = with_names(rows[start : start + ROWS_AT_ONCE], inputs.image_table)
                stream.write(csv_bytes(part, header=start == 0))


def write_map(
    points: MapPoints, inputs: ReportInputs, pictures: Collection[str], folder: Path
) -> None:
    """Write ``data/map-*.js``, the sheets of thumbnails and the table of places.

    ``pictures`` are the digests of images that have a picture of their own.
    """
    rows = inputs.fact_rows(points.ids)
    names = [row[1] for row in rows]
    chosen = evenly(len(rows), limits.MAP_TILES)
    tiles = np.full(len(rows), -1, np.int32)
    tiles[chosen] = np.arange(len(chosen))
    side = write_tiles(points.digests[chosen].tolist(), inputs.thumbnail, folder)
    x, y = points.places.T
    shown = {
        "count": len(rows),
        "x": packed(np.round(x * _RESOLUTION).astype(np.uint16)),
        "y": packed(np.round(y * _RESOLUTION).astype(np.uint16)),
        "ids": packed(points.ids.astype(np.uint32)),
        "tile": packed(tiles),
        "picture": packed(np.array([d in pictures for d in points.digests], np.uint8)),
        "tiles": {"side": side, "columns": COLUMNS, "perSheet": PER_SHEET},
        "chunk": CHUNK,
        "slowPoints": limits.MAP_POINTS_SLOW,
        "colourings": [one | {"codes": packed(one["codes"])} for one in points.colourings],
    }
    (folder / FOLDER / "map-points.js").write_text(assignment("map", shown), "utf-8")
    (folder / FOLDER / "map-names.js").write_text(assignment("mapNames", names), "utf-8")
    for number, start in enumerate(range(0, len(rows), CHUNK)):
        text = assignment(f"mapFacts{number}", rows[start : start + CHUNK])
        (folder / FOLDER / f"map-facts-{number:03d}.js").write_text(text, "utf-8")
    table = pd.DataFrame({"id": points.ids, "filename": names, "x": x, "y": y})
    (folder / TABLES / "map.csv").write_bytes(csv_bytes(table.round(5)))
