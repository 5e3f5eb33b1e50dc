"""Queries on the image table: which images meet conditions, in which order, a page at a time.

Filters are computed by Arrow, column by column. The order by each column and the rows of the last
queries are kept, so that turning a page or changing a filter does not sort again: at a million
images sorting takes a second, a filter with a known order some hundredths.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from imgvet.errors import InvalidParameterError
from imgvet.search.image_table import ImageColumn, ImageTable, Rows, Value

TEXT_COLUMNS = ("filename", "label", "crops.label", "crops.text")
"""Columns in which free text is looked for, as far as a run has them."""

ALWAYS = ("id", "filename", "status", "label")
"""Columns that every page has."""

MAX_CHOICES = 500
"""At most this many values of a text column are listed."""

MAX_PAGE = 1000
"""At most this many rows are in one page."""

MAX_OFFSET = 2**40
_KEPT = 8

Mask = NDArray[np.bool_]
Short = Annotated[str, Field(max_length=1000)]


class Requested(BaseModel):
    """What somebody asks; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, data: str | bytes) -> Self:
        """What is asked as JSON.

        Raises:
            InvalidParameterError: it does not fit; the message names the first thing that is wrong.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"])) or "JSON"
            raise InvalidParameterError(f"{where}: {first['msg']}", "Correct the request") from None


class Condition(Requested):
    """What the value of one column must be; a missing value meets none but ``missing``.

    Attributes:
        column: the column.
        minimum: least value (numbers).
        maximum: greatest value (numbers).
        above: value that must be exceeded (numbers).
        below: value that must not be reached (numbers).
        values: one of these exactly (text).
        missing: whether there must be no value, or one.
    """

    column: Short
    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None
    above: FiniteFloat | None = None
    below: FiniteFloat | None = None
    values: Annotated[tuple[Short, ...], Field(max_length=1000)] | None = None
    missing: bool | None = None

    @property
    def has_range(self) -> bool:
        """Whether it compares numbers."""
        limits = (self.minimum, self.maximum, self.above, self.below)
        return any(limit is not None for limit in limits)


class Query(Requested):
    """Which images are wanted, in which order, and which of them are shown.

    Attributes:
        text: words that must all stand in the file name, the label, or the text that was read in a
            crop; in any case.
        where: conditions, all of which must be met.
        sort: column to sort by; rows without a value come last, equal ones in order of listing.
            None: order of listing.
        descending: greatest first.
        offset: rows to skip.
        limit: greatest number of rows.
    """

    text: Short = ""
    where: Annotated[tuple[Condition, ...], Field(max_length=100)] = ()
    sort: Short | None = None
    descending: bool = False
    offset: int = Field(0, ge=0, le=MAX_OFFSET)
    limit: int = Field(60, ge=1, le=MAX_PAGE)


@dataclass(frozen=True)
class Page:
    """A part of an answer.

    Attributes:
        total: how many images match.
        columns: the columns of its rows; the first is ``id``.
        rows: one for each image, with a value for each column.
    """

    total: int
    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]


@dataclass(frozen=True)
class ColumnSummary:
    """What is in a column.

    Attributes:
        column: the column.
        missing: images without a value.
        least: least number; None for text, or if there is no value.
        greatest: greatest number.
        choices: the most frequent texts and how many images have them; empty for numbers.
        distinct: how many different texts there are.
    """

    column: ImageColumn
    missing: int
    least: float | None = None
    greatest: float | None = None
    choices: tuple[tuple[str, int], ...] = ()
    distinct: int = 0


class ImageSearch:
    """Answers queries on the images of a run; may be used from several threads."""

    def __init__(self, images: ImageTable) -> None:
        self._images = images
        self._matching = lru_cache(maxsize=_KEPT)(self._find)
        self._order = lru_cache(maxsize=_KEPT)(self._sort)

    def page(self, query: Query) -> Page:
        """A page of the images that match.

        Raises:
            InvalidParameterError: an unknown column, or a condition that does not fit its kind.
        """
        rows = self._rows(query)
        shown = rows[query.offset : query.offset + query.limit]
        asked = [query.sort] if query.sort is not None else []
        asked += [condition.column for condition in query.where]
        known = (name for name in (*ALWAYS, *asked) if name in self._images.columns)
        names = tuple(dict.fromkeys(known))
        return Page(len(rows), names, self._images.values(names, self._images.ids[shown]))

    def ids(self, query: Query) -> Rows:
        """The ids of all images that match, in order, whatever page is asked for.

        Raises:
            InvalidParameterError: as :meth:`page`.
        """
        return self._images.ids[self._rows(query)]

    def summary_of(self, name: str) -> ColumnSummary:
        """What is in a column.

        Raises:
            InvalidParameterError: there is no such column.
        """
        column = self._column(name)
        values = self._images[name]
        if column.kind == "number":
            ends = pc.min_max(values).as_py()
            return ColumnSummary(column, values.null_count, ends["min"], ends["max"])
        counted = pc.value_counts(values.drop_null()).to_pylist()
        choices = sorted(
            ((entry["values"], entry["counts"]) for entry in counted),
            key=lambda pair: (-pair[1], pair[0]),
        )
        chosen = tuple(choices[:MAX_CHOICES])
        return ColumnSummary(column, values.null_count, choices=chosen, distinct=len(choices))

    def _column(self, name: str) -> ImageColumn:
        """A column by name.

        Raises:
            InvalidParameterError: there is none; the message suggests the nearest.
        """
        columns = self._images.columns
        if name in columns:
            return columns[name]
        nearest = difflib.get_close_matches(name, list(columns), n=1)
        raise InvalidParameterError(
            f"Unknown column {name!r}", f"Did you mean {nearest[0]!r}" if nearest else ""
        )

    def _rows(self, query: Query) -> Rows:
        if query.sort is not None:
            self._column(query.sort)
        for condition in query.where:
            kind = self._column(condition.column).kind
            if condition.has_range if kind == "text" else condition.values is not None:
                raise InvalidParameterError(
                    f"{condition.column} holds {kind}",
                    "Give minimum and maximum for numbers, and values for text",
                )
        return self._matching(query.model_copy(update={"offset": 0, "limit": 1}))

    def _find(self, query: Query) -> Rows:
        """The rows of all images that match, in order."""
        mask = np.ones(len(self._images), bool)
        for condition in query.where:
            mask &= self._meets(condition)
        for word in dict.fromkeys(query.text.split()):
            mask &= self._holds(word)
        if query.sort is None:
            return np.flatnonzero(mask)
        order = self._order(query.sort, "descending" if query.descending else "ascending")
        return order[mask[order]]

    def _sort(self, name: str, direction: str) -> Rows:
        """All rows in the order of a column; missing values last, equal ones as they are listed."""
        order = pc.array_sort_indices(self._images[name], order=direction)
        return np.asarray(order.to_numpy(), np.int64)

    def _meets(self, condition: Condition) -> Mask:
        values = self._images[condition.column]
        limits = (
            (condition.minimum, pc.greater_equal),
            (condition.maximum, pc.less_equal),
            (condition.above, pc.greater),
            (condition.below, pc.less),
        )
        masks = [compare(values, float(limit)) for limit, compare in limits if limit is not None]
        if condition.values is not None:
            masks.append(pc.is_in(values, pa.array(condition.values, pa.string())))
        if condition.missing is not None:
            masks.append(pc.equal(pc.is_null(values), condition.missing))
        mask = np.ones(len(self._images), bool)
        for one in masks:
            mask &= _mask(one)
        return mask

    def _holds(self, word: str) -> Mask:
        """Whether a word stands in the texts of each image."""
        lowered = pc.utf8_lower(pa.scalar(word)).as_py()
        mask = np.zeros(len(self._images), bool)
        for name in TEXT_COLUMNS:
            if name in self._images.columns:
                mask |= _mask(pc.match_substring(self._lowered(name), lowered))
        return mask

    def _lowered(self, name: str) -> Any:
        return self._images.keep(f"lower {name}", lambda: pc.utf8_lower(self._images[name]))


def _mask(values: Any) -> Mask:
    """Arrow's booleans as NumPy's; null counts as no."""
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), bool)
