"""The explorer in Chromium: search by picture, filters, full size, lists; accessible, at home."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.chrome import UNSEEN, Tab

from imgvet.explorer.server import Explorer
from imgvet.format import visible
from imgvet.search.originals import Originals
from imgvet.workdir import WorkDir
from support.finished_run import finish_run
from support.pictures import jpeg, photograph, write_photographs

HOSTILE = "<img src=x onerror=alert(1)> & 'quoted'.jpg"
CARDS = "document.querySelectorAll('#gallery .card').length"
NAMES = "[...document.querySelectorAll('#gallery .name')].map((one) => one.textContent)"
RANGE = "document.getElementById('range').textContent"
DIALOG = "document.querySelector('dialog[open]')"
FULL_SIZE = (
    f"{DIALOG} && {DIALOG}.querySelector('img').naturalWidth > 0"
    f" && {DIALOG}.querySelector('img').src.startsWith('blob:')"
)


@pytest.fixture(scope="module")
def work(report: Path, tmp_path_factory: pytest.TempPathFactory) -> WorkDir:
    """Six photographs, a near copy of the second, a file that is none, and some run's report."""
    folder = tmp_path_factory.mktemp("explored") / "photos"
    write_photographs(folder, 6)
    (folder / HOSTILE).write_bytes(jpeg(photograph(1), quality=85))
    (folder / "text.jpg").write_bytes(b"no picture")
    work = finish_run(folder, folder.parent / "out")
    shutil.copytree(report, work.report)
    return work


@pytest.fixture(scope="module")
def explorer(work: WorkDir) -> Iterator[Explorer]:
    """The server."""
    with Explorer(work.path) as running:
        yield running


@pytest.fixture
def page(tab: Tab, explorer: Explorer) -> Iterator[Tab]:
    """The explorer's page, as the printed address opens it."""
    tab.open(explorer.url, f"{CARDS} === 8")
    yield tab
    assert tab.errors == []
    assert all(url.startswith((home(explorer), "data:", "blob:")) for url in tab.requests)


def home(explorer: Explorer) -> str:
    return f"http://127.0.0.1:{explorer.port}/"


def click(tab: Tab, selector: str) -> None:
    tab.run(f"document.querySelector({json.dumps(selector)}).click()")


def write(tab: Tab, selector: str, value: str, event: str = "input") -> None:
    place = f"document.querySelector({json.dumps(selector)})"
    tab.run(f"{place}.value = {json.dumps(value)}; {place}.dispatchEvent(new Event('{event}'))")


def test_names_are_spelled_out_as_in_the_report(page: Tab) -> None:
    spelled = f"import('/static/dom.js').then((dom) => dom.visible({json.dumps(UNSEEN)}))"
    assert page.run(spelled) == visible(UNSEEN)


def test_names_are_text_and_nothing_of_them_runs(page: Tab) -> None:
    assert HOSTILE in page.run(NAMES)
    assert page.run("globalThis.alerted === undefined")
    assert page.run("document.querySelectorAll('#gallery img[src=x]').length") == 0


def test_a_click_finds_the_most_similar_images(page: Tab) -> None:
    label = f"Images similar to {HOSTILE}"
    page.run(
        "[...document.querySelectorAll('#gallery a.picture')]"
        f".find((one) => one.ariaLabel === {json.dumps(label)}).click()"
    )
    page.wait_for(f"{RANGE}.includes('nearest')")
    assert page.run(NAMES)[0] == "photo01.jpg"
    assert page.run("location.search").startswith("?similar=")
    page.run("history.back()")
    page.wait_for(f"{CARDS} === 8")


def test_an_uploaded_picture_finds_its_copies(page: Tab, tmp_path: Path) -> None:
    given = tmp_path / "given.jpg"
    given.write_bytes(jpeg(photograph(3), quality=70))
    field = page.call("Runtime.evaluate", expression="document.getElementById('file')")
    page.call("DOM.setFileInputFiles", files=[str(given)], objectId=field["result"]["objectId"])
    page.wait_for(f"{RANGE}.includes('nearest')")
    assert page.run(NAMES)[0] == "photo03.jpg"


def test_a_path_finds_its_copies_and_a_wrong_one_is_told(page: Tab, work: WorkDir) -> None:
    click(page, "#pick-path")
    write(page, "#path", str(work.path.parent / "photos" / "photo04.jpg"))
    page.run("document.getElementById('path-row').requestSubmit()")
    page.wait_for(f"{RANGE}.includes('nearest')")
    assert page.run(NAMES)[0] == "photo04.jpg"
    write(page, "#path", "/no/such/picture.jpg")
    page.run("document.getElementById('path-row').requestSubmit()")
    page.wait_for("!document.getElementById('problem').hidden")
    # A browser tells of each request that was refused.
    page.errors[:] = [error for error in page.errors if "status of 4" not in error]


