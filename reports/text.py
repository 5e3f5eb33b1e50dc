"""Numbers, times, files and foreign text as a person reads them.

Plain strings: the templates, which have all of this as filters, escape them.
"""

from __future__ import annotations

import math
from datetime import datetime

from imgvet import format as plain
from imgvet.format import as_markdown, number, visible
from imgvet.monitor.alarms import in_short
from imgvet.reports import limits

NO_BREAK_SPACE = "\u00a0"


def count(value: int) -> str:
    """A count with thousands separated: ``12,345``."""
    return f"{value:,}"


def counted(value: int, one: str, many: str = "") -> str:
    """A count and what is counted, on one line: ``1 image``, ``2 images``."""
    return plain.counted(value, one, many).replace(" ", NO_BREAK_SPACE, 1)


def measured(value: float | None, *, percent: bool = False) -> str:
    """A count of a run, or a share of 0..1 in percent; None and NaN were not measured."""
    if value is None or math.isnan(value):
        return "not measured"
    return share(value) if percent else count(round(value))


def share(part: float, whole: float = 1.0) -> str:
    """A part in percent, as :func:`imgvet.format.share` says it, on one line."""
    return plain.share(part, whole).replace(" %", f"{NO_BREAK_SPACE}%")


def similarity(value: float) -> str:
    """A similarity with three digits, cut off: only 1 reads as 1."""
    return "1" if value >= 1.0 else f"{math.floor(value * 1000 + 1e-6) / 1000:.3f}"


def file_size(size: int) -> str:
    """Bytes, as :func:`imgvet.format.size_text` says them, on one line."""
    return plain.size_text(size).replace(" ", NO_BREAK_SPACE)


def duration(seconds: float) -> str:
    """Seconds as ``0.42 s``, ``12.3 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.{2 if seconds < 10 else 1}f}{NO_BREAK_SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def moment(iso: str) -> str:
    """A time of ISO 8601 as ``2026-01-02 03:04:05 UTC``; other text as it is."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return visible(iso)
    return f"{when:%Y-%m-%d %H:%M:%S} {when.tzname() or ''}".rstrip()


def label(text: str, length: int = limits.BASE_LENGTH) -> str:
    """Foreign text, safe to read, its middle left out if it has more than ``length`` characters."""
    shown = visible(text)
    if len(shown) <= length:
        return shown
    tail = length // 2 - 1
    return f"{shown[: length - tail - 1]}\u2026{shown[-tail:]}"


def split_name(filename: str) -> tuple[str, str]:
    """Folder and name of a path or URI; the folder ends in its separator or is empty."""
    folder, end, base = filename.rpartition("/" if "/" in filename else "\\")
    return (folder + end, base) if base else ("", filename)


def base(filename: str) -> str:
    """A file's name in its folder, for the page."""
    return label(split_name(filename)[1])


def folder(filename: str, root: str = "") -> str:
    """A file's folder for the page, below ``root``, the folder that goes without saying."""
    return label(split_name(filename)[0].removeprefix(root), limits.FOLDER_LENGTH)


FILTERS = {
    say.__name__: say
    for say in (
        count, counted, number, measured, share, similarity, file_size, duration, moment, visible,
        label, base, folder, plain.listed, as_markdown, in_short,
    )
}  # fmt: skip
"""What templates say numbers and texts with."""
