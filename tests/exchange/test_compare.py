"""Two runs or data sets compared: each planted change is found, and nothing else."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgvet.cli.main import main
from imgvet.dataset import create
from imgvet.errors import RunNotFoundError
from imgvet.exchange.compare import Side, compare_sides, read_side
from imgvet.reports.comparison import comparison_page
from imgvet.workdir import WorkDir
from support.archives import write_tar
from support.exported import write_rows
from support.finished_run import finish_run
from support.pictures import jpeg, photograph, write_photographs


def labelled(path: Path, labels: dict[int, str], splits: dict[int, str]) -> str:
    """Annotations of the photographs: cats in train but for what is given."""
    rows = [(f"photo0{n}.jpg", labels.get(n, "cat"), splits.get(n, "train")) for n in range(4, 7)]
    return str(write_rows(path, ("filename", "label", "split"), rows))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[WorkDir, WorkDir]:
    """A run on seven photographs, and one on what became of them in another folder."""
    folder = tmp_path_factory.mktemp("compared")
    old, new = folder / "old", folder / "new"
    write_photographs(old, 7)
    shutil.copytree(old, new)
    (new / "photo00.jpg").unlink()
    (new / "sub").mkdir()
    (new / "photo01.jpg").rename(new / "sub" / "moved.jpg")
    (new / "photo02.jpg").write_bytes(jpeg(cv2.GaussianBlur(photograph(2), (0, 0), 9)))
    (new / "dark.jpg").write_bytes(jpeg(photograph(9) // 20))
    (new / "copy 3.jpg").write_bytes((new / "photo03.jpg").read_bytes())
    (new / "<b>bad&.jpg").write_bytes(b"no picture")
    before = finish_run(old, folder / "A", annotations=labelled(folder / "a.csv", {}, {}))
    changed = labelled(folder / "b.csv", {4: "dog"}, {5: "test"})
    return before, finish_run(new, folder / "B", annotations=changed)


@pytest.fixture(scope="module")
def sides(runs: tuple[WorkDir, WorkDir]) -> tuple[Side, Side]:
    """What is compared of the two."""
    return read_side(str(runs[0].path)), read_side(str(runs[1].path))


def told(images: pd.DataFrame, column: str) -> dict[str, object]:
    """A column of the images that differ, by base name."""
    names = images["filename"].fillna(images["filename_before"])
    return {Path(name).name: value for name, value in zip(names, images[column], strict=True)}


def test_each_planted_change_is_found_and_nothing_else(sides: tuple[Side, Side]) -> None:
    found = compare_sides(*sides)
    assert told(found.images, "change") == {
        "<b>bad&.jpg": "new", "dark.jpg": "new", "copy 3.jpg": "new", "moved.jpg": "moved",
        "photo00.jpg": "gone", "photo02.jpg": "changed", "photo03.jpg": "same",
        "photo04.jpg": "same", "photo05.jpg": "same",
    }  # fmt: skip
    bad = {name: value for name, value in told(found.images, "newly_bad").items() if value}
    assert bad == {
        "<b>bad&.jpg": ["invalid"], "dark.jpg": ["dark"], "photo02.jpg": ["blurry"],
        "photo03.jpg": ["surplus copy"],
    }  # fmt: skip
    assert found.counts == {
        "new": 3, "gone": 1, "changed": 1, "moved": 1, "relabelled": 2, "newly_bad": 4,
        "newly_good": 0,
    }  # fmt: skip
    assert told(found.images, "label")["photo04.jpg"] == "dog"
    assert told(found.images, "split_before")["photo05.jpg"] == "train"


def test_labels_are_compared_where_no_split_is_known(sides: tuple[Side, Side]) -> None:
    before, after = sides
    found = compare_sides(replace(before, images=before.images.assign(split=None)), after)
    assert found.counts["relabelled"] == 1
    assert set(found.images["split"]) == {None}
    assert "<bdi>cat</bdi> → <bdi>dog</bdi>" in comparison_page(found)


def test_the_way_back_is_the_other_way_round(sides: tuple[Side, Side]) -> None:
    found, back = compare_sides(*sides), compare_sides(*reversed(sides))
    assert (back.counts["new"], back.counts["gone"]) == (1, 3)
    good = {name: value for name, value in told(back.images, "newly_good").items() if value}
    assert good == {"photo02.jpg": ["blurry"], "photo03.jpg": ["surplus copy"]}
    assert found.counts["moved"] == back.counts["moved"]


def test_a_run_does_not_differ_from_itself(sides: tuple[Side, Side]) -> None:
    for side in sides:
        found = compare_sides(side, side)
        assert found.images.empty
        assert not found.parameters


def test_folders_are_compared_by_content_without_a_run(runs: tuple[WorkDir, WorkDir]) -> None:
    old, new = (runs[0].path.parent / name for name in ("old", "new"))
    found = compare_sides(read_side(str(old), 2), read_side(str(new), 2))
    assert found.counts["new"] == 3
    assert found.counts["newly_bad"] == 0
    mixed = compare_sides(read_side(str(runs[0].path)), read_side(str(new)))
    assert mixed.counts == found.counts


def test_python_compares_datasets_too(runs: tuple[WorkDir, WorkDir]) -> None:
    old, new = (create(work_dir=run.path) for run in runs)
    pd.testing.assert_frame_equal(new.compare(old), new.compare(old.work_dir))
    assert not new.compare(old).empty


def test_a_work_dir_of_crops_alone_is_no_data_set(
    runs: tuple[WorkDir, WorkDir], tmp_path: Path
) -> None:
    old, box = runs[0].path.parent / "old", "row_y=0,col_x=0,height=50,width=50"
    crops = finish_run(old, tmp_path / "C", bounding_box=box)
    with pytest.raises(RunNotFoundError, match=r"but one on crops\. Its results are in .*/crops"):
        read_side(str(tmp_path / "C"))
    assert read_side(crops.name).record is not None
    assert create(work_dir=tmp_path / "C")._repr_html_() is None


def test_what_changed_parameters_change_is_not_compared(
    runs: tuple[WorkDir, WorkDir], tmp_path: Path
) -> None:
    old = runs[0].path.parent / "old"
    strict = finish_run(old, tmp_path / "C", blur_threshold=0.99, threshold=0.5)
    found = compare_sides(read_side(str(runs[0].path)), read_side(str(strict.path)))
    assert found.counts["newly_bad"] == 0
    assert found.not_compared == ("near duplicate", "leaking", "blurry")
    assert found.parameters["blur_threshold"] == "blur_threshold was 0.5 and is 0.99"


def test_a_copy_that_leaks_into_another_split_is_newly_bad(
    runs: tuple[WorkDir, WorkDir], tmp_path: Path
) -> None:
    new = tmp_path / "photos"
    shutil.copytree(runs[0].path.parent / "old", new)
    shutil.copy(new / "photo04.jpg", new / "photo04 copy.jpg")
    rows = [(f"photo0{n}.jpg", "cat", "train") for n in range(7)]
    rows.append(("photo04 copy.jpg", "cat", "test"))
    labels = write_rows(tmp_path / "c.csv", ("filename", "label", "split"), rows)
    leaky = finish_run(new, tmp_path / "C", annotations=str(labels))
    found = compare_sides(read_side(str(runs[0].path)), read_side(str(leaky.path)))
    assert found.findings("newly_bad")["leaking"] == 2


def test_an_archive_is_compared_with_what_it_was_made_from(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_photographs(photos, 3)
    archive = shutil.make_archive(str(tmp_path / "a"), "tar", photos)
    (photos / "photo00.jpg").rename(photos / "moved.jpg")
    (photos / "photo01.jpg").unlink()
    found = compare_sides(read_side(archive), read_side(str(photos)))
    changes = {name: number for name, number in found.counts.items() if number}
    assert changes == {"moved": 1, "gone": 1}


def test_the_command_writes_table_and_page_and_says_so_by_its_exit_code(
    runs: tuple[WorkDir, WorkDir], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compare", *(str(run.path) for run in runs)]
    files = ["--csv", str(tmp_path / "c.csv"), "--page", str(tmp_path / "c.html")]
    assert main([*command, *files]) == 0
    assert main([*command, "--fail-on", "worse"]) == 3
    assert main([*command, "--fail-on", "any"]) == 3
    same = [command[0], command[1], command[1]]
    assert main([*same, "--fail-on", "any"]) == 0
    assert "Newly bad   4 images: 1 " in capsys.readouterr().out
    with (tmp_path / "c.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 9
    page = (tmp_path / "c.html").read_text()
    assert "&lt;b&gt;bad&amp;.jpg" in page
    assert "<b>bad" not in page
    assert page.count("data:image/jpeg;base64,") >= 6
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_of_the_same_runs_has_the_same_bytes(
    runs: tuple[WorkDir, WorkDir], tmp_path: Path
) -> None:
    names = [str(tmp_path / f"{number}.html") for number in range(2)]
    for name in names:
        main(["compare", *(str(run.path) for run in runs), "--page", name])
    assert Path(names[0]).read_bytes() == Path(names[1]).read_bytes()


@pytest.mark.parametrize("kind", ["tar", "list"])
def test_archives_and_lists_are_compared_by_the_names_in_them(tmp_path: Path, kind: str) -> None:
    sides = []
    for number, names in enumerate((["a/0.jpg", "a/1.jpg"], ["a/0.jpg", "b/2.jpg"])):
        contents = {name: jpeg(photograph(int(Path(name).stem) + number)) for name in names}
        if kind == "tar":
            given = write_tar(tmp_path / f"{number}.tar", contents)
        else:
            given = tmp_path / f"{number}.txt"
            for name, data in contents.items():
                (path := tmp_path / str(number) / name).parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            given.write_text("".join(f"{tmp_path / str(number) / name}\n" for name in names))
        sides.append(read_side(str(finish_run(given, tmp_path / f"out{number}").path)))
    found = compare_sides(*sides)
    assert found.counts["new"] == 1
    changed = found.counts["changed"] if kind == "tar" else found.counts["moved"]
    assert changed == 1


def test_python_compares_with_an_earlier_run(runs: tuple[WorkDir, WorkDir]) -> None:
    found = create(work_dir=runs[1].path).compare(runs[0].path)
    assert len(found) == 9


ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), max_size=8)


@settings(max_examples=40)
@given(ROWS, ROWS)
def test_every_image_of_both_is_accounted_for_once(
    before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    found = compare_sides(side_of(before), side_of(after))
    images, counts = found.images, found.counts
    assert len(before) - counts["gone"] == len(after) - counts["new"]
    is_same = images["digest"].eq(images["digest_before"])
    has_name = images["filename"].eq(images["filename_before"])
    assert images["change"].eq("moved").equals(is_same & ~has_name)
    assert images["change"].eq("changed").equals(~is_same & has_name)
    left = [images.loc[images["change"] == kind, name].dropna().tolist()
            for kind, name in (("new", "digest"), ("gone", "digest_before"))]  # fmt: skip
    assert set(left[0]).isdisjoint(left[1])  # else they would have moved


def side_of(rows: list[tuple[str, str]]) -> Side:
    """A data set of names and contents."""
    columns = {"name": [n for n, _ in rows], "filename": [f"/{n}" for n, _ in rows]}
    known = {"digest": [d for _, d in rows], "label": None, "split": None}
    images = pd.DataFrame(columns | known, dtype=object)
    return Side("", images.assign(findings=pd.Series([frozenset()] * len(rows), dtype=object)))
