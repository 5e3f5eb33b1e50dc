"""Results of checks on disk: ``checks.json``, a list of results in the order of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from imgvet.quality.result import CheckResult
from imgvet.workdir import write_text

_RESULTS = TypeAdapter(tuple[CheckResult, ...])


def write_results(results: Sequence[CheckResult], path: Path) -> None:
    """Write results as JSON, atomically."""
    write_text(path, _RESULTS.dump_json(tuple(results), indent=2).decode() + "\n")


def read_results(path: Path) -> tuple[CheckResult, ...]:
    """Read results that :func:`write_results` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        pydantic.ValidationError: the file holds something else.
    """
    return _RESULTS.validate_json(path.read_bytes())
