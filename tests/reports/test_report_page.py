"""The page as a browser would parse it: safe, complete, offline, the same bytes every time."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from imgvet.reports import limits
from imgvet.reports.build import ASSETS, build_report, environment
from imgvet.reports.inputs import ReportInputs
from imgvet.reports.report import SECTIONS
from imgvet.sections import INDEX, Section

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
        if tag not in {"meta", "link", "img", "path", "circle", "rect", "input"}:
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
def folder(full_inputs: ReportInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("report")
    assert build_report(full_inputs, made) == made / INDEX
    return made


@pytest.fixture(scope="module")
def pages(folder: Path) -> dict[str, Page]:
    """Every page by its file name."""
    return {path.name: parse(path) for path in sorted(folder.glob("*.html"))}


@pytest.fixture(params=sorted({section.page for section in Section}))
def page(request: pytest.FixtureRequest, pages: dict[str, Page]) -> Page:
    return pages[request.param]


def data_of(path: Path) -> dict[str, Any]:
    """What a data file hands to the scripts."""
    found = re.findall(
        r"^\(globalThis\.imgvet \?\?= \{\}\)\.(\w+) = (.*);$", path.read_text(), re.M
    )
    return {name: json.loads(value) for name, value in found}


def test_same_inputs_give_same_bytes(
    full_inputs: ReportInputs, folder: Path, tmp_path: Path
) -> None:
    build_report(full_inputs, tmp_path)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()
    )
    assert all((folder / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)


def test_every_section_has_page_anchor_and_heading(pages: dict[str, Page]) -> None:
    for section in Section:
        page = pages[section.page]
        assert section in [found["id"] for found in page.all("section")]
        assert section.heading in page.words


def test_every_page_leads_to_every_page(page: Page, pages: dict[str, Page]) -> None:
    links = [found for found in page.all("a") if "data-sections" in found]
    assert sorted(str(found["href"]) for found in links) == sorted(pages)
    assert [found.get("aria-current") for found in links].count("page") == 1
    named = " ".join(str(found["data-sections"]) for found in links).split()
    assert sorted(named) == sorted(Section)


def test_ids_are_unique_and_links_lead_somewhere(
    page: Page, pages: dict[str, Page], folder: Path
) -> None:
    ids = page.with_attribute("id")
    assert len(set(ids)) == len(ids)
    for link in page.with_attribute("href"):
        name, _, anchor = link.partition("#")
        name = name.partition("?")[0]
        if link.startswith("data:,") or link.endswith(".parquet"):
            continue
        assert not name or (folder / name).is_file(), link
        target = pages.get(name, page)
        assert not anchor or anchor in target.with_attribute("id"), link
    for reference in page.with_attribute("aria-labelledby"):
        assert reference in ids


def test_nothing_is_loaded_from_elsewhere(page: Page, folder: Path) -> None:
    loaded = page.with_attribute("src") + page.with_attribute("href")
    assert not [url for url in loaded if re.match(r"\w+:(?!,)|//", url)]
    assert all((folder / source).is_file() for source in page.with_attribute("src"))
    assert not page.with_attribute("srcset")
    assert not page.with_attribute("style")
    policy = next(str(found["content"]) for found in page.all("meta") if "http-equiv" in found)
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


@pytest.mark.parametrize("name", ASSETS)
def test_assets_ask_for_nothing_from_elsewhere(folder: Path, name: str) -> None:
    text = (folder / name).read_text("utf-8")
    assert not re.search(r"@import|https?:|fetch\(|XMLHttpRequest|innerHTML|eval\(", text)


def test_hostile_names_are_text(page: Page) -> None:
    assert all("src" in script for script in page.all("script"))
    handlers = [
        name for _, attributes in page.elements for name in attributes if name.startswith("on")
    ]
    assert not handlers
    assert not page.all("i")
    assert "\u202e" not in page.words
    assert "\u200f" not in page.words
    assert "49" not in [text for text in page.text if "f{{" in text]


def test_hostile_names_are_whole_in_titles(
    pages: dict[str, Page], hostile_files: list[str]
) -> None:
    titles = [title for page in pages.values() for title in page.with_attribute("title")]
    for name in hostile_files[:5]:
        shown = name.replace("\n", "\\n").replace("\t", "\\t")
        shown = shown.replace("\u202e", "\\u202e").replace("\u200f", "\\u200f")
        assert shown in titles
    assert "<missing>" in pages[INDEX].words
    assert "ends at </td><b>" in pages["invalid.html"].words


def test_data_files_are_ascii_without_markup(folder: Path) -> None:
    for path in (folder / "data").iterdir():
        text = path.read_text("ascii")
        assert not re.search(r"[<>&\u2028\u2029]", text), path.name
        assert data_of(path)


def test_data_hold_the_names_as_they_are(
    folder: Path, pages: dict[str, Page], full_inputs: ReportInputs
) -> None:
    names = full_inputs.tables["items"].set_index("id")["filename"]
    for page_name, page in pages.items():
        data = data_of(folder / "data" / page_name.replace(".html", ".js"))
        rows = {row[0]: row for row in data["images"]}
        column = 1 + [one["column"] for one in data["columns"]].index("filename")
        assert all(row[column] == names[item] for item, row in rows.items())
        picked = {int(found["value"] or -1) for found in page.all("input") if "value" in found}
        assert picked <= set(rows)


def test_every_picture_has_words_and_size_and_waits(page: Page) -> None:
    for picture in page.all("img"):
        assert picture["alt"]
        assert picture["loading"] == "lazy"
        assert int(picture["width"] or 0) > 0
        assert int(picture["height"] or 0) > 0


def test_pictures_are_files_each_once(pages: dict[str, Page], folder: Path) -> None:
    shown = {picture["src"] for page in pages.values() for picture in page.all("img")}
    written = {f"images/{path.name}" for path in (folder / "images").glob("*.jpg")}
    assert {name for name in written if not name.startswith("images/map-")} == shown
    assert len(shown) > 20


def test_figures_have_data_words_and_numbers(page: Page, folder: Path) -> None:
    plots = [found for found in page.all("div") if found.get("class") == "plot"]
    assert all(len(found["aria-label"] or "") > 20 and found["role"] == "img" for found in plots)
    tables = [found for found in page.all("div") if "bins" in (found.get("class") or "")]
    assert len(tables) == len(plots)
    assert len(page.all("figcaption")) == len(page.all("figure"))
    assert all((folder / "tables" / f"{found['id']}.csv").is_file() for found in plots)
    scripts = [script["src"] for script in page.all("script")]
    data = data_of(folder / str(next(name for name in scripts if str(name).startswith("data/"))))
    assert {found["id"] for found in plots} == set(data.get("figures", {}))
    assert ("plotly.min.js" in scripts) == ("figures" in data)


def test_page_is_usable_without_a_mouse_or_script(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("a")[0]["href"] == "#content"
    assert page.all("noscript")
    scrolled = [
        found for found in page.all("div") if "scroll" in (found.get("class") or "").split()
    ]
    assert all(found["tabindex"] == "0" and found["aria-label"] for found in scrolled)
    assert len(page.all("h1")) == 1


def test_verdict_and_states_are_words(pages: dict[str, Page]) -> None:
    words = pages[INDEX].words
    assert "Failed" in words
    assert all(state in words for state in ("passed", "failed", "errored"))


def test_limited_galleries_say_how_many(
    inputs: ReportInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CARDS", 2)
    build_report(inputs, tmp_path)
    for name, told in (
        ("duplicates", "2 of 3 pairs"), ("outliers", "2 of 3 outliers"), ("statistics",
                                                                         "2 of 4 images"),
    ):  # fmt: skip
        assert f"A part is shown: {told}" in parse(tmp_path / f"{name}.html").words


def test_a_run_without_a_sound_image_is_not_called_good(
    clean_inputs: ReportInputs, tmp_path: Path
) -> None:
    counts = clean_inputs.summary.counts.model_copy(update={"valid": 0, "invalid": 2})
    summary = clean_inputs.summary.model_copy(update={"counts": counts})
    build_report(replace(clean_inputs, summary=summary), tmp_path)
    for name in ("index.html", "duplicates.html", "outliers.html"):
        assert "No image could be analysed" in (tmp_path / name).read_text("utf-8")


def test_clean_run_says_that_it_is_clean(clean_inputs: ReportInputs, tmp_path: Path) -> None:
    build_report(clean_inputs, tmp_path)
    pages = {path.stem: parse(path) for path in tmp_path.glob("*.html")}
    assert set(pages) == {"index", "duplicates", "components", "outliers", "statistics", "invalid",
                          "run"}  # fmt: skip
    assert not [picture for page in pages.values() for picture in page.all("img")]
    assert not [figure for page in pages.values() for figure in page.all("figure")]
    assert "Passed" in pages["index"].words
    assert "None: good." in pages["duplicates"].words
    assert "None: good." in pages["outliers"].words
    assert "Every file could be analysed." in pages["invalid"].words


def test_templates_name_no_outside_address_and_trust_nothing() -> None:
    made = environment()
    assert made.autoescape is True
    assert made.loader is not None
    for name in made.list_templates():
        source = made.loader.get_source(made, name)[0]
        assert not re.search(r"https?:|\|\s*safe|autoescape", source), name


def test_every_section_has_a_template_or_is_a_gallery(full_inputs: ReportInputs) -> None:
    names = environment().list_templates()
    assert list(SECTIONS) == list(Section)
    for section, say in SECTIONS.items():
        assert f"sections/{section}.html" in names or "gallery" in (say(full_inputs) or {})


def test_unread_thumbnails_leave_a_placeholder(full_inputs: ReportInputs, tmp_path: Path) -> None:
    build_report(replace(full_inputs, thumbnail=lambda digest: None), tmp_path)
    pages = [parse(path) for path in tmp_path.glob("*.html")]
    assert not [picture for page in pages for picture in page.all("img")]
    assert "no picture" in parse(tmp_path / "outliers.html").words
