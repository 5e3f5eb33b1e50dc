"""Some of many values, for a message of one line."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

SHOWN = 3
_LONGEST = 120


def examples(values: Collection[object]) -> str:
    """The first three values, quoted: ``'a.jpg', 'b.jpg', 'c.jpg', ...``."""
    shown = [_short(repr(value)) for value in islice(values, SHOWN)]
    return ", ".join([*shown, "..."] if len(values) > SHOWN else shown)


def counted(number: int, one: str, several: str = "") -> str:
    """A number and its noun: 1 row, 2 rows."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def _short(text: str) -> str:
    # The end of a path tells more than its beginning.
    return text if len(text) <= _LONGEST else f"{text[0]}...{text[-_LONGEST:]}"
