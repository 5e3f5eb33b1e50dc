"""Numbers and foreign text as a person reads them. Plain strings: templates escape them."""

from __future__ import annotations

import math
from datetime import datetime

from imgvet import format as plain

NO_BREAK_SPACE = "\u00a0"
_JOINERS = "\u200c\u200d"
_UNITS = ("kB", "MB", "GB")


def count(value: int) -> str:
    """A count with thousands separated: ``12,345``."""
    return f"{value:,}"


def counted(value: int, one: str, many: str = "") -> str:
    """A count and what is counted, on one line: ``1 image``, ``2 images``."""
    return plain.counted(value, one, many).replace(" ", NO_BREAK_SPACE, 1)


def share(part: int, whole: int) -> str:
    """``part`` of ``whole`` in percent; only nothing reads as ``0 %`` and only all as ``100 %``."""
    percent = 100.0 * part / whole if whole else 0.0
    if 0.0 < percent < 0.1:
        return f"under 0.1{NO_BREAK_SPACE}%"
    if 99.9 < percent < 100.0:
        return f"over 99.9{NO_BREAK_SPACE}%"
    return f"{round(percent, 0 if 10.0 <= percent <= 99.0 else 1):g}{NO_BREAK_SPACE}%"


def number(value: float) -> str:
    """Four significant digits, thousands separated: ``1,235``, ``0.01235``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    if abs(value) >= 1000 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.4g}"


def rough(value: float) -> str:
    """Three significant digits, for values that describe: ``593``, ``0.0123``."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def similarity(value: float) -> str:
    """A similarity with three digits, cut off: only 1 reads as 1."""
    return "1" if value >= 1.0 else f"{math.floor(value * 1000 + 1e-6) / 1000:.3f}"


def file_size(size: int) -> str:
    """Bytes in decimal units: ``980 bytes``, ``1.2 MB``."""
    if size < 1000:
        return counted(size, "byte")
    power = min((len(str(size)) - 1) // 3, len(_UNITS))
    value = size / 1000**power
    return f"{value:.{1 if value < 10 else 0}f}{NO_BREAK_SPACE}{_UNITS[power - 1]}"


def duration(seconds: float) -> str:
    """Seconds as ``0.42 s``, ``12.3 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.{2 if seconds < 10 else 1}f}{NO_BREAK_SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def moment(iso: str) -> str:
    """A time of ISO 8601 as ``2026-01-02 03:04:05 UTC``; other text as it is."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return visible(iso)
    zone = when.tzname()
    return f"{when:%Y-%m-%d %H:%M:%S}{f' {zone}' if zone else ''}"


def visible(text: str) -> str:
    r"""Foreign text with every character that has no shape of its own spelled out.

    Line breaks, control characters, marks that turn the direction of writing, and bytes that are
    no text (lone surrogates) read as ``\n``, ``\u202e``, ``\udcff``: a name can neither hide a part
    of itself nor rearrange its surroundings. Joiners, which scripts need, stay.
    """
    return "".join(
        letter
        if letter.isprintable() or letter in _JOINERS
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def shorten(text: str, length: int) -> str:
    """The text, its middle left out if it has more than ``length`` characters."""
    if len(text) <= length:
        return text
    tail = length // 2 - 1
    return f"{text[: length - tail - 1]}\u2026{text[-tail:]}"
