"""What a person can read in a report, and what of it was meant for a program."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

READ_ALOUD = ("title", "alt", "aria-label")
"""Attributes that are text for people."""

ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[nrt])")
LEFT_OVER = re.compile(
    rf"{ESCAPE.pattern}|\bNone\b(?!: good\.| recorded\.)|\b[Nn]a[Nn]\b|\[\]|[{{}}]"
)
"""Escapes, and values as Python writes them; a sentence may begin with None."""


class VisibleText(HTMLParser):
    """The texts of a page, and the attributes that are text."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden = tag in ("script", "style")
        self.texts += [value for name, value in attrs if name in READ_ALOUD and value]

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.texts.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False


def left_over(report: Path) -> list[tuple[str, str]]:
    """Texts of a report that show how a program writes values: file and text.

    Of its data, which scripts read, every text is looked at, but only for escapes.
    """
    found = []
    for page in sorted(report.glob("*.html")):
        parser = VisibleText()
        parser.feed(page.read_text("utf-8"))
        found += [(page.name, text) for text in parser.texts if LEFT_OVER.search(text)]
    for data in sorted((report / "data").glob("*.js")):
        texts = strings(list(values(data)))
        found += [(data.name, text) for text in texts if ESCAPE.search(text)]
    return found


def values(data: Path) -> Iterator[Any]:
    """What a script of data hands to the page's scripts."""
    for assigned in re.findall(r"^\(globalThis[^=]*= \{\}\)\.\w+ = (.*);$", data.read_text(), re.M):
        yield json.loads(assigned)


def strings(value: Any) -> Iterator[str]:
    """Every text in nested lists and objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)