def test_words_and_conditions_narrow_what_is_shown(page: Tab) -> None:
    write(page, "#text", "photo0")
    page.wait_for(f"{CARDS} === 6")
    write(page, "#text", "")
    page.wait_for(f"{CARDS} === 8")
    write(page, "#add-filter", "status", "change")
    page.wait_for("document.querySelector('#filter-form select') !== null")
    page.run(
        "[...document.querySelectorAll('#filter-form option')]"
        ".forEach((one) => { one.selected = one.value !== 'ok'; })"
    )
    page.run("document.getElementById('filter-form').requestSubmit()")
    page.wait_for(f"{CARDS} === 1")
    assert page.run(NAMES) == ["text.jpg"]
    click(page, "#filters button")
    page.wait_for(f"{CARDS} === 8")


def test_sorting_is_by_any_column(page: Tab) -> None:
    write(page, "#sort", "file_size", "change")
    page.wait_for("location.search.includes('sort=file_size')")
    click(page, "#direction")
    page.wait_for(f"location.search.includes('descending') && {NAMES}.at(-1) === 'text.jpg'")


def test_full_size_shows_the_original_and_all_that_is_known(page: Tab) -> None:
    click(page, "#gallery .name")
    page.wait_for(f"{DIALOG} && {DIALOG}.querySelectorAll('dl').length > 1")
    assert page.run(f"{DIALOG}.querySelector('.zoom-facts').tabIndex") == 0
    page.wait_for(FULL_SIZE)
    page.key("ArrowRight", 39)
    page.wait_for(FULL_SIZE)
    page.key("Escape", 27)
    page.wait_for(f"{DIALOG} === null")


