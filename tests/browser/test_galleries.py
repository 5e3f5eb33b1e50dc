"""Search, paging, keyboard, the large picture, selection and its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.chrome import CATCH_DOWNLOADS, UNSEEN, Tab

from imgvet.format import visible
from imgvet.reports import limits
from imgvet.reports.build import build_report

SHOWN = "[...document.querySelectorAll('{} .entry')].filter((one) => !one.hidden).length"


def click(tab: Tab, text: str, within: str = "document") -> None:
    tab.run(
        f"[...{within}.querySelectorAll('button')]"
        f".find((one) => one.textContent === {text!r}).click()"
    )


@pytest.fixture(scope="module")
def paged(full_inputs: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A report whose galleries show two entries at a time."""
    folder = tmp_path_factory.mktemp("paged")
    before = limits.PAGE
    limits.PAGE = 2
    try:
        build_report(full_inputs, folder)
    finally:
        limits.PAGE = before
    return folder


NAMES = (
    "[...document.querySelectorAll('.entry')].filter((one) => !one.hidden)"
    ".map((one) => one.textContent)"
)
NEXT = "[...document.querySelectorAll('.tools button')].find((b) => b.textContent === 'Next')"


def test_names_are_spelled_out_by_the_script_as_by_the_page(tab: Tab, paged: Path) -> None:
    tab.open((paged / "outliers.html").as_uri())
    assert tab.run(f"imgvet.visible({json.dumps(UNSEEN)})") == visible(UNSEEN)


def test_paging_shows_each_entry_once(tab: Tab, paged: Path) -> None:
    tab.open((paged / "outliers.html").as_uri())
    seen: list[str] = tab.run(NAMES)
    assert tab.run("document.querySelector('.range').textContent") == "1\u20132 of 3 outliers"
    click(tab, "Next")
    assert tab.run("document.querySelector('.range').textContent") == "3 of 3 outliers"
    seen += tab.run(NAMES)
    assert len(set(seen)) == len(seen) == 3
    assert tab.run(f"{NEXT}.disabled")
    click(tab, "Previous")
    assert len(tab.run(NAMES)) == 2


