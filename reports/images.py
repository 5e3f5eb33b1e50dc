"""Images, and galleries of them, as pages show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from imgvet.reports.text import file_size

Content = dict[str, Any]
"""What a template shows, by the names that it uses, in dictionaries, tuples and lists."""


class Image(NamedTuple):
    """An item that can be chosen on a page; it is shown with a picture if it has a digest."""

    id: int
    filename: str
    digest: str | None = None
    file_bytes: int | None = None
    width: int | None = None
    height: int | None = None

    @property
    def pixels(self) -> str:
        """Its width and height in words, empty if they are not known."""
        return "" if self.width is None else f"{self.width} \u00d7 {self.height}"

    @property
    def file_size(self) -> str:
        """The size of its file in words, empty if it is not known."""
        return "" if self.file_bytes is None else file_size(self.file_bytes)


def gallery(rows: pd.DataFrame | Sequence[Any], limit: int, entry: Callable[[Any], Any]) -> Content:
    """Entries that the reader can search and leaf through: the first ones, and how many there are.

    Args:
        rows: of a frame each row is handed on as a dictionary.
        limit: how many are shown.
        entry: what the template needs of one.
    """
    first = rows[:limit]
    shown = first.to_dict(orient="records") if isinstance(first, pd.DataFrame) else first
    return {"entries": tuple(map(entry, shown)), "total": len(rows)}
