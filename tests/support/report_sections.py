"""Sections of a report, as their templates see them and as a person reads them."""

from __future__ import annotations

from html.parser import HTMLParser
from types import SimpleNamespace

from imgvet.reports.build import environment
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.report import SECTIONS, Page, pages_of
from imgvet.sections import Section


def section(inputs: ReportInputs, anchor: Section) -> SimpleNamespace:
    """What a section shows, by name."""
    content = SECTIONS[anchor](inputs)
    assert content is not None
    return SimpleNamespace(**content)


def anchors(inputs: ReportInputs) -> list[Section]:
    """The sections that a report has, in their order."""
    return [anchor for page in pages_of(inputs) for anchor in page.sections]


def words(inputs: ReportInputs, anchor: Section) -> str:
    """The text of a section, its pictures left out; single spaces, and no others, between words."""
    beside = {one: say(inputs) for one, say in SECTIONS.items() if one.page == anchor.page}
    page = Page(anchor.page, {one: found for one, found in beside.items() if found is not None})
    assert anchor in page.sections
    shown = {"run": inputs, "pages": [page], "page": page, "pictures": {}, "single": None}
    parser = _SectionText(anchor)
    parser.feed(environment().get_template("page.html").render(shown))
    return " ".join(" ".join(parser.texts).split())


class _SectionText(HTMLParser):
    def __init__(self, anchor: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._anchor = anchor
        self._within = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self._within = ("id", self._anchor) in attrs

    def handle_data(self, data: str) -> None:
        if self._within:
            self.texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._within = self._within and tag != "section"
