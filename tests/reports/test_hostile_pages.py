"""Names, labels and splits of strangers in every page: text, never HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from imgvet.curation.rules import make_rules
from imgvet.dataset import Dataset
from imgvet.exchange.compare import compare_sides, read_side
from imgvet.reports.build import build_single_file, report_of
from imgvet.reports.comparison import comparison_page
from imgvet.reports.inputs import inputs_of
from imgvet.reports.plan import propose
from support.exported import write_rows
from support.finished_run import finish_run, judge
from support.pictures import jpeg, photograph, write_photographs

PLANTED = "planted onload=alert(1)"
NAMES = (
    f"<img src=x {PLANTED}>.jpg",
    f"\"'><svg {PLANTED}>.jpg",
    f"<!--]]>{{{{1}}}}<script {PLANTED}>.jpg",
)
LABELS = (f"<b {PLANTED}>", f"'\"><a href=javascript:alert(1) {PLANTED}>", f"</td><p {PLANTED}>")
SPLITS = (f"<i {PLANTED}>", f"</script><em {PLANTED}>", f"<i {PLANTED}>")


class Tags(HTMLParser):
    """Notes what a page runs or embeds beside its own."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.tags = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += 1
        for name, value in attrs:
            foreign = name == "planted" or name.startswith("on")
            if foreign or (value or "").strip().lower().startswith("javascript:"):
                self.wrong.append(f"<{tag} {name}={value!r}>")


def test_the_parser_finds_what_is_planted() -> None:
    for text in (*NAMES, *LABELS, *SPLITS):
        assert Tags(f"<td title='a'>{text}</td>").wrong


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every page of a run whose names, labels and splits are HTML, by what it is."""
    folder = tmp_path_factory.mktemp(f"hostile <i {PLANTED}>") / "photos"
    write_photographs(folder, 4)
    for number, name in enumerate(NAMES):
        (folder / name).write_bytes(jpeg(photograph(number), quality=80))
    (folder / "copy.jpg").write_bytes((folder / NAMES[0]).read_bytes())
    (folder / f"<u {PLANTED}>.png").write_bytes(b"no picture")
    named = [*NAMES, "photo00.jpg", "photo01.jpg", "photo02.jpg", "copy.jpg"]
    rows = [(name, LABELS[n % 3], SPLITS[n % 2]) for n, name in enumerate(named)]
    table = write_rows(folder.parent / "labels.csv", ("filename", "label", "split"), rows)
    work, other = (
        judge(finish_run(folder, folder.parent / name, annotations=str(table), **options))
        for name, options in (("out", {"outlier_percentile": 0.3}), ("other", {"num_images": 3}))
    )
    report_of(work)
    inputs, dataset = inputs_of(work), Dataset(folder, work.path)
    propose(work, make_rules({"near": "remove", "keep": "labelled"}))
    found = {
        str(path.relative_to(work.path)): path.read_text(encoding="utf-8")
        for path in work.path.rglob("*.html")
    }
    found["single file"] = build_single_file(inputs, work.report_file).read_text(encoding="utf-8")
    difference = compare_sides(read_side(str(other.path)), read_side(str(work.path)))
    found["comparison"] = comparison_page(difference)
    for name in ("duplicates", "outliers", "components"):
        found[name] = getattr(dataset.vis, name)().html
    found["similar"] = dataset.vis.similar(0).html
    found["stats"] = dataset.vis.stats("sharpness").html
    found["dataset"] = dataset._repr_html_() or ""
    scripts = work.report.rglob("*.js")
    found["scripts"] = "\n".join(path.read_text(encoding="utf-8") for path in scripts)
    return found


def test_nothing_of_a_stranger_is_html(pages: dict[str, str]) -> None:
    assert pages.keys() >= {"report/index.html", "report/duplicates.html", "plan.html"}
    scripts = pages.pop("scripts")
    for name, page in pages.items():
        tags = Tags(page)
        assert tags.wrong == [], name
        assert tags.tags > 5, name
    showing = [name for name, page in pages.items() if "&lt;" in page and "planted" in page]
    assert {"plan.html", "single file", "comparison", "duplicates"} <= set(showing)
    assert f"</script><em {PLANTED}>" not in scripts
    assert "planted" in scripts
