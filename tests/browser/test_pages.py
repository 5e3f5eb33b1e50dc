"""Every page in Chromium, from disk: no error, no request outside its folder, accessible."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from browser.chrome import Tab

from imgvet.reports.build import build_single_file
from imgvet.sections import Section

PAGES = sorted({section.page for section in Section})
READY = "document.readyState === 'complete'"
MAP_READY = "document.getElementById('map-plot').dataset.ready === 'true'"


CUT_OFF = """
[...document.querySelectorAll(".scroll")].filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.getAttribute("aria-label"))
"""


def open_page(tab: Tab, report: Path, name: str) -> None:
    tab.open((report / name).as_uri(), MAP_READY if name == "map.html" else READY)


@pytest.fixture(scope="module", params=PAGES)
def page(request: pytest.FixtureRequest, _tab: Tab, report: Path) -> str:
    """The name of a page that is open, for all tests that leave it so."""
    _tab.size(1280, 900)
    _tab.prefer("light")
    open_page(_tab, report, request.param)
    return str(request.param)


def scroll_through(tab: Tab) -> None:
    """Make every figure and picture come near the screen."""
    tab.run(
        "(async () => { for (let y = 0; y < document.body.scrollHeight; y += 600) {"
        " scrollTo({top: y, behavior: 'instant'});"
        " await new Promise((done) => setTimeout(done, 30)); } scrollTo(0, 0); })()"
    )


def test_no_error_and_no_request_outside(page: str, tab: Tab, report: Path) -> None:
    scroll_through(tab)
    assert tab.errors == []
    inside = report.as_uri()
    asked = [url for url in tab.requests if not url.startswith(("data:", "blob:"))]
    assert unquote(asked[0]).endswith(page)
    assert all(unquote(url).startswith(unquote(inside)) for url in asked), asked
    tab.wait_for("[...document.querySelectorAll('.plot')].every((p) => p.querySelector('svg'))")
    assert tab.errors == []
    assert tab.run("globalThis.alerted === undefined")


def test_names_do_nothing(page: str, tab: Tab) -> None:
    made = "document.querySelectorAll('section img[src*=example], section script').length"
    assert tab.run(made) == 0
    handlers = "[...document.querySelectorAll('*')].some((one) => one.hasAttribute('onerror'))"
    assert tab.run(handlers) is False


def test_axe_finds_nothing_serious(page: str, tab: Tab) -> None:
    assert tab.barriers() == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_in_the_dark(tab: Tab, report: Path, name: str) -> None:
    tab.prefer("dark")
    open_page(tab, report, name)
    assert tab.barriers() == []


def test_a_usual_window_shows_whole_tables(page: str, tab: Tab) -> None:
    assert tab.run(CUT_OFF) == []


def test_a_phone_shows_it_without_scrolling_sideways(page: str, tab: Tab) -> None:
    tab.size(360, 740)
    tab.wait_for("document.documentElement.scrollWidth <= 360")
    assert tab.run(CUT_OFF) == []
    spilling = "[...document.querySelectorAll('.card .tag')].filter((t) => t.scrollWidth > 360 || "
    spilling += (
        "t.getBoundingClientRect().right > t.closest('.card').getBoundingClientRect().right)"
    )
    assert tab.run(f"{spilling}.length") == 0


def test_without_scripts_everything_stands_there(page: str, tab: Tab, report: Path) -> None:
    with_scripts = tab.run("document.querySelectorAll('.entry').length")
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open((report / page).as_uri())
        assert tab.run("document.querySelector('noscript').getBoundingClientRect().height") > 0
        shown = "[...document.querySelectorAll('.entry')].filter((e) => e.offsetParent).length"
        assert tab.run(shown) == with_scripts
        assert tab.run("[...document.querySelectorAll('.pick')].every((p) => !p.offsetParent)")
        assert tab.run("[...document.querySelectorAll('.plot')].every((p) => !p.offsetParent)")
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("name", ["index.html", "duplicates.html"])
def test_twice_the_size_needs_no_scrolling_sideways(tab: Tab, report: Path, name: str) -> None:
    tab.size(640, 450, scale=2.0)
    open_page(tab, report, name)
    assert tab.run("document.documentElement.scrollWidth") <= 640


def test_on_a_phone_figures_stand_within_the_page(tab: Tab, report: Path) -> None:
    open_page(tab, report, "history.html")
    scroll_through(tab)
    tab.size(390, 800)
    cut = (
        "[...document.querySelectorAll('.plot .main-svg')].filter((svg) =>"
        " svg.getBoundingClientRect().right > svg.closest('.plot').getBoundingClientRect().right)"
    )
    tab.wait_for(f"document.querySelector('.plot .main-svg') && {cut}.length === 0")
    assert tab.run("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    ("name", "figure"), [("duplicates", "figure-similarity"), ("map", "map-plot")]
)
def test_paper_shows_whole_figures(tab: Tab, report: Path, name: str, figure: str) -> None:
    open_page(tab, report, f"{name}.html")
    scroll_through(tab)
    drawing = f"document.querySelector('#{figure} .main-svg')"
    tab.wait_for(f"{drawing} !== null")
    width = f"{drawing}.getBoundingClientRect().width"
    before = tab.run(width)
    tab.run("dispatchEvent(new Event('beforeprint'))")
    assert tab.run(width) <= 601 < before
    tab.run("dispatchEvent(new Event('afterprint'))")
    assert tab.run(width) == before


def test_paper_shows_whole_tables_and_which_part_of_a_gallery(tab: Tab, report: Path) -> None:
    open_page(tab, report, "labels.html")
    tab.size(718, 1000)
    tab.call("Emulation.setEmulatedMedia", media="print")
    titles = "[...document.querySelectorAll('.classes thead th')]"
    assert tab.run(f"{titles}.map((one) => {{ one.textContent = 'Label issues'; }}).length") > 6
    cut, shown = tab.run(CUT_OFF), tab.run("document.querySelector('.range').offsetHeight > 0")
    buttons = tab.run("[...document.querySelectorAll('button')].filter((one) => one.offsetHeight)")
    tab.call("Emulation.setEmulatedMedia", media="")
    assert (cut, shown, buttons) == ([], True, [])


def test_long_labels_stay_on_their_cards(tab: Tab, report: Path) -> None:
    open_page(tab, report, "outliers.html")
    facts = "[...document.querySelectorAll('.facts bdi')]"
    assert tab.run(f"{facts}.map((one) => {{ one.textContent = 'a'.repeat(60); }}).length")
    right = "getBoundingClientRect().right"
    tab.wait_for(f"{facts}.every((one) => one.{right} <= one.closest('.card').{right})")
    assert tab.run("document.documentElement.scrollWidth") <= 1280


def test_columns_of_stages_stand_under_their_titles(tab: Tab, report: Path) -> None:
    open_page(tab, report, "run.html")
    for width in (1280, 560):
        tab.size(width, 740)
        lefts = (
            f"[...document.querySelector('.stages {row}').cells]"
            ".map((cell) => cell.getBoundingClientRect().right)"
            for row in ("thead tr", "tbody tr")
        )
        titles, cells = (tab.run(left) for left in lefts)
        assert titles == cells


def test_links_to_sections_find_their_page(tab: Tab, report: Path) -> None:
    tab.open(
        (report / "index.html").as_uri() + "#dark", "location.pathname.endsWith('statistics.html')"
    )
    assert tab.run("location.hash") == "#dark"


def test_numbers_are_those_of_the_language(tab: Tab, report: Path) -> None:
    agent = tab.run("navigator.userAgent")
    try:
        tab.call("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage="de-DE")
        open_page(tab, report, "index.html")
        assert tab.run("imgvet.number(1234567.5)") == "1.234.567,5"
        notes = tab.run("[...document.querySelectorAll('.tile-note')].map((n) => n.textContent)")
        assert "6,25\u00a0% of all files" in notes
        assert "imgvet 0.1.0" in tab.run("document.querySelector('footer').textContent")
    finally:
        tab.call("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage="en-US")


def test_one_file_works_by_itself(tab: Tab, full_inputs: Any, tmp_path: Path) -> None:
    file = build_single_file(full_inputs, tmp_path / "report.html")
    tab.open(file.as_uri())
    tab.run("document.getElementById('figure-similarity').scrollIntoView()")
    tab.wait_for("document.querySelector('#figure-similarity .main-svg') !== null")
    tab.run("document.querySelector('#outliers a.picture').click()")
    tab.wait_for("document.querySelector('dialog[open] img').naturalWidth > 0")
    assert tab.errors == []
    assert {url.partition(":")[0] for url in tab.requests} <= {"file", "data", "blob"}
    assert sum(url.startswith("file") for url in tab.requests) == 1
