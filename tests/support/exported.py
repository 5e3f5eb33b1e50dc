"""What is planted in the runs that are exported."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

BOXES = ((10.0, 20.0, 60.0, 50.0), (50.0, 20.0, 60.0, 50.0))
"""Boxes of each photograph: the first of its label, the second without one."""


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """A CSV file of rows."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path
