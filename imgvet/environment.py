"""Environment variables that are set for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def environment(values: Mapping[str, str], *, keep: bool = False) -> Iterator[None]:
    """Set variables while something runs inside; with ``keep`` those that are set already stay."""
    new = {name: value for name, value in values.items() if not (keep and name in os.environ)}
    before = {name: os.environ[name] for name in new.keys() & os.environ.keys()}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)  # another run of this process may have ended before
        os.environ.update(before)
