"""Search over the tables: which images meet conditions, in order, a page at a time.

Filters are computed by Arrow, column by column. The order by each column and the rows of the last
queries are kept, so that turning a page or changing a filter does not sort again: at a million
images sorting takes a second, a filter with a known order some hundredths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from imgvet.search.columns import Columns
from imgvet.search.query import Column, Condition, Page, Query, Value, check_query, known_column
from imgvet.workdir import WorkDir

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Direction = Literal["ascending", "descending"]

TEXT_COLUMNS = ("filename", "label", "crops.label", "crops.text")
"""Columns in which free text is looked for, as far as a run has them."""

ALWAYS = ("id", "filename", "status", "label")
"""Columns that every page has."""

MAX_CHOICES = 500
"""At most this many values of a text column are listed."""

_KEPT = 8


@dataclass(frozen=True)
class Described:
    """What is in a column.

    Attributes:
        column: the column.
        missing: images without a value.
        least: least number; None for text, or if there is no value.
        greatest: greatest number.
        choices: the most frequent texts and how many images have them; empty for numbers.
        distinct: how many different texts there are.
    """

    column: Column
    missing: int
    least: float | None = None
    greatest: float | None = None
    choices: tuple[tuple[str, int], ...] = ()
    distinct: int = 0


class Items:
    """The images of a finished run, ready to be queried; may be used from several threads."""

    def __init__(self, work: WorkDir) -> None:
        self._columns = Columns(work)
        self._matching = lru_cache(maxsize=_KEPT)(self._find)
        self._order = lru_cache(maxsize=_KEPT)(self._sorted)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that can be asked for."""
        return tuple(self._columns.known.values())

    def __len__(self) -> int:
        return len(self._columns)

    def first_and_last(self, name: str) -> tuple[str, str] | None:
        """The first and the last text of a column in order; None if it has none."""
        found = pc.min_max(self._columns[name]).as_py()
        return None if found["min"] is None else (found["min"], found["max"])

    def query(self, query: Query) -> Page:
        """A page of the images that match.

        Raises:
            InvalidParameterError: an unknown column, or a condition that does not fit its kind.
        """
        rows = self._rows(query)
        shown = rows[query.offset : query.offset + query.limit]
        asked = (query.sort, *(condition.column for condition in query.where))
        names = tuple(dict.fromkeys((*ALWAYS, *(name for name in asked if name))))
        names = tuple(name for name in names if name in self._columns.known)
        return Page(len(rows), names, self._values(names, shown))

    def ids(self, query: Query) -> Rows:
        """The ids of all images that match, in order, whatever page is asked for.

        Raises:
            InvalidParameterError: as :meth:`query`.
        """
        return self._columns.ids[self._rows(query)]

    def rows_of(
        self, ids: Sequence[int] | Rows, names: Sequence[str]
    ) -> tuple[tuple[Value, ...], ...]:
        """Values of some images, in the order given; unknown ids are left out."""
        places = self._columns.places_of(np.asarray(ids, np.int64))
        return self._values(names, places[places >= 0])

    def facts(self, item: int, names: Sequence[str] | None = None) -> dict[str, Value] | None:
        """What the tables say of one image, without missing values; None if there is none.

        Args:
            item: its id.
            names: the columns that are wanted; None stands for all.
        """
        place = self._columns.place_of(item)
        if place is None:
            return None
        wanted = self._columns.known if names is None else names
        values = {name: self._columns[name][place].as_py() for name in wanted}
        return {name: value for name, value in values.items() if value is not None}

    def describe(self, name: str) -> Described:
        """What is in a column.

        Raises:
            InvalidParameterError: there is no such column.
        """
        column = known_column(name, self._columns.known)
        values = self._columns[name]
        if column.kind == "number":
            ends = pc.min_max(values).as_py()
            return Described(column, values.null_count, ends["min"], ends["max"])
        counted = pc.value_counts(values.drop_null()).to_pylist()
        choices = sorted(
            ((entry["values"], entry["counts"]) for entry in counted),
            key=lambda pair: (-pair[1], pair[0]),
        )
        chosen = tuple(choices[:MAX_CHOICES])
        return Described(column, values.null_count, choices=chosen, distinct=len(choices))

    def _values(self, names: Sequence[str], rows: Rows) -> tuple[tuple[Value, ...], ...]:
        taken = [self._columns[name].take(pa.array(rows)).to_pylist() for name in names]
        return tuple(zip(*taken, strict=True))

    def _rows(self, query: Query) -> Rows:
        check_query(query, self._columns.known)
        return self._matching(query.model_copy(update={"offset": 0, "limit": 1}))

    def _find(self, query: Query) -> Rows:
        """The rows of all images that match, in order."""
        mask = np.ones(len(self), bool)
        for condition in query.where:
            mask &= self._meets(condition)
        for word in dict.fromkeys(query.text.split()):
            mask &= self._holds(word)
        if query.sort is None:
            return np.flatnonzero(mask)
        order = self._order(query.sort, "descending" if query.descending else "ascending")
        return order[mask[order]]

    def _sorted(self, name: str, direction: Direction) -> Rows:
        """All rows in the order of a column."""
        values = self._columns[name]
        if self._columns.known[name].kind == "text":
            return np.asarray(pc.array_sort_indices(values, order=direction).to_numpy(), np.int64)
        numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return np.argsort(-numbers if direction == "descending" else numbers, kind="stable")

    def _meets(self, condition: Condition) -> Mask:
        values = self._columns[condition.column]
        limits = (
            (condition.minimum, pc.greater_equal),
            (condition.maximum, pc.less_equal),
            (condition.above, pc.greater),
            (condition.below, pc.less),
        )
        mask = np.ones(len(self), bool)
        for limit, compare in limits:
            if limit is not None:
                mask &= _mask(compare(values, pa.scalar(limit, pa.float64())))
        if condition.values is not None:
            mask &= _mask(pc.is_in(values, pa.array(condition.values, pa.string())))
        if condition.missing is not None:
            mask &= _mask(pc.is_null(values)) == condition.missing
        return mask

    def _holds(self, word: str) -> Mask:
        """Whether a word stands in the texts of each image."""
        lowered = pc.utf8_lower(pa.scalar(word)).as_py()
        mask = np.zeros(len(self), bool)
        for name in TEXT_COLUMNS:
            if name in self._columns.known:
                mask |= _mask(pc.match_substring(self._lowered(name), lowered))
        return mask

    def _lowered(self, name: str) -> Any:
        return self._columns.cached(f"lower {name}", lambda: pc.utf8_lower(self._columns[name]))


def query_items(work: WorkDir, query: Query) -> Page:
    """A page of the images of a finished run that match; for more than one query, keep an Items.

    Raises:
        InvalidParameterError: an unknown column, or a condition that does not fit its kind.
    """
    return Items(work).query(query)


def _mask(values: Any) -> Mask:
    """Arrow's booleans as NumPy's; null counts as no."""
    filled = pc.fill_null(values, False)
    return np.asarray(filled.to_numpy(zero_copy_only=False), bool)
