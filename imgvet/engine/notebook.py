"""Showing things in the notebook that this process runs in, if it runs in one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from imgvet.progress import Progress, listening

_BAR_EVERY = 0.2
"""Seconds between two changes of the bar of one stage."""


def display_here() -> Any:
    """IPython's ``display`` if this is the kernel of a notebook, else None."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return sys.modules["IPython.display"].display if hasattr(shell, "kernel") else None


def show(what: object) -> bool:
    """Show an object in the notebook; whether there is one."""
    display = display_here()
    if display is not None:
        display(what)
    return display is not None


class _Bar:
    """What a notebook draws of how far a stage is; nothing when all is done."""

    def __init__(self, title: str = "", state: Progress | None = None) -> None:
        self._title, self._state = title, state

    def __repr__(self) -> str:
        state = self._state
        return f"{self._title}: {state.done:,} of {state.total:,}" if state else ""

    def _repr_html_(self) -> str:
        state = self._state
        if state is None:
            return ""
        bar = f"<progress value='{state.done}' max='{max(state.total, 1)}'></progress>"
        return f"{bar} {escape(repr(self))}"


@contextmanager
def bar(display: Any, title: Callable[[Progress], str]) -> Iterator[None]:
    """Show the progress of what runs inside as one bar, which goes at the end."""
    handle = display(_Bar(), display_id=True)

    def move(state: Progress) -> None:
        handle.update(_Bar(title(state), state))

    try:
        with listening(move, _BAR_EVERY):
            yield
    finally:
        handle.update(_Bar())
