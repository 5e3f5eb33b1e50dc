"""Show the progress of a run: a bar in a notebook or a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import escape
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from imgvet.progress import Progress, listening

_LINE_EVERY, _BAR_EVERY = 5.0, 0.2
"""Seconds between two plain lines of one stage, and two changes of its bar in a notebook."""

TITLES = {
    "fetch": "Fetching the work dir",
    "send": "Sending the work dir",
    "tidy": "Tidying the bucket",
    "sync_s3_to_local": "Copying from the bucket",
    "extract_archives": "Unpacking",
    "decode_videos": "Frames of videos",
    "compute_stats": "Reading and measuring",
    "compute_crops": "Cutting out and measuring",
    "compute_advanced_stats": "Measuring colour",
    "embed": "Embedding",
    "find_neighbors": "Finding neighbours",
    "find_rotated_duplicates": "Finding rotated copies",
    "verify_pairs": "Comparing pairs",
    "read_files": "Reading files (MB)",
    "check": "Comparing files with the plan",
    "apply": "Moving files",
    "undo": "Bringing files back",
}
"""What a person reads for each stage that tells its progress."""


@contextmanager
def shown_progress() -> Iterator[None]:
    """Show the progress of what runs inside."""
    if (display := display_here()) is not None:
        with _bar_in_notebook(display):
            yield
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        with listening(_say, _LINE_EVERY):
            yield
        return
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=True) as bars, moving(bars):
        yield


@contextmanager
def moving(bars: Bars) -> Iterator[None]:
    """Let each stage that runs inside have its bar."""
    tasks: dict[str, TaskID] = {}

    def move(state: Progress) -> None:
        if state.stage not in tasks:
            tasks[state.stage] = bars.add_task(_title(state), total=None)
        bars.update(tasks[state.stage], completed=state.done, total=state.total or None)

    with listening(move):
        yield


def display_here() -> Any:
    """IPython's ``display`` if this is the kernel of a notebook, else None."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return sys.modules["IPython.display"].display if hasattr(shell, "kernel") else None


_NOTHING = {"text/plain": "", "text/html": ""}


def _drawn(state: Progress) -> dict[str, str]:
    """What a notebook draws of how far a stage is."""
    done = f" value='{state.done}' max='{state.total}'" if state.total else ""
    html = f"<progress{done}></progress> {escape(_line(state))}"
    return {"text/plain": _line(state), "text/html": html}


@contextmanager
def _bar_in_notebook(display: Any) -> Iterator[None]:
    """One bar for what runs inside, which goes at the end."""
    handle = display(_NOTHING, raw=True, display_id=True)
    try:
        with listening(lambda state: handle.update(_drawn(state), raw=True), _BAR_EVERY):
            yield
    finally:
        handle.update(_NOTHING, raw=True)


def _say(state: Progress) -> None:
    with suppress(OSError):  # a log whose disk is full ends no run
        print(_line(state), file=sys.stderr, flush=True)


def _line(state: Progress) -> str:
    return f"{_title(state)}: {state.done:,}" + (f" of {state.total:,}" if state.total else "")


def _title(state: Progress) -> str:
    words = state.stage.replace("_", " ")
    return TITLES.get(state.stage, words[:1].upper() + words[1:])