def test_full_size_begins_with_the_thumbnail(page: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    there, show = threading.Event(), Originals.show
    monkeypatch.setattr(
        Originals, "show", lambda *asked, **how: there.wait(60) and show(*asked, **how)
    )
    try:
        click(page, "#gallery .name")
        page.wait_for(f"{DIALOG} && {DIALOG}.querySelector('img').naturalWidth > 0")
        assert "/thumbnail/" in page.run(f"{DIALOG}.querySelector('img').src")
    finally:
        there.set()
    page.wait_for(FULL_SIZE)
    page.key("Escape", 27)
    page.wait_for(f"{DIALOG} === null")


def test_full_size_goes_on_to_the_next_page(tab: Tab, tmp_path: Path) -> None:
    write_photographs(tmp_path / "photos", 2)
    for copy in range(60):
        (tmp_path / "photos" / f"a{copy:02}.jpg").write_bytes(jpeg(photograph(0)))
    run, shown = (
        finish_run(tmp_path / "photos", tmp_path / "out"),
        f"{DIALOG}.querySelector('img').alt",
    )
    with Explorer(run.path) as explorer:
        tab.open(explorer.url, f"{CARDS} === 60")
        click(tab, "#gallery .card:last-child .name")
        tab.wait_for(f"{DIALOG} && {shown} === 'a59.jpg'")
        for pressed, code, name in (
            ("ArrowRight", 39, "photo00.jpg"),
            ("ArrowLeft", 37, "a59.jpg"),
        ):
            tab.key(pressed, code)
            tab.wait_for(f"{shown} === '{name}'")
        tab.wait_for(FULL_SIZE)


def test_of_several_pictures_the_first_is_said_to_be_searched_for(page: Tab) -> None:
    page.run(
        "fetch('/original/2').then((read) => read.blob()).then((data) => {"
        "  const given = new DataTransfer();"
        "  for (const name of ['a.jpg', 'b.jpg']) given.items.add(new File([data], name));"
        "  document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: given }));"
        "})"
    )
    page.wait_for(
        "document.getElementById('searched').textContent.includes('a.jpg, the first of 2')"
    )
    page.wait_for(f"{RANGE}.includes('nearest')")


def test_an_original_that_was_replaced_or_is_gone_is_told(page: Tab, work: WorkDir) -> None:
    path = work.path.parent / "photos" / "photo03.jpg"
    before, note = path.read_bytes(), f"{DIALOG}.querySelector('.zoom-note:not([hidden])')"
    open_it = "[...document.querySelectorAll('#gallery .name')]"
    open_it += ".find((one) => one.textContent === 'photo03.jpg').click()"
    try:
        path.write_bytes(jpeg(photograph(8)))
        page.run(open_it)
        page.wait_for(FULL_SIZE)
        page.wait_for(f"{note} && {note}.textContent.includes('replaced')")
        page.key("Escape", 27)
        page.wait_for(f"{DIALOG} === null")
        path.unlink()
        page.run(open_it)
        page.wait_for(f"{note} && {note}.textContent.includes('(missing: ')")
        page.wait_for(f"{DIALOG}.querySelector('img').naturalWidth > 0")
    finally:
        path.write_bytes(before)
    page.key("Escape", 27)
    page.wait_for(f"{DIALOG} === null")
    page.run(open_it)
    page.wait_for(FULL_SIZE)
    assert page.run(f"{note} === null")
    page.errors.clear()  # the browser's own word on the missing original


def test_a_selection_becomes_a_list_in_the_work_dir(page: Tab, work: WorkDir) -> None:
    for box in (1, 2):
        click(page, f"#gallery .card:nth-child({box}) .pick")
    page.run(
        "[...document.querySelectorAll('.selection-bar button')]"
        ".find((one) => one.textContent.startsWith('Save')).click()"
    )
    page.wait_for(f"{DIALOG} !== null")
    write(page, "#list-name", "to look at")
    page.run(f"{DIALOG}.querySelector('form').requestSubmit()")
    page.wait_for(f"{DIALOG}.textContent.includes('Saved')")
    saved = (work.path / "lists" / "to look at.txt").read_text().splitlines()
    assert len(saved) == 2
    assert all(Path(name).is_file() for name in saved)
    page.wait_for("document.getElementById('lists').textContent.includes('to look at')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(tab: Tab, explorer: Explorer, scheme: str) -> None:
    assert tab.barriers_at(explorer.url, f"{CARDS} === 8", scheme) == []


def test_a_phone_shows_it_without_scrolling_sideways(tab: Tab, explorer: Explorer) -> None:
    tab.size(390, 800)
    tab.open(explorer.url, f"{CARDS} === 8")
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")


def test_the_report_leads_to_the_explorer(tab: Tab, explorer: Explorer) -> None:
    tab.open(explorer.url, f"{CARDS} === 8")
    tab.open(home(explorer) + "report/outliers.html", "document.readyState === 'complete'")
    tab.wait_for("document.querySelector('.contents a[href=\"/explore\"]') !== null")
    click(tab, "a.picture")
    tab.wait_for("document.querySelector('dialog[open] .to-explorer') !== null")
    assert "/explore?similar=" in tab.run("document.querySelector('.to-explorer').href")
    assert tab.errors == []


def press(tab: Tab, text: str, within: str = "document") -> None:
    tab.run(
        f"[...{within}.querySelectorAll('button, a')]"
        f".find((one) => one.textContent === {json.dumps(text)}).click()"
    )


def test_a_selection_survives_a_reload(page: Tab, explorer: Explorer) -> None:
    click(page, "#gallery .card:nth-child(2) .pick")
    page.wait_for("document.querySelector('.selection-bar').textContent.includes('1 image ')")
    page.open(home(explorer) + "explore?text=photo0", f"{CARDS} === 6")
    page.wait_for("document.querySelector('.selection-bar').textContent.includes('1 image ')")
    press(page, "Clear")
    page.open(home(explorer) + "explore", f"{CARDS} === 8")
    assert page.run("document.querySelector('.selection-bar') === null")


def test_a_list_is_opened_renamed_deleted_and_brought_back(page: Tab, work: WorkDir) -> None:
    folder, lists = work.path / "lists", "document.getElementById('lists')"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.txt"):
        old.unlink()
    name = str(work.path.parent / "photos" / "photo02.jpg")
    (folder / "mine.txt").write_text(f"{name}\n")
    page.open(page.run("location.href"), f"{lists}.children.length === 1")
    click(page, "#lists li > a")
    page.wait_for(f"{CARDS} === 1")
    assert page.run(NAMES) == ["photo02.jpg"]
    assert "list=mine" in page.run("location.search")
    press(page, "Rename", lists)
    page.run(
        f"{lists}.querySelector('input').value = 'yours';"
        f"{lists}.querySelector('form').requestSubmit()"
    )
    page.wait_for(f"{lists}.textContent.includes('yours')")
    press(page, "Undo")
    page.wait_for(f"{lists}.textContent.includes('mine')")
    press(page, "Delete", lists)
    page.wait_for(f"{lists}.children.length === 0")
    assert not (folder / "mine.txt").exists()
    press(page, "Undo")
    page.wait_for(f"{lists}.textContent.includes('mine')")
    assert (folder / "mine.txt").read_text() == f"{name}\n"


def test_a_search_by_picture_is_filtered(page: Tab, tmp_path: Path) -> None:
    given = tmp_path / "given.jpg"
    given.write_bytes(jpeg(photograph(3), quality=70))
    field = page.call("Runtime.evaluate", expression="document.getElementById('file')")
    page.call("DOM.setFileInputFiles", files=[str(given)], objectId=field["result"]["objectId"])
    page.wait_for(f"{RANGE}.includes('nearest') && {CARDS} === 7")
    write(page, "#text", "photo0")
    page.wait_for(f"{CARDS} === 6")
    assert page.run(NAMES)[0] == "photo03.jpg"
    click(page, "#gallery a.picture")
    page.wait_for("location.search.includes('similar=')")
    page.wait_for(f"{CARDS} === 5")
    assert "text=photo0" in page.run("location.search")
