"""The page of pairs: going through them, looking closely, deciding, undoing."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterator

import pytest
from browser.chrome import Tab

from imgvet.explorer.server import Explorer
from imgvet.search.originals import Originals
from imgvet.workdir import WorkDir
from support.finished_run import finish_run
from support.pictures import jpeg, photograph, write_photographs

SHOWN = (
    "document.getElementById('facts').children.length > 3"
    " && document.getElementById('right-picture').naturalWidth > 0"
)
RANGE = "document.getElementById('range').textContent"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> WorkDir:
    """Four photographs and a near copy of each."""
    folder = tmp_path_factory.mktemp("pairs") / "photos"
    write_photographs(folder, 4)
    for number in range(4):
        data = jpeg(photograph(number), quality=70 + 5 * number)
        (folder / f"near {number} <b>.jpg").write_bytes(data)
    return finish_run(folder, folder.parent / "out")


@pytest.fixture(scope="module")
def explorer(_tab: Tab, work: WorkDir) -> Iterator[Explorer]:
    """The server, which has let the browser in."""
    with Explorer(work.path) as running:
        _tab.open(running.url, "document.querySelectorAll('#pairs a').length > 0")
        yield running


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """An exact copy, and of each a crop."""
    folder = tmp_path_factory.mktemp("crops") / "photos"
    write_photographs(folder, 1)
    (folder / "again.jpg").write_bytes((folder / "photo00.jpg").read_bytes())
    box = "row_y=10,col_x=20,height=60,width=80"
    with Explorer(finish_run(folder, folder.parent / "out", bounding_box=box).home) as running:
        yield running


@pytest.fixture
def page(tab: Tab, explorer: Explorer, work: WorkDir) -> Iterator[Tab]:
    """The first of four pairs."""
    work.decisions.unlink(missing_ok=True)
    tab.open(f"http://127.0.0.1:{explorer.port}/pairs?kind=near", f"{SHOWN} && {RANGE} !== ''")
    yield tab
    assert tab.errors == []


def decided(work: WorkDir) -> list[str]:
    if not work.decisions.exists():
        return []
    with work.decisions.open(newline="", encoding="utf-8-sig") as file:
        return [row["decision"] for row in csv.DictReader(file)]


def test_what_is_decided_on_is_seen_while_its_originals_are_still_read(
    page: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = "['left', 'right'].map((side) => document.getElementById(side + '-picture').src)"
    there, show = threading.Event(), Originals.show
    monkeypatch.setattr(
        Originals, "show", lambda *asked, **how: there.wait(60) and show(*asked, **how)
    )
    try:
        page.wait_for(f"{sources}.every((source) => source.startsWith('blob:'))")
        for number in (2, 3, 4):  # the next one may have been read ahead
            page.hotkey("n")
            page.wait_for(f"{RANGE}.startsWith('{number} of 4')")
        page.wait_for(f"{sources}.every((source) => source.includes('/thumbnail/'))")
        page.wait_for(SHOWN)
    finally:
        there.set()
    page.wait_for(f"{sources}.every((source) => source.startsWith('blob:'))")


def test_keys_decide_and_go_on_and_one_key_undoes_it(page: Tab, work: WorkDir) -> None:
    kinds = ["keep_left", "keep_right", "keep_both", "not_a_duplicate"]
    for number, said in enumerate(["Keep left", "Keep right", "Keep both", "Not a duplicate"], 1):
        page.wait_for(f"{RANGE}.startsWith('{number} of 4')")
        page.press(str(number), f"{said}: kept.")
        assert decided(work) == kinds[:number]
    assert page.run(RANGE).startswith("4 of 4 · 4 decided · similarity")
    for left in (3, 2, 1, 0):
        page.press("u", "Undone.")
        assert page.run(f"{RANGE}.startsWith('{left + 1} of 4')")
        assert decided(work) == kinds[:left]


def test_fast_keys_are_taken_one_after_the_other(page: Tab, work: WorkDir) -> None:
    for letter in "12uu34":
        page.hotkey(letter)
    last = ["keep_both", "not_a_duplicate"]  # nothing on the way to it looks like it
    until = time.monotonic() + 20
    while decided(work) != last and time.monotonic() < until:
        time.sleep(0.05)
    assert decided(work) == last
    page.wait_for(f"{RANGE}.startsWith('3 of 4')")


def test_a_decision_is_seen_again_and_taken_back_by_the_same_key(page: Tab, work: WorkDir) -> None:
    page.press("1", "Keep left: kept.")
    page.open(
        page.run("location.href.replace(/&at=.*/, '')"), "document.querySelector('.gone') !== null"
    )
    assert page.run("document.getElementById('keep_left').getAttribute('aria-pressed')") == "true"
    page.press("1", "Taken back.")
    assert page.run("document.querySelector('.gone') === null")
    assert decided(work) == []


def test_what_another_page_decided_is_told_before_it_is_changed(page: Tab, work: WorkDir) -> None:
    page.hotkey("3")
    page.wait_for(f"{RANGE}.startsWith('2 of 4')")
    row = work.decisions.read_text("utf-8-sig")
    work.decisions.unlink()  # as another page takes it back
    page.hotkey("p")
    page.wait_for(f"{RANGE}.startsWith('1 of 4')")
    page.press("1", "Meanwhile decided: nothing. The same again changes it.")
    assert "keep_both" in row
    assert decided(work) == []
    page.press("1", "Keep left: kept.")
    assert decided(work) == ["keep_left"]


def test_those_decided_on_are_passed_over(page: Tab, work: WorkDir) -> None:
    page.run("document.getElementById('open-only').click()")
    page.wait_for("location.search.includes('open=1')")
    page.wait_for(SHOWN)
    for _ in range(4):
        page.press("3", "Keep both: kept.")
    assert decided(work) == ["keep_both"] * 4
    page.open(page.run("location.href"), f"{RANGE} === 'All 4 pairs are decided on.'")


def test_crops_are_called_so_and_shown_in_their_picture(tab: Tab, crops: Explorer) -> None:
    tab.open(crops.url, "document.querySelectorAll('.card').length === 2")
    assert tab.run("document.getElementById('about').textContent").startswith("Explorer · 2 crops")
    tab.open(f"http://127.0.0.1:{crops.port}/pairs?kind=exact", SHOWN)
    size = "document.getElementById('right-picture').naturalWidth"
    tab.wait_for(f"{size} === 80")
    tab.hotkey("w")
    tab.wait_for(f"{size} > 80")
    tab.hotkey("1")
    tab.wait_for("document.getElementById('said').textContent.startsWith('Both have the same by')")
    assert tab.run("document.getElementById('keep_left').getAttribute('aria-disabled')") == "true"
    assert tab.errors == []


def test_both_pictures_are_zoomed_and_moved_together(page: Tab) -> None:
    moved = (
        "['left-picture', 'right-picture'].map((id) => document.getElementById(id).style.transform)"
    )
    page.hotkey("+")
    first, second = page.run(moved)
    assert first == second
    assert "scale(1.5)" in first
    page.run(
        "document.getElementById('stage').dispatchEvent(new PointerEvent('pointermove',"
        " {buttons: 1, movementX: 20, movementY: 0}))"
    )
    assert page.run(moved)[0] == page.run(moved)[1]
    page.hotkey("0")
    assert "scale(1)" in page.run(moved)[0]


def test_pictures_are_laid_over_each_other(page: Tab) -> None:
    page.hotkey("v")
    assert page.run("document.getElementById('stage').className").split() == [
        "stage", "stacked", "first",
    ]  # fmt: skip
    clip = "document.querySelector('.pane').style.clipPath"
    assert "50%" in page.run(clip)
    page.run(
        "document.getElementById('slider').value = 20;"
        "document.getElementById('slider').dispatchEvent(new Event('input'))"
    )
    assert "80%" in page.run(clip)
    page.hotkey("b")
    assert page.run(clip) == ""
    page.wait_for("!document.getElementById('stage').classList.contains('first')")
    page.hotkey("b")
    assert not page.run("document.getElementById('stage').classList.contains('stacked')")


def test_what_differs_is_marked(page: Tab) -> None:
    rows = page.run(
        "[...document.querySelectorAll('#facts tr')]"
        ".map((row) => [row.children[0].textContent, row.className])"
    )
    marked = dict(rows)
    assert "differs-row" in marked["file size"]
    assert "differs-row" in marked["filename"]
    assert "differs-row" not in marked["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(tab: Tab, page: Tab, scheme: str) -> None:
    assert tab.barriers_at(tab.run("location.href"), SHOWN, scheme) == []


def test_a_phone_shows_it_without_scrolling_sideways(page: Tab) -> None:
    page.size(390, 800)
    page.wait_for("document.documentElement.scrollWidth <= innerWidth")
