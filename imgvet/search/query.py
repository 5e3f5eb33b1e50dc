"""What may be asked of the tables, as data: conditions, an order, and a page of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from imgvet.errors import InvalidParameterError

MAX_PAGE = 1000
"""At most this many rows are in one page."""

MAX_OFFSET = 2**40
Short = Annotated[str, Field(max_length=1000)]
Value = str | int | float | None
Kind = Literal["text", "number"]


@dataclass(frozen=True)
class Column:
    """A column that can be searched.

    Attributes:
        name: ``filename`` for a column of the table items, ``stats.sharpness`` for one of another.
        kind: whether it holds text or numbers.
        meaning: what it holds, for a person.
    """

    name: str
    kind: Kind
    meaning: str


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(_Asked):
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


class Query(_Asked):
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
    rows: tuple[tuple[Value, ...], ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of its images."""
        return tuple(int(str(row[0])) for row in self.rows)


def parse_query(data: str | bytes | Mapping[str, Any]) -> Query:
    """A query from JSON or from values.

    Raises:
        InvalidParameterError: it is not one; the message names the first thing that is wrong.
    """
    try:
        if isinstance(data, (str, bytes)):
            return Query.model_validate_json(data)
        return Query.model_validate(dict(data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "query"
        raise InvalidParameterError(f"{where}: {first['msg']}", "Correct the query") from None


def check_query(query: Query, columns: Mapping[str, Column]) -> None:
    """Refuse a query that asks for what there is not.

    Raises:
        InvalidParameterError: an unknown column, or a condition that does not fit its kind.
    """
    if query.sort is not None:
        known_column(query.sort, columns)
    for condition in query.where:
        kind = known_column(condition.column, columns).kind
        if (kind == "text" and condition.has_range) or (
            kind == "number" and condition.values is not None
        ):
            raise InvalidParameterError(
                f"{condition.column} holds {kind}",
                "Give minimum and maximum for numbers, and values for text",
            )


def known_column(name: str, columns: Mapping[str, Column]) -> Column:
    """A column by name.

    Raises:
        InvalidParameterError: there is none; the message suggests the nearest.
    """
    import difflib

    if name in columns:
        return columns[name]
    nearest = difflib.get_close_matches(name, list(columns), n=1)
    raise InvalidParameterError(
        f"Unknown column {name!r}", f"Did you mean {nearest[0]!r}" if nearest else ""
    )
