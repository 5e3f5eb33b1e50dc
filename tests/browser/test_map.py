"""The map: colours, search, loop, thumbnail, and everything known of a point."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.chrome import CATCH_DOWNLOADS, Tab

from imgvet.reports.limits import MAP_POINTS_SLOW

READY = "document.getElementById('map-plot').dataset.ready === 'true'"
CHOSEN = "document.querySelectorAll('#map-strip button').length"


NO_WEBGL = """
const usual = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.includes("webgl") ? null : usual.call(this, kind, ...rest);
};
"""


@pytest.fixture
def map_tab(tab: Tab, report: Path) -> Tab:
    tab.open((report / "map.html").as_uri(), READY)
    return tab


def test_colour_can_be_anything_measured(map_tab: Tab) -> None:
    options = map_tab.run(
        "[...document.querySelectorAll('#map-colour option')].map((o) => o.textContent)"
    )
    assert {"Split", "Label", "Component", "Outliers", "Sharpness", "Contrast"} <= set(options)
    for index in range(len(options)):
        map_tab.run(
            f"(() => {{ const s = document.getElementById('map-colour'); s.value = '{index}';"
            " s.dispatchEvent(new Event('change')); })()"
        )
    assert map_tab.errors == []


def test_search_and_legend_select_points(map_tab: Tab) -> None:
    map_tab.run(
        "(() => { const f = document.getElementById('map-find'); f.value = 'one.mp4';"
        " f.dispatchEvent(new Event('input')); })()"
    )
    map_tab.wait_for(f"{CHOSEN} === 5")
    assert "5 points found" in map_tab.run("document.getElementById('map-status').textContent")
    map_tab.run("document.querySelector('#map-legend button').click()")
    map_tab.wait_for(f"{CHOSEN} > 20")


def draw_a_loop(map_tab: Tab) -> None:
    """Around all points."""
    map_tab.run(
        "document.getElementById('map-plot').scrollIntoView({block: 'center', behavior: 'instant'})"
    )
    box = map_tab.run(
        "(() => { const b = document.querySelector('#map-plot .nsewdrag').getBoundingClientRect();"
        " return [b.left, b.top, b.width, b.height]; })()"
    )
    left, top, width, height = box
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.03)]
    path = [(left + x * width, top + y * height) for x, y in corners]
    map_tab.mouse("mouseMoved", *path[0])
    map_tab.mouse("mousePressed", *path[0], held=True)
    for x, y in path[1:]:
        map_tab.mouse("mouseMoved", x, y, held=True)
    map_tab.mouse("mouseReleased", *path[-1])
    map_tab.wait_for(f"{CHOSEN} > 50")


def test_a_loop_lists_its_files(map_tab: Tab) -> None:
    draw_a_loop(map_tab)
    map_tab.run(CATCH_DOWNLOADS)
    map_tab.run(
        "[...document.querySelectorAll('button')]"
        ".find((b) => b.textContent === 'Download .txt').click()"
    )
    map_tab.wait_for("caught.length === 2")
    listed = max(map_tab.run("caught"), key=len)
    assert "photo_0020.jpg" in listed


def test_what_is_found_after_a_loop_is_highlighted(map_tab: Tab) -> None:
    draw_a_loop(map_tab)
    map_tab.run(
        "(() => { const f = document.getElementById('map-find'); f.value = 'one.mp4';"
        " f.dispatchEvent(new Event('input')); })()"
    )
    map_tab.wait_for(f"{CHOSEN} === 5")
    drawn = "document.getElementById('map-plot')._fullData[0].selectedpoints.length"
    assert map_tab.run(drawn) == 5
    assert map_tab.run("document.querySelectorAll('#map-plot .selectionlayer path').length") == 0


def test_points_at_the_edge_are_drawn_whole(map_tab: Tab) -> None:
    plot = "document.getElementById('map-plot')"
    low, high = map_tab.run(f"{plot}._fullLayout.yaxis.range")
    drawn = map_tab.run(f"Array.from({plot}._fullData[0].y)")
    assert low < min(drawn) < max(drawn) < high


def test_hover_shows_a_thumbnail_and_click_all_facts(map_tab: Tab) -> None:
    map_tab.run(
        "document.getElementById('map-plot').emit('plotly_hover', {points: [{pointNumber: 3}]})"
    )
    assert map_tab.run("!document.getElementById('map-card').hidden")
    image = map_tab.run(
        "getComputedStyle(document.querySelector('#map-card .thumb')).backgroundImage"
    )
    assert "images/map-000.jpg" in image
    map_tab.run(
        "document.getElementById('map-plot').emit('plotly_click', {points: [{pointNumber: 3}]})"
    )
    map_tab.wait_for("document.querySelector('dialog') && document.querySelector('dialog').open")
    assert "Content digest" in map_tab.run("document.querySelector('dialog dl').textContent")
    assert map_tab.errors == []


@pytest.fixture
def no_webgl(tab: Tab) -> Iterator[Tab]:
    """A browser as on a remote desktop."""
    script = tab.call("Page.addScriptToEvaluateOnNewDocument", source=NO_WEBGL)
    yield tab
    tab.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


def shown(tab: Tab) -> int:
    return int(tab.run("document.querySelectorAll('#map-plot .points path').length"))


def test_without_webgl_every_point_of_a_small_set_is_drawn(no_webgl: Tab, report: Path) -> None:
    no_webgl.open((report / "map.html").as_uri(), READY)
    assert shown(no_webgl) == 60
    assert no_webgl.run("document.querySelector('p.note') === null")
    assert no_webgl.errors == []


def test_without_webgl_some_points_of_a_large_set_are_drawn(
    no_webgl: Tab, report: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    shutil.copytree(report, folder)
    points = folder / "data" / "map-points.js"
    text = points.read_text()
    points.write_text(text.replace(f'"slowPoints":{MAP_POINTS_SLOW}', '"slowPoints":25'))
    assert points.read_text() != text
    no_webgl.open((folder / "map.html").as_uri(), READY)
    assert shown(no_webgl) == 20
    assert "one point in 3" in no_webgl.run("document.querySelector('p.note').textContent")
    no_webgl.run(
        "(() => { const f = document.getElementById('map-find'); f.value = 'one.mp4';"
        " f.dispatchEvent(new Event('input')); })()"
    )
    no_webgl.wait_for(f"{CHOSEN} === 5")
    no_webgl.run(
        "document.getElementById('map-plot').emit('plotly_selected', {points: [{pointNumber: 2}]})"
    )
    no_webgl.wait_for(f"{CHOSEN} === 1")
    expected = no_webgl.run("imgvet.visible(imgvet.mapNames[6].split('/').pop())")
    assert no_webgl.run("document.querySelector('#map-strip button').title") == expected
    assert no_webgl.errors == []
