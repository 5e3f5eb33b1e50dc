"""The report and the explorer say the same of the same run, list by list."""

from __future__ import annotations

from typing import Any

import pytest

from imgvet.explorer.run import ExploredRun
from imgvet.reports.inputs import Content, Image, inputs_of
from imgvet.reports.report import pages_of
from imgvet.search.query import Query
from imgvet.sections import Section
from support.finished_run import finish_run, judge
from support.pictures import jpeg, photograph, png, write_photographs

FIRST = 12
"""So many images of each list are compared by name."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ExploredRun:
    """Photographs, copies and near copies of one, strips that no width tells, and a file of text.

    The copies of the fourth make it in the table of pairs what it is not: near another image.
    """
    folder = tmp_path_factory.mktemp("both") / "photos"
    write_photographs(folder, 8)
    for copy in ("a", "b"):
        (folder / f"copy {copy}.jpg").write_bytes((folder / "photo04.jpg").read_bytes())
    (folder / "near.jpg").write_bytes(jpeg(photograph(1), quality=85))
    (folder / "dark.png").write_bytes(png(photograph(2) // 16))
    (folder / "narrow.png").write_bytes(png(photograph(3)[:, :40]))
    (folder / "wide.png").write_bytes(png(photograph(5)[:12]))
    (folder / "text.jpg").write_bytes(b"no picture")
    work = finish_run(folder, folder.parent / "out", outlier_percentile=0.1)
    return ExploredRun(judge(work))


@pytest.fixture(scope="module")
def contents(run: ExploredRun) -> dict[Section, Content]:
    """What the report shows in each section."""
    return {
        section: content
        for page in pages_of(inputs_of(run.work))
        for section, content in page.sections.items()
    }


def image_of(entry: Any) -> Image:
    """The image that an entry of a gallery is about."""
    image: Image = entry["image"] if isinstance(entry, dict) else entry[0]
    return image


def test_the_numbers_of_all_lists_are_those_of_the_report(run: ExploredRun) -> None:
    counts = inputs_of(run.work).summary.counts
    expected = {
        "All images": counts.images,
        "Exact copies": counts.exact_duplicate_images,
        "Near duplicates": counts.near_duplicate_images,
        "Outliers": counts.outliers,
        "Dark": counts.dark,
        "Bright": counts.bright,
        "Blurry": counts.blurry,
        "In components": counts.component_images,
        "Lowest contrast": counts.valid,
        "Smallest": counts.valid,
        "Longest and narrowest": counts.valid,
        "Invalid files": counts.invalid,
    }
    assert {title: len(run.search.ids(query)) for title, query in run.presets.items()} == expected
    assert counts.exact_duplicate_images == 3
    assert counts.near_duplicate_images == 4  # The dark one is proven to be another, darker.
    assert counts.dark


@pytest.mark.parametrize(
    ("title", "section"),
    [
        ("Outliers", Section.OUTLIERS),
        ("Dark", Section.DARK),
        ("Blurry", Section.BLURRY),
        ("Lowest contrast", Section.LOW_CONTRAST),
        ("Smallest", Section.TINY),
        ("Longest and narrowest", Section.ASPECT_RATIO),
    ],
)
def test_lists_have_the_order_of_the_report(
    run: ExploredRun, contents: dict[Section, Content], title: str, section: Section
) -> None:
    content = contents[section]
    entries = content.get("gallery", content.get("outliers"))["entries"][:FIRST]
    shown = [image_of(entry).id for entry in entries]
    query = run.presets[title]
    assert isinstance(query, Query)
    assert run.search.ids(query).tolist()[: len(shown)] == shown
    assert len(shown) == min(FIRST, len(run.search.ids(query)))
