"""The page as a browser would parse it: safe, complete, offline, the same bytes every time."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from imgvet.reports import limits
from imgvet.reports.build import build_report
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.page import environment
from imgvet.sections import TITLES, Section

Attributes = dict[str, str | None]


@dataclass
class Page(HTMLParser):
    """The elements, texts and JSON of a page."""

    elements: list[tuple[str, Attributes]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "img", "path", "circle", "rect"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open and self.open[-1] == "script" else self.text).append(data)

    def all(self, tag: str) -> list[Attributes]:
        return [attributes for name, attributes in self.elements if name == tag]

    def with_attribute(self, name: str) -> list[str]:
        return [
            value or ""
            for _, attributes in self.elements
            if name in attributes
            for value in [attributes[name]]
        ]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def parse(index: Path) -> Page:
    page = Page()
    page.feed(index.read_text("utf-8"))
    page.close()
    assert not page.open
    return page


@pytest.fixture(scope="module")
def folder(inputs: ReportInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("report")
    assert build_report(inputs, made) == made / "index.html"
    return made


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return parse(folder / "index.html")


def test_same_inputs_give_same_bytes(inputs: ReportInputs, folder: Path, tmp_path: Path) -> None:
    build_report(inputs, tmp_path)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()
    )
    assert all((folder / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)


def test_every_section_has_anchor_heading_and_entry_in_the_contents(page: Page) -> None:
    assert [found["id"] for found in page.all("section")] == [section.value for section in Section]
    assert [link for link in page.with_attribute("href") if link.startswith("#")][1:12] == [
        f"#{section}" for section in Section
    ]
    assert all(title in page.words for title in TITLES.values())


def test_ids_are_unique_and_links_lead_somewhere(page: Page, folder: Path) -> None:
    ids = page.with_attribute("id")
    assert len(set(ids)) == len(ids)
    for link in page.with_attribute("href"):
        if link.startswith("#"):
            assert link[1:] in ids
        elif not link.startswith("data:,"):
            assert link.startswith("../tables/") or (folder / link).is_file()
    for reference in page.with_attribute("aria-labelledby"):
        assert reference in ids


def test_nothing_is_loaded_from_elsewhere(page: Page, folder: Path) -> None:
    loaded = page.with_attribute("src") + page.with_attribute("href")
    assert not [url for url in loaded if re.match(r"\w+:(?!,)|//", url)]
    assert all((folder / source).is_file() for source in page.with_attribute("src"))
    assert not re.search(r"url\(|@import|http", (folder / "style.css").read_text("utf-8"))
    assert not re.search(r"http|fetch\(|XMLHttpRequest", (folder / "report.js").read_text("utf-8"))
    assert not page.with_attribute("srcset")


def test_hostile_names_are_text(page: Page, hostile_files: list[str]) -> None:
    assert [script.get("src") or script.get("type") for script in page.all("script")] == [
        "plotly.min.js", "report.js", "application/json",
    ]  # fmt: skip
    handlers = [
        name for _, attributes in page.elements for name in attributes if name.startswith("on")
    ]
    assert not handlers
    titles = page.with_attribute("title")
    for name in hostile_files[:5]:
        shown = name.replace("\n", "\\n").replace("\t", "\\t")
        shown = shown.replace("\u202e", "\\u202e").replace("\u200f", "\\u200f")
        assert shown in titles
    assert "\u202e" not in page.words
    assert "49" not in [text for text in page.text if "f{{" in text]
    assert "<missing>" in page.words
    assert "ends at </td><b>" in page.words


def test_every_picture_has_words_and_size_and_waits(page: Page) -> None:
    pictures = page.all("img")
    assert len(pictures) > 20
    for picture in pictures:
        assert picture["alt"]
        assert picture["loading"] == "lazy"
        assert int(picture["width"] or 0) > 0
        assert int(picture["height"] or 0) > 0
    assert [found for found in page.all("span") if found.get("class") == "missing"]


def test_pictures_are_files_each_once(page: Page, folder: Path) -> None:
    written = {f"images/{path.name}" for path in (folder / "images").iterdir()}
    assert written == {picture["src"] for picture in page.all("img")}


def test_figure_data_are_json_without_markup(page: Page, folder: Path) -> None:
    data = json.loads(page.scripts[-1])
    assert set(data) == {"figures", "template"}
    places = {found["id"] for found in page.all("div") if found.get("class") == "plot"}
    assert places == set(data["figures"])
    assert "<" not in page.scripts[-1]
    assert "figure-data" in (folder / "report.js").read_text("utf-8")


def test_every_figure_has_words_and_numbers(page: Page) -> None:
    plots = [found for found in page.all("div") if found.get("class") == "plot"]
    assert all(len(found["aria-label"] or "") > 20 and found["role"] == "img" for found in plots)
    tables = [found for found in page.all("div") if "bins" in (found.get("class") or "")]
    assert len(tables) == len(plots)
    assert len(page.all("figcaption")) == len(page.all("figure"))


def test_page_is_usable_without_a_mouse_or_script(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("a")[0]["href"] == "#content"
    assert page.all("noscript")
    scrolled = [
        found for found in page.all("div") if "scroll" in (found.get("class") or "").split()
    ]
    assert all(found["tabindex"] == "0" and found["aria-label"] for found in scrolled)
    assert len(page.all("h1")) == 1


def test_verdict_and_states_are_words(page: Page) -> None:
    assert "Failed" in page.words
    assert all(state in page.words for state in ("passed", "failed", "errored"))


def test_limited_galleries_say_how_many(
    inputs: ReportInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CARDS", 2)
    words = parse(build_report(inputs, tmp_path)).words
    for told in ("Showing 2 of 3 pairs", "Showing 2 of 3 outliers", "Showing 2 of 4 images"):
        assert told in words


def test_clean_run_has_every_section(clean_inputs: ReportInputs, tmp_path: Path) -> None:
    page = parse(build_report(clean_inputs, tmp_path))
    assert [found["id"] for found in page.all("section")] == [section.value for section in Section]
    assert not page.all("img")
    assert not page.all("figure")
    assert "Passed" in page.words
    assert "Every file could be analysed." in page.words


def test_templates_name_no_outside_address_and_trust_nothing() -> None:
    made = environment()
    assert made.autoescape is True
    assert made.loader is not None
    for name in made.list_templates():
        source = made.loader.get_source(made, name)[0]
        assert not re.search(r"https?:|\|\s*safe|autoescape", source), name


def test_every_section_has_a_template() -> None:
    names = environment().list_templates()
    assert all(f"sections/{section}.html" in names for section in Section)


def test_unread_thumbnails_leave_a_placeholder(inputs: ReportInputs, tmp_path: Path) -> None:
    page = parse(build_report(replace(inputs, thumbnail=lambda digest: None), tmp_path))
    assert not page.all("img")
    assert "no picture" in page.words
