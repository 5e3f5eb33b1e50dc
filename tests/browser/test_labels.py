"""The page of labels: what says that one is wrong, and deciding by keys."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

import pandas as pd
import pytest
from browser.chrome import Tab

from imgvet.explorer.server import Explorer
from imgvet.tables import LABEL_ISSUES
from imgvet.workdir import WorkDir
from support.finished_run import finish_run
from support.pictures import write_photographs

SHOWN = "document.querySelectorAll('#near img').length > 0"
RANGE = "document.getElementById('range').textContent"
LONG = "a label with a name that is longer than any button"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> WorkDir:
    """Six photographs, of which two are said to be labelled wrongly."""
    folder = tmp_path_factory.mktemp("labels") / "photos"
    write_photographs(folder, 6)
    names = sorted(path.name for path in folder.iterdir())
    labels = ["cat", LONG, "cat", "dog", "dog", "dog"]
    pd.DataFrame({"filename": names, "label": labels}).to_csv(folder.parent / "labels.csv")
    work = finish_run(folder, folder.parent / "out", annotations=str(folder.parent / "labels.csv"))
    rows = pd.DataFrame(
        {"id": [0, 1], "label": labels[:2], "suggested_label": "dog", "score": [0.1, 0.2],
         "is_issue": True, "conflict": [False, True], "nearest": 3}
    )  # fmt: skip
    rows.to_parquet(work.table(LABEL_ISSUES.name))
    return work


@pytest.fixture(scope="module")
def explorer(work: WorkDir) -> Iterator[Explorer]:
    with Explorer(work.path) as running:
        yield running


@pytest.fixture
def page(tab: Tab, explorer: Explorer, work: WorkDir) -> Iterator[Tab]:
    """The first of two labels."""
    work.decisions.unlink(missing_ok=True)
    tab.open(explorer.url, "document.querySelectorAll('#labels a').length === 3")
    tab.run("document.querySelector('#labels a').click()")
    tab.wait_for(SHOWN)
    yield tab
    assert tab.errors == []


def decided(work: WorkDir) -> list[str]:
    with work.decisions.open(newline="", encoding="utf-8-sig") as file:
        return [row["label"] for row in csv.DictReader(file)]


def test_neighbours_say_which_label_fits_and_keys_decide(page: Tab, work: WorkDir) -> None:
    # The same label agrees with what was given, the suggested one speaks against it.
    assert page.run("document.querySelectorAll('#near .says').length") == 3
    assert page.run("document.querySelectorAll('#near .agrees').length") == 1
    assert page.run("document.getElementById('judgement').textContent").startswith("Given labelcat")
    page.press("2", "The suggested label: kept.")
    page.wait_for(f"{RANGE}.startsWith('2 of 2')")
    assert page.run("document.getElementById('conflict').hidden") is False
    page.press("1", "The label is right: kept.")
    assert decided(work) == ["dog", LONG]
    page.press("u", "Undone.")
    page.press("u", "Undone.")
    assert decided(work) == []
    assert page.run(f"{RANGE}.startsWith('1 of 2')")


def test_another_label_is_chosen_seen_again_and_taken_back(page: Tab, work: WorkDir) -> None:
    page.run(
        f"const choice = document.getElementById('other_label'); choice.value = {json.dumps(LONG)};"
        "choice.dispatchEvent(new Event('change'))"
    )
    page.wait_for("document.getElementById('said').textContent === 'Another label: kept.'")
    assert decided(work) == [LONG]
    page.open(page.run("location.href.replace(/&at=.*/, '')"), SHOWN)
    assert page.run("document.getElementById('judgement').textContent").endswith(LONG)
    page.press("1", "The label is right: kept.")
    assert decided(work) == ["cat"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(tab: Tab, page: Tab, scheme: str) -> None:
    assert tab.barriers_at(tab.run("location.href"), SHOWN, scheme) == []


def test_a_phone_shows_it_without_scrolling_sideways_and_all_buttons(page: Tab) -> None:
    page.size(375, 700)
    page.wait_for("document.documentElement.scrollWidth <= innerWidth")
    bar = "document.querySelector('.decide').getBoundingClientRect()"
    page.wait_for(f"{bar}.bottom <= innerHeight")
    page.run("document.documentElement.scrollTop = document.documentElement.scrollHeight")
    page.wait_for(f"{bar}.bottom <= innerHeight")
