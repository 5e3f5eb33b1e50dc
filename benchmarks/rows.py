"""One measured number, and the table of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.machine import Machine

_COLUMNS = ("number", "measured here", "to meet", "met")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        number: what was measured.
        measured: the value, with its unit, for a person.
        value: the same as a plain number.
        to_meet: what it has to be, for a person; empty if nothing is asked of it.
        met: whether it is; None if nothing is asked of it, or if the sizes were too small to tell.
    """

    number: str
    measured: str
    value: float
    to_meet: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """The last column."""
        return "" if self.met is None else "met" if self.met else "not met"


def at_most(number: str, value: float, limit: float, unit: str = "") -> Row:
    """A row whose value may not exceed a limit."""
    return Row(number, f"{value:.3g}{unit}", value, f"<= {limit:g}{unit}", value <= limit)


def at_least(number: str, value: float, limit: float, unit: str = "") -> Row:
    """A row whose value may not fall below a limit."""
    return Row(number, f"{value:.3g}{unit}", value, f">= {limit:g}{unit}", value >= limit)


def only(number: str, value: float, unit: str = "") -> Row:
    """A row of which nothing is asked."""
    return Row(number, f"{value:.4g}{unit}", value)


def as_lines(rows: Sequence[Row], machine: Machine) -> list[str]:
    """The table in Markdown, under a line that names the machine."""
    cells = [(row.number, row.measured, row.to_meet, row.verdict) for row in rows]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *cells, strict=True)]
    rule = tuple("-" * width for width in widths)
    table = [_line(line, widths) for line in (_COLUMNS, rule, *cells)]
    return [machine.description, "", *table]


def write_json(rows: Sequence[Row], machine: Machine, path: Path) -> None:
    """Write the table for programs."""
    content = {"machine": asdict(machine), "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"
