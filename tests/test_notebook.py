"""What a notebook shows: the galleries, search, the bar of a run, and the notebook of the docs."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imgvet
from imgvet.dataset import Dataset
from imgvet.engine.progress import shown_progress
from imgvet.errors import InputNotFoundError, InvalidParameterError
from imgvet.progress import tracked
from imgvet.reports.inline import Visuals
from imgvet.reports.inputs import ReportInputs
from imgvet.workdir import WorkDir
from support.finished_run import finish_run, judge
from support.pictures import jpeg, photograph, write_photographs

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"
FRAMES = ("similarity", "outliers", "components", "component_info")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> WorkDir:
    """Eight photographs with labels and splits, two near copies and one of another label."""
    folder = tmp_path_factory.mktemp("shown") / "photos"
    write_photographs(folder, 8)
    (folder / "near 1.jpg").write_bytes(jpeg(photograph(1), quality=85))
    (folder / "near 2.jpg").write_bytes(jpeg(photograph(2), quality=85))
    (folder / "<b>copy.jpg").write_bytes((folder / "photo03.jpg").read_bytes())
    names = sorted(path.name for path in folder.iterdir())
    labels = ["fox" if "copy" in name else "dog" if "2" in name else "cat" for name in names]
    splits = ["test" if "near" in name else "train" for name in names]
    table = pd.DataFrame({"filename": names, "label": labels, "split": splits})
    table.to_csv(folder.parent / "labels.csv", index=False)
    annotations = str(folder.parent / "labels.csv")
    return judge(finish_run(folder, folder.parent / "out", annotations=annotations))


@pytest.fixture
def dataset(work: WorkDir) -> Dataset:
    return imgvet.create(work_dir=work.path)


def texts(html: str) -> str:
    """What is to be read of HTML."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.S).split())


def test_a_dataset_shows_its_verdict_and_numbers(dataset: Dataset, tmp_path: Path) -> None:
    shown = dataset._repr_html_()
    assert shown is not None
    assert "Images 11" in texts(shown)
    assert "failed" in texts(shown)
    assert imgvet.create(input_dir="photos", work_dir=tmp_path)._repr_html_() is None


def test_pages_hold_their_pictures_and_nothing_that_is_loaded(dataset: Dataset) -> None:
    for page in (
        dataset.vis.duplicates(),
        dataset.vis.outliers(),
        dataset.vis.components(),
        dataset.vis.stats("sharpness"),
        dataset.vis.similar(0),
    ):
        html = page._repr_html_()
        sources = re.findall(r'(?:src|href)="(.{23})', html)
        assert sources
        assert set(sources) == {"data:image/jpeg;base64,"}
        assert "<script" not in html
        assert "<b>copy" not in html


def test_pairs_are_of_the_images_that_are_meant(dataset: Dataset) -> None:
    everything = texts(dataset.vis.duplicates().html)
    assert "3 pairs" in everything
    assert "similarity 1 " in everything
    dogs = texts(dataset.vis.duplicates(label="dog").html)
    assert "1 pair" in dogs
    assert "near 2.jpg" in dogs
    assert "near 1.jpg" not in dogs
    assert "1 of 3 pairs" in texts(dataset.vis.duplicates(n=1).html)
    assert "No pair to show" in texts(dataset.vis.duplicates(label="cow").html)


def test_labels_stand_beside_what_contradicts_them(dataset: Dataset) -> None:
    told = texts(dataset.vis.labels().html)
    assert "2 images" in told
    assert "cat, or the label of its copy, score 0.50 photo03.jpg cat train &lt;b&gt;copy" in told


def test_a_frame_is_shown_with_the_pictures_of_its_images(dataset: Dataset) -> None:
    pairs = dataset.similarity()
    page = dataset.vis.table(pairs, n=2)
    assert page.html.count("<tr>") == 1 + min(2, len(pairs))
    assert page.html.count("data:image/jpeg") == 2 * min(2, len(pairs))
    assert "similarity" in page.html
    outliers = dataset.outliers().assign(nearest=None, note="<b>bold</b>")
    page = dataset.vis.table(outliers)
    assert page.html.count("data:image/jpeg") == len(outliers)
    assert "&lt;b&gt;bold" in page.html
    with pytest.raises(InvalidParameterError, match="none of the columns"):
        dataset.vis.table(pairs[["similarity"]])


def test_stats_show_both_ends_and_a_bar_for_each_bin(dataset: Dataset) -> None:
    html = dataset.vis.stats("sharpness", n=4).html
    values = dataset.img_stats()["sharpness"].sort_values().tolist()
    told = [float(value) for value in re.findall(r"sharpness ([\d.]+)", html)]
    assert told == pytest.approx([*values[:2], *values[-2:]], rel=1e-3)
    bars = [int(total) for total in re.findall(r": (\d+)\simages?</title>", html)]
    assert sum(bars) == 11


def test_a_page_is_saved_as_a_file(dataset: Dataset, tmp_path: Path) -> None:
    page = dataset.vis.outliers()
    saved = page.save(tmp_path / "outliers.html")
    assert saved.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert repr(page) == "InlinePage('Outliers')"


