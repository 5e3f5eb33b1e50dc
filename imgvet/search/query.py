"""Queries on the image table: which images meet conditions, in which order, a page at a time.

Arrow filters and sorts, column by column. The order by each column and the rows of the last queries
are kept, so that turning a page or changing a filter does not sort again.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, reduce
from typing import Annotated, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, FiniteFloat, ValidationError

from imgvet.errors import InvalidParameterError
from imgvet.parameters import first_problem
from imgvet.search.image_table import ImageColumn, ImageTable, Rows, Value
from imgvet.summary import Exact

TEXT_COLUMNS = ("filename", "label", "crops.label", "crops.text")
"""Columns in which free text is looked for, as far as a run has them."""

ALWAYS = ("id", "filename", "status", "label", "split")
"""Columns that every page has."""

MAX_CHOICES = 500
"""At most this many values of a text column are listed."""

MAX_PAGE, MAX_OFFSET = 1000, 2**40
_KEPT = 8
_COMPARISONS = {
    "minimum": pc.greater_equal,
    "maximum": pc.less_equal,
    "above": pc.greater,
    "below": pc.less,
}

Short = Annotated[str, Field(max_length=1000)]


class Requested(Exact):
    """What somebody asks; unknown names are refused."""

    @classmethod
    def parse(cls, data: str | bytes) -> Self:
        """What is asked as JSON; InvalidParameterError names the first thing that is wrong."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise InvalidParameterError(first_problem(error), "Correct the request") from None


class Condition(Requested):
    """What the value of one column must be; a missing value meets none but ``missing``.

    It is one of ``values``, exactly, and none of ``without``; numbers lie in a range, whose ends
    ``above`` and ``below`` do not belong to it.
    """

    column: Short
    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None
    above: FiniteFloat | None = None
    below: FiniteFloat | None = None
    values: Annotated[tuple[Short, ...], Field(max_length=1000)] | None = None
    without: Annotated[tuple[Short, ...], Field(max_length=1000)] | None = None
    missing: bool | None = None


class Query(Requested):
    """Which images are wanted, in which order, and which of them are shown.

    All words of ``text`` must stand in :data:`TEXT_COLUMNS`, in any case and however their accents
    are written, and all conditions be met. Rows without a value of ``sort`` come last, equal ones
    in order of listing.
    """

    text: Short = ""
    where: Annotated[tuple[Condition, ...], Field(max_length=100)] = ()
    list: Short | None = None
    """A saved list that they are in."""
    sort: Short | None = None
    descending: bool = False
    offset: int = Field(0, ge=0, le=MAX_OFFSET)
    limit: int = Field(60, ge=1, le=MAX_PAGE)

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves any image out."""
        return bool(self.text or self.where or self.list is not None)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it sorts or filters by."""
        sorted_by = () if self.sort is None else (self.sort,)
        return (*sorted_by, *(condition.column for condition in self.where))


@dataclass(frozen=True)
class Page:
    """Of how many images in all, some with their values of columns."""

    total: int
    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]


@dataclass(frozen=True)
class ColumnSummary:
    """What is in a column: the ends of numbers, or the most frequent texts with their counts."""

    column: ImageColumn
    missing: int
    least: float | None = None
    greatest: float | None = None
    choices: tuple[tuple[str, int], ...] = ()
    distinct: int = 0