def test_a_gallery_tells_how_many_there_are_in_all(
    tab: Tab, full_inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CARDS", 1)
    build_report(full_inputs, tmp_path / "site")
    tab.open((tmp_path / "site" / "outliers.html").as_uri())
    told = tab.run("document.querySelector('.range').textContent")
    assert told == "1 of 1 outlier here, 3 in all"


def test_search_finds_by_name(tab: Tab, report: Path) -> None:
    tab.open((report / "statistics.html").as_uri())
    tab.run(
        "search.value = 'PHOTO_0056'; search.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    assert tab.run(SHOWN.format("#blurry")) == 1
    assert tab.run(SHOWN.format("#dark")) == 0
    assert "No images match" in tab.run("document.querySelector('#dark .range').textContent")


def test_search_finds_by_label(tab: Tab, report: Path) -> None:
    tab.open((report / "statistics.html").as_uri())
    tab.run("search.value = 'BONE'; search.dispatchEvent(new Event('input', {bubbles: true}))")
    shown = "[...document.querySelectorAll('#blurry .entry')].filter((one) => !one.hidden)"
    assert tab.run(f"{shown}.map((one) => one.querySelector('.pick').value)") == ["55", "58"]


def test_picture_opens_with_all_facts_and_gives_focus_back(tab: Tab, report: Path) -> None:
    tab.open((report / "outliers.html").as_uri())
    tab.run("document.querySelector('a.picture').focus()")
    tab.key("Enter", 13, "\r")
    tab.wait_for("document.querySelector('dialog').open")
    facts = tab.run("document.querySelector('dialog dl').textContent")
    assert "<script>alert('x')</script>" in facts
    assert "Sharpness" in facts
    assert "Outlier score" in facts
    before = tab.run("document.querySelector('dialog img').src")
    tab.key("ArrowRight", 39)
    tab.wait_for(f"document.querySelector('dialog img').src !== {before!r}")
    tab.key("Escape", 27)
    tab.wait_for("!document.querySelector('dialog').open")
    assert tab.run("document.activeElement.classList.contains('picture')")


def test_x_selects_the_large_picture_and_its_facts_can_be_scrolled_by_keys(
    tab: Tab, report: Path
) -> None:
    tab.open((report / "outliers.html").as_uri())
    tab.run("document.querySelector('a.picture').click()")
    tab.key("x", 88, "x")
    assert tab.run("document.querySelectorAll('.card .pick:checked').length") == 1
    tab.key("x", 88, "x")
    assert tab.run("document.querySelectorAll('.card .pick:checked').length") == 0
    tab.run("document.querySelector('.zoom-facts').focus()")
    assert tab.run("document.activeElement.className") == "zoom-facts"


def test_arrow_keys_go_from_picture_to_picture_and_x_selects(tab: Tab, report: Path) -> None:
    tab.open((report / "components.html").as_uri())
    tab.run("document.querySelector('a.picture').focus()")
    first = tab.run("document.activeElement.dataset.id")
    tab.key("ArrowRight", 39)
    second = tab.run("document.activeElement.dataset.id")
    assert second != first
    tab.key("x", 88, "x")
    assert tab.run("[...document.querySelectorAll('.pick:checked')].map((b) => b.value)") == [
        second
    ]
    tab.key("/", 191, "/")
    assert tab.run("document.activeElement.id") == "search"


def test_selection_is_a_list_of_files(tab: Tab, report: Path, hostile: list[str]) -> None:
    tab.open((report / "outliers.html").as_uri())
    tab.run(CATCH_DOWNLOADS)
    click(tab, "Select these")
    assert "4 files selected" in tab.run("document.querySelector('.selection-bar').textContent")
    click(tab, "Download .txt")
    tab.wait_for("caught.length === 2")
    name, text = sorted(tab.run("caught"), key=len)
    assert name == "outliers-selected.txt"
    assert all(f"{file}\n" in text for file in hostile[:2])
    tab.run("caught.length = 0")
    click(tab, "Download .csv")
    tab.wait_for("caught.length === 2")
    table = max(tab.run("caught"), key=len)
    assert table.startswith("id,filename\r\n")
    quoted = hostile[0].replace('"', '""')
    assert f'0,"{quoted}"\r\n' in table
    click(tab, "Clear")
    assert tab.run("document.querySelector('.selection-bar').hidden")


def surplus(tab: Tab, folder: Path) -> tuple[list[int], str]:
    tab.open((folder / "duplicates.html").as_uri())
    click(tab, "Select surplus copies")
    picked = tab.run(
        "[...document.querySelectorAll('.groups .pick:checked')].map((b) => Number(b.value))"
    )
    return picked, tab.run("document.querySelector('.tools [role=status]:last-child').textContent")


def test_surplus_copies_are_all_but_the_one_to_keep(
    tab: Tab, inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_report(inputs, tmp_path / "report")
    assert surplus(tab, tmp_path / "report") == ([11, 12, 14], "3 copies selected.")
    monkeypatch.setattr(limits, "COPIES", 1)
    build_report(inputs, tmp_path / "short")
    tab.open((tmp_path / "short" / "duplicates.html").as_uri())
    click(tab, "Select surplus copies")
    tab.wait_for("document.querySelector('.selection-bar').textContent.includes('3 files')")


def test_of_copies_that_differ_none_is_chosen(tab: Tab, report: Path) -> None:
    said = "0 copies selected, 2 groups left for you to decide."
    assert surplus(tab, report) == ([], said)


def test_copied_path_is_the_name_as_it_is(tab: Tab, report: Path, hostile: list[str]) -> None:
    tab.open((report / "outliers.html").as_uri())
    tab.run(
        "globalThis.copied = null; document.execCommand = () =>"
        " { copied = document.activeElement.value; return true; };"
        "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
    )
    tab.run("document.querySelector('a.picture').click()")
    click(tab, "Copy path", "document.querySelector('dialog')")
    assert tab.run("copied.trim()") == hostile[0]


@pytest.fixture(scope="module")
def hostile(full_inputs: Any) -> list[str]:
    """Names of the first items."""
    names: list[str] = full_inputs.tables["items"]["filename"].tolist()
    return names


def test_a_gallery_is_sorted_by_any_number(tab: Tab, report: Path) -> None:
    tab.open((report / "outliers.html").as_uri())
    first = "[...document.querySelectorAll('.entry')].map((e) => e.querySelector('.pick').value)"
    assert tab.run(first) == ["0", "1", "4"]
    choose = "(key) => { const s = document.querySelector('.tools select'); s.value = key;"
    choose += " s.dispatchEvent(new Event('change')); }"
    tab.run(f"({choose})('outliers.similarity')")
    click(tab, "Ascending")
    assert tab.run(first) == ["4", "1", "0"]
    tab.run(f"({choose})('')")
    assert tab.run(first) == ["0", "1", "4"]


def test_a_number_of_pairs_of_two_labels_opens_them(tab: Tab, report: Path) -> None:
    tab.open((report / "labels.html").as_uri())
    number = tab.run("document.querySelector('.crossings td a').textContent")
    tab.open(
        tab.run("document.querySelector('.crossings td a').href"),
        "document.querySelector('.pairs .entry') !== null",
    )
    told = tab.run("document.querySelector('.gallery:has(.pair) .range').textContent")
    assert told.endswith(f"of {number} pairs")
    every = tab.run("document.querySelectorAll('.gallery .pair').length")
    assert int(number) < every
    tab.open(tab.run("document.querySelector('.tools a').href"))
    told = tab.run("document.querySelector('.gallery:has(.pair) .range').textContent")
    assert told.endswith(f"of {every} pairs")