def test_pictures_of_any_kind_are_searched_for(dataset: Dataset, work: WorkDir) -> None:
    photos = work.path.parent / "photos"
    name = str(photos / "photo02.jpg")
    data = (photos / "photo02.jpg").read_bytes()
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    for given in (name, photos / "photo02.jpg", data, pixels, Image.fromarray(pixels)):
        found = dataset.search(given, k=2)
        assert [Path(one).name for one in found["filename"]] == ["photo02.jpg", "near 2.jpg"]
        assert found["similarity"].iloc[0] > 0.999
    item = int(found["id"].iloc[0])
    assert [Path(one).name for one in dataset.search(item, k=1)["filename"]] == ["near 2.jpg"]


def test_conditions_limit_what_is_found(dataset: Dataset) -> None:
    item = int(dataset.annotations().query("filename.str.endswith('photo02.jpg')")["id"].iloc[0])
    other = dataset.search(item, k=20, where={"label": "cat", "split": "test"})
    assert [Path(one).name for one in other["filename"]] == ["near 1.jpg"]
    assert len(dataset.search(item, k=20)) == 10
    limit = float(dataset.img_stats()["sharpness"].median())
    sharp = dataset.search(item, k=20, where={"sharpness": (limit, None)})
    measured = dataset.img_stats().set_index("id")["sharpness"]
    assert set(sharp["id"]) == set(measured.index[measured >= limit]) - {item}
    usual = dataset.search(item, where={"outliers.score": None}, k=20)["id"]
    assert set(usual) == set(measured.index) - set(dataset.outliers()["id"]) - {item}


@pytest.mark.parametrize("where", [{"colour": "red"}, {"label": {"a": 1}, "split": object()}])
def test_what_is_no_condition_is_refused(dataset: Dataset, where: dict[str, Any]) -> None:
    if "colour" in where:
        with pytest.raises(InvalidParameterError, match="colour"):
            dataset.search(0, where=where)
    else:
        assert dataset.search(0, where=where).empty


def test_what_is_no_picture_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError):
        dataset.search(tmp_path / "none.jpg")
    with pytest.raises(InvalidParameterError, match="nothing to search for"):
        dataset.search(np.zeros(4))


class Handle:
    """What IPython gives for something that was shown: here it remembers what it was."""

    def __init__(self, first: Any) -> None:
        self.shown = [first]

    def update(self, what: Any, *, raw: bool) -> None:
        assert raw
        self.shown.append(what)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[Handle]:
    """A process that takes itself for the kernel of a notebook; what it shows."""
    shown: list[Handle] = []

    def display(what: Any, *, display_id: bool = False, raw: bool = False) -> Handle:
        shown.append(Handle(what))
        return shown[-1]

    module, part = ModuleType("IPython"), ModuleType("IPython.display")
    vars(module)["get_ipython"] = lambda: SimpleNamespace(kernel=True)
    vars(part)["display"] = display
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", part)
    return shown


def test_a_notebook_draws_one_bar_that_goes(
    notebook: list[Handle], capsys: pytest.CaptureFixture[str]
) -> None:
    with shown_progress():
        list(tracked(range(40), "embed", 0, 40))
    (bar,) = notebook
    drawn = [one["text/html"] for one in bar.shown]
    assert "<progress value='40' max='40'></progress> Embedding: 40 of 40" in drawn
    assert (drawn[0], drawn[-1]) == ("", "")
    assert capsys.readouterr() == ("", "")


def run_cells(path: Path) -> list[Any]:
    """Run the code of a notebook; what its cells end with, as a notebook would show it."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse(cell["source"])
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(path), "exec"), scope)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), str(path), "eval"), scope))
    return [one for one in shown if one is not None]


def test_the_notebook_of_the_docs_runs(
    notebook: list[Handle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the flow itself, which other tests run."""

    def finish(self: Dataset, **parameters: Any) -> None:
        assert self.input_dir is not None
        judge(finish_run(self.input_dir, self.work_dir, **parameters))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Dataset, "run", finish)
    shown = run_cells(NOTEBOOK)
    assert len(shown) == 9
    html = [one._repr_html_() for one in shown]
    assert sum(page.count("data:image/jpeg") for page in html) > 20
    assert len(shown[6]) == 5  # what was searched for
    content = json.loads(NOTEBOOK.read_text("utf-8"))
    assert all(not cell.get("outputs") for cell in content["cells"])


def test_an_image_without_a_neighbour_stands_alone(inputs_alone: ReportInputs) -> None:
    page = Visuals(inputs_alone, lambda *_: pd.DataFrame()).outliers()
    assert page.html.count("<figure>") == 1


@pytest.fixture
def inputs_alone(work: WorkDir) -> ReportInputs:
    """The run with one outlier that is like no other image."""
    from dataclasses import replace

    from imgvet.reports.inputs import inputs_of

    run = inputs_of(work)
    alone = pd.DataFrame({"id": [0], "nearest": [None], "similarity": [0.0], "score": [9.0]})
    return replace(run, tables={**run.tables, "outliers": alone.astype({"nearest": "Int64"})})