class ImageSearch:
    """Answers queries on the images of a run; may be used from several threads."""

    def __init__(
        self, images: ImageTable, named_in: Callable[[str], Sequence[str]] | None = None
    ) -> None:
        """``named_in`` gives the file names of a saved list."""
        self.images, self._named_in = images, named_in
        self._matching = lru_cache(maxsize=_KEPT)(self._find)
        self._order = lru_cache(maxsize=_KEPT)(self._sort)
        self._texts = cache(lambda name: _folded(images[name]))

    def page(self, query: Query) -> Page:
        """A page of the images that match; raises as :meth:`ids`."""
        ids = self.ids(query)
        wanted = dict.fromkeys((*ALWAYS, *query.columns))
        names = tuple(name for name in wanted if name in self.images.columns)
        shown = ids[query.offset : query.offset + query.limit]
        return Page(len(ids), names, self.images.values(names, shown))

    def ids(self, query: Query) -> Rows:
        """The ids of all images that match, in order, whatever page is asked for.

        InvalidParameterError if a column is unknown, or a condition does not fit its kind.
        """
        found = self._matching(query.model_copy(update={"offset": 0, "limit": 1, "list": None}))
        if query.list is None or self._named_in is None:
            return found
        # Lists change, so that nothing is kept of them.
        names = pa.array(self._named_in(query.list), pa.string())
        listed = self.images.ids[np.asarray(pc.is_in(self.images["filename"], names))]
        return found[np.isin(found, listed)]

    def summary_of(self, name: str) -> ColumnSummary:
        """What is in a column; InvalidParameterError if there is none."""
        column, values = self._column(name), self.images[name]
        if column.kind == "number":
            ends = pc.min_max(values).as_py()
            return ColumnSummary(column, values.null_count, ends["min"], ends["max"])
        texts = values.drop_null().cast(pa.string())  # of flags: true and false
        counted = pa.Table.from_struct_array(pc.value_counts(texts))
        counted = counted.sort_by([("counts", "descending"), ("values", "ascending")])
        most = counted.slice(length=MAX_CHOICES).to_pydict()
        choices = tuple(zip(most["values"], most["counts"], strict=True))
        return ColumnSummary(column, values.null_count, choices=choices, distinct=len(counted))

    def _column(self, name: str) -> ImageColumn:
        columns = self.images.columns
        if name in columns:
            return columns[name]
        nearest = difflib.get_close_matches(name, list(columns), n=1)
        raise InvalidParameterError(
            f"Unknown column {name!r}",
            f"Did you mean {nearest[0]!r}?" if nearest else f"Known are {', '.join(columns)}",
        )

    def _find(self, query: Query) -> Rows:
        ids = self.images.ids
        for name in query.columns:
            self._column(name)
        masks = [mask for condition in query.where for mask in self._meeting(condition)]
        masks += [self._holding(word) for word in query.text.split()]
        if query.sort is not None:
            order = self._order(query.sort, "descending" if query.descending else "ascending")
        else:
            order = np.arange(len(ids))
        if masks:
            # Missing values meet nothing.
            matching = np.asarray(reduce(pc.and_, masks).fill_null(fill_value=False))
            order = order[matching[order]]
        return ids[order]

    def _sort(self, name: str, direction: str) -> Rows:
        """All rows in the order of a column; missing values last, equal ones as they are listed."""
        # Names of frames end in their times, which are numbers.
        keys = ("path", "member", "time_ms", name) if name == "filename" else (name,)
        table = pa.table({key: self.images[key] for key in keys})
        order = [(key, direction) for key in keys]
        return np.asarray(pc.sort_indices(table, sort_keys=order), np.int64)

    def _meeting(self, condition: Condition) -> Iterator[Any]:
        values, kind = self.images[condition.column], self._column(condition.column).kind
        limits = condition.model_dump(include=set(_COMPARISONS), exclude_none=True)
        if limits and kind == "text":
            raise InvalidParameterError(f"{condition.column} holds text", "Give values of it")
        for name, limit in limits.items():
            yield _COMPARISONS[name](values, limit)
        if condition.values is not None:
            yield self._among(condition.column, condition.values)
        if condition.without is not None:
            found = self._among(condition.column, condition.without)
            yield pc.and_(values.is_valid(), pc.invert(found))
        if condition.missing is not None:
            yield values.is_null() if condition.missing else values.is_valid()

    def _among(self, name: str, wanted: tuple[str, ...]) -> Any:
        """Which values of a column are one of some, which are written as text."""
        of = pa.string() if self._column(name).kind == "text" else pa.float64()
        try:
            return pc.is_in(self.images[name].cast(of), pa.array(wanted, pa.string()).cast(of))
        except pa.ArrowInvalid:
            raise InvalidParameterError(f"{name} holds numbers", "Give numbers") from None

    def _holding(self, word: str) -> Any:
        folded = _folded(pa.scalar(word)).as_py()
        names = (name for name in TEXT_COLUMNS if name in self.images.columns)
        holds = (pc.match_substring(self._texts(name), folded) for name in names)
        return reduce(pc.or_, (mask.fill_null(fill_value=False) for mask in holds))


def _folded(texts: Any) -> Any:
    """Texts (an Arrow array, or one) as they are compared; macOS writes accents by themselves."""
    return pc.utf8_lower(pc.utf8_normalize(texts, "NFKC"))
