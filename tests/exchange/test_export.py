"""Exports: what is chosen, what is refused, and that nothing half done is left."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgvet.annotations.read import read_annotations
from imgvet.cli.main import main
from imgvet.dataset import create
from imgvet.errors import (
    ImgvetError,
    InputEmptyError,
    InvalidParameterError,
    PlanError,
    UnknownParameterError,
    WorkDirInsideInputError,
)
from imgvet.exchange.export import export_run
from imgvet.exchange.options import ExportOptions
from imgvet.exchange.selection import removed_by
from imgvet.search.saved_lists import save_list
from imgvet.sources.local import read_text_list
from imgvet.workdir import WorkDir
from support.exported import write_rows


def exported(work: WorkDir, folder: Path, **parameters: object) -> list[str]:
    """The base names of the images that an export lists, in order."""
    target = folder / "names.parquet"
    options = ExportOptions.model_validate({"format": "parquet", **parameters})
    export_run(work, target, options)
    names = pd.read_parquet(target)["filename"]
    target.unlink()
    return [Path(name).name for name in names]


def test_valid_images_are_exported_and_those_that_are_not_left_out(
    work: WorkDir, tmp_path: Path
) -> None:
    names = exported(work, tmp_path)
    assert len(names) == 10
    assert "text.jpg" not in names


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        (["label=dog"], [0, 2, 4]),
        (["label=dog", "label=cat"], [0, 1, 2, 3, 4]),
        (["label=dog", "split = train"], [0]),
        (["split=", "label=dog"], [2]),
        (["stats.file_size>=1", "label = cow", "id<8"], []),
        (["copies=2", "label=dog"], [0]),
        (["file_size>0", "width>=1", "label=dog", "split=train"], [0]),
        ({"label": ["dog", "cat"], "split": "train", "sharpness": (0.0, 1.0)}, [0, 3]),
    ],
)
def test_conditions_choose(
    work: WorkDir, tmp_path: Path, where: object, numbers: list[int]
) -> None:
    if not numbers:
        with pytest.raises(InputEmptyError):
            exported(work, tmp_path, where=where)
    else:
        wanted = [f"photo0{number}.jpg" for number in numbers]
        assert exported(work, tmp_path, where=where) == wanted


@pytest.mark.parametrize("where", ["label", "stats.width>=wide", "lable=dog", "label>3", "=x"])
def test_a_condition_that_is_none_is_refused(work: WorkDir, tmp_path: Path, where: str) -> None:
    with pytest.raises(InvalidParameterError):
        exported(work, tmp_path, where=[where])


def test_python_exports_as_the_command_does(work: WorkDir, tmp_path: Path) -> None:
    dataset = create(work_dir=work.path)
    found = dataset.export(tmp_path / "a.csv", format="csv", where={"label": "dog"})
    assert (found.images, found.not_chosen, found.left_out) == (3, 7, ())
    command = ["export", str(work.path), str(tmp_path / "b.csv"), "--format", "csv"]
    assert main([*command, "--where", "label=dog"]) == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    plan = pd.DataFrame({"filename": dataset.annotations()["filename"], "action": "remove"})
    labels = {"filename": plan["filename"], "label": "thing"}
    found = dataset.export(tmp_path / "c.csv", plan=plan[3:], corrections=pd.DataFrame(labels))
    assert pd.read_csv(tmp_path / "c.csv")["label"].tolist() == ["thing"] * 3
    with pytest.raises(UnknownParameterError, match="wheer"):
        dataset.export(tmp_path / "c", format="csv", wheer="label=dog")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a.CSV", None), ("a.parquet", None), ("names.txt", None), ("yolo", "manifest.csv"),
        ("clean-coco_v2", "annotations/instances_val.json"), ("a.json", "no"), ("txt.csv", "more"),
    ],
)  # fmt: skip
def test_the_name_tells_the_format(
    name: str, file: str | None, work: WorkDir, tmp_path: Path
) -> None:
    if file in ("no", "more"):
        with pytest.raises(InvalidParameterError, match=rf"{name} tells {file} .*Give the format"):
            export_run(work, tmp_path / name, ExportOptions())
        return
    export_run(work, tmp_path / name, ExportOptions())
    assert (tmp_path / name / (file or "")).is_file()


def test_saved_lists_choose_and_leave_out(work: WorkDir, photos: Path, tmp_path: Path) -> None:
    save_list(work, "some", [str(photos / f"photo0{n}.jpg") for n in range(3)], replace=True)
    save_list(work, "one", [str(photos / "photo01.jpg")], replace=True)
    assert exported(work, tmp_path, list=["some"], without=["one"]) == [
        "photo00.jpg",
        "photo02.jpg",
    ]
    with pytest.raises(InvalidParameterError, match=r"There are one, some"):
        exported(work, tmp_path, list=["none"])


def test_a_plan_leaves_out_what_it_removes(work: WorkDir, photos: Path, tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [
        (photos / "copy of 0.jpg", "remove"), (photos / "photo03.jpg", "review"),
        (photos / "photo04.jpg", "Keep"),
    ]  # fmt: skip
    plan = write_rows(tmp_path / "plan.csv", ("filename", "action"), rows)
    names = exported(work, tmp_path, plan=plan)
    assert len(names) == 9
    assert "copy of 0.jpg" not in names
    pd.read_csv(plan).to_parquet(tmp_path / "plan.parquet")
    assert exported(work, tmp_path, plan=tmp_path / "plan.parquet") == names


def test_what_lies_in_a_file_that_goes_goes_with_it(tmp_path: Path) -> None:
    names = pd.Series(
        ["/a/film.mp4#t=0.0", "/a/b.tar!film.mp4#t=2.0", "/a/c.tar!x.jpg", "/a/d.jpg"]
    )
    rows = [("/a/film.mp4", "remove"), ("/a/b.tar", "remove"), ("/a/c.tar", "review")]
    plan = write_rows(tmp_path / "plan.csv", ("filename", "action"), rows)
    assert removed_by(plan, names).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    "content",
    [
        "filename,action\n/a.jpg,burn\n",
        "filename,action\n/a.jpg,keep\n",
        "filename,action\n/a.jpg\n",
        "a,b\n1,2\n",
    ],
)
def test_a_plan_that_is_none_or_of_another_run_is_refused(
    work: WorkDir, tmp_path: Path, content: str
) -> None:
    plan = tmp_path / "plan.csv"
    plan.write_text(content)
    with pytest.raises(PlanError):
        exported(work, tmp_path, plan=plan)


def test_corrections_replace_labels_and_splits(work: WorkDir, tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [("photo00.jpg", "wolf", ""), ("photo02.jpg", "", "test")]
    new = write_rows(tmp_path / "new.csv", ("filename", "label", "split"), rows)
    export_run(work, tmp_path / "a.csv", ExportOptions(format="csv", corrections=str(new)))
    table = read_annotations(str(tmp_path / "a.csv")).table
    known = table.assign(filename=table["filename"].map(os.path.basename)).set_index("filename")
    assert known.loc["photo00.jpg", ["label", "split"]].tolist() == ["wolf", "train"]
    assert known.loc["photo02.jpg", ["label", "split"]].tolist() == ["dog", "test"]


def test_crops_are_exported_as_annotations_that_a_run_reads(crops: WorkDir, tmp_path: Path) -> None:
    export_run(crops, tmp_path / "crops.csv", ExportOptions(format="csv"))
    found = read_annotations(str(tmp_path / "crops.csv"))
    assert found.has_boxes
    assert len(found.table) == 13
    first = found.table[found.table["filename"].str.endswith("photo00.jpg")].iloc[0]
    assert first[["col_x", "row_y", "width", "height"]].tolist() == [10, 20, 60, 50]
    assert found.table["x1"].notna().sum() == 1


def test_no_cell_of_a_csv_is_a_formula(work: WorkDir, tmp_path: Path) -> None:
    export_run(work, tmp_path / "a.csv", ExportOptions(format="csv"))
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert "'=cmd" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    assert "=cmd" in set(read_annotations(str(tmp_path / "a.csv")).table["label"])


def test_flags_are_no_texts_in_parquet(work: WorkDir, tmp_path: Path) -> None:
    export_run(work, tmp_path / "a.parquet", ExportOptions(format="parquet"))
    schema = pq.read_schema(tmp_path / "a.parquet")
    flags = ("is_issue", "conflict", "decided")
    assert {schema.field(f"label_issues.{name}").type for name in flags} == {pa.bool_()}
    assert not pd.read_parquet(tmp_path / "a.parquet")["label_issues.conflict"].any()


def test_a_list_leaves_out_names_with_line_breaks_and_says_so(
    work: WorkDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(work.path), str(tmp_path / "l.txt"), "--format", "list"]) == 3
    assert len(read_text_list(tmp_path / "l.txt")) == 9
    assert "9 images exported" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["csv", "list", "coco", "fastdup"])
def test_what_is_there_is_never_written_over(work: WorkDir, tmp_path: Path, kind: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("mine")
    for name in ("there", "there/file"):
        with pytest.raises(InvalidParameterError, match="is there already"):
            export_run(work, tmp_path / name, ExportOptions.model_validate({"format": kind}))
    assert (tmp_path / "there" / "file").read_text() == "mine"


def test_an_empty_folder_is_filled(work: WorkDir, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    export_run(work, tmp_path / "empty", ExportOptions(format="coco"))
    assert (tmp_path / "empty" / "annotations").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_pictures_are_not_exported_into_the_input(work: WorkDir, photos: Path) -> None:
    with pytest.raises(WorkDirInsideInputError):
        export_run(work, photos / "clean", ExportOptions(format="coco"))
    assert not (photos / "clean").exists()


def test_a_failed_export_leaves_nothing(
    work: WorkDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("imgvet.exchange.coco.write_json", full)
    with pytest.raises(ImgvetError, match="No space left"):
        export_run(work, tmp_path / "clean", ExportOptions(format="coco"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["yolo", "webdataset", "datumaro"])
def test_formats_that_hold_their_images_need_them(work: WorkDir, tmp_path: Path, kind: str) -> None:
    options = ExportOptions.model_validate({"format": kind, "images": "none"})
    with pytest.raises(InvalidParameterError, match="holds its images"):
        export_run(work, tmp_path / "x", options)


def test_links_are_links_and_copies_are_none(work: WorkDir, photos: Path, tmp_path: Path) -> None:
    own = photos / "photo02.jpg"
    for use, is_same in (("link", True), ("copy", False)):
        options = ExportOptions.model_validate({"format": "coco", "images": use})
        export_run(work, tmp_path / use, options)
        there = tmp_path / use / "images" / "photo02.jpg"
        assert there.read_bytes() == own.read_bytes()
        assert there.samefile(own) == is_same


def test_an_image_that_changed_since_the_run_is_left_out(
    photos: Path, tmp_path: Path, work: WorkDir
) -> None:
    changed, gone = photos / "photo02.jpg", photos / "photo03.jpg"
    kept = changed.read_bytes(), gone.read_bytes()
    try:
        changed.write_bytes((photos / "photo01.jpg").read_bytes())
        gone.unlink()
        found = export_run(work, tmp_path / "clean", ExportOptions(format="coco"))
    finally:
        changed.write_bytes(kept[0])
        gone.write_bytes(kept[1])
    assert found.images == 8
    assert [Path(name).name for name, *_ in found.left_out] == ["photo02.jpg", "photo03.jpg"]
    with (tmp_path / "clean" / "left_out.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 2


@pytest.mark.parametrize(
    "kind",
    ["csv", "parquet", "list", "coco", "yolo", "webdataset", "fiftyone", "datumaro", "fastdup"],
)
def test_the_same_run_gives_the_same_bytes(
    work: WorkDir, crops: WorkDir, tmp_path: Path, kind: str
) -> None:
    for source in (work, crops):
        found = []
        for number in range(2):
            target = tmp_path / str(number) / f"{source.part or 'whole'}"
            export_run(source, target, ExportOptions.model_validate({"format": kind}), 2)
            files = [target] if target.is_file() else sorted(target.rglob("*"))
            found.append({str(f.relative_to(target)): f.read_bytes() for f in files if f.is_file()})
        assert found[0] == found[1]
        assert found[0]
