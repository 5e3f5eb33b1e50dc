"""Annotations in DataFrames, csv and parquet files."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imgvet.annotations.read import annotations_from, read_annotations, write_annotations
from imgvet.annotations.schema import COLUMNS, Annotations
from imgvet.crops.cutter import choose_cutter
from imgvet.engine.values import as_files
from imgvet.errors import InputNotFoundError, InputUnreadableError, InvalidParameterError
from imgvet.options import CropOptions, SourceOptions
from imgvet.spreadsheet import csv_bytes
from imgvet.tables import BOX_COLUMNS
from support.annotated import AnnotatedSet, draw_set


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> AnnotatedSet:
    return draw_set(tmp_path_factory.mktemp("set"), 36, boxes_each=10)


def read_text(folder: Path, text: str | bytes) -> Annotations:
    path = folder / "annotations.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_annotations(str(path))


def rows_of(found: Annotations) -> list[dict[str, Any]]:
    """The rows without their null columns."""
    rows = found.table.to_dict("records")
    return [{name: value for name, value in row.items() if not pd.isna(value)} for row in rows]


def test_all_ways_to_give_a_table_are_the_same(drawn: AnnotatedSet, tmp_path: Path) -> None:
    drawn.frame.to_csv(tmp_path / "a.csv", index=False)
    drawn.frame.to_csv(tmp_path / "indexed.csv")
    drawn.frame.to_parquet(tmp_path / "a.parquet")
    write_annotations(annotations_from(drawn.frame), tmp_path / "new" / "b.parquet")
    given = [annotations_from(drawn.frame), annotations_from(drawn.frame.to_dict("list"))]
    given += [annotations_from(drawn.frame.set_index("filename"))]
    for name in ("a.csv", "indexed.csv", "a.parquet", "new/b.parquet"):
        given.append(read_annotations(str(tmp_path / name)))
    for found in given:
        assert found.table.columns.tolist() == list(COLUMNS)
        assert found.table.equals(given[0].table)
        assert found.has_boxes
    assert given[0].table["filename"].tolist() == drawn.frame["filename"].tolist()
    assert given[0].table["row_y"].tolist() == drawn.frame["row_y"].tolist()
    assert len(drawn.frame) == 360


def test_a_dict_or_a_series_may_be_file_names_with_their_labels(tmp_path: Path) -> None:
    labels = {"a.jpg": "cat", "b.jpg": None, "c.jpg": 7}
    given = annotations_from(labels)
    assert given.table["filename"].tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    assert given.table["label"].astype(object).fillna("").tolist() == ["cat", "", "7"]
    series = as_files({"annotations": pd.Series(labels)}, tmp_path)
    assert read_annotations(series["annotations"]).table.equals(given.table)
    arrow = pa.table({"filename": list(labels), "label": ["cat", None, "7"]})
    frame = arrow.to_pandas().assign(split="val")
    for table in (arrow, frame.set_index(["filename", "split"])):
        file = as_files({"annotations": table}, tmp_path)["annotations"]
        found = read_annotations(file).table
        assert found.drop(columns="split").equals(given.table.drop(columns="split"))
    assert found["split"].eq("val").all()


def test_the_content_and_not_the_name_tells_what_a_file_is(tmp_path: Path) -> None:
    frame = pd.DataFrame({"filename": ["a.jpg"], "label": ["x"]})
    frame.to_parquet(tmp_path / "a.csv")
    frame.to_csv(tmp_path / "b.parquet", index=False)
    (tmp_path / "c").write_text('\ufeff\n {"images": [{"id": 1, "file_name": "a.jpg"}]}')
    assert rows_of(read_annotations(str(tmp_path / "a.csv"))) == [
        {"filename": "a.jpg", "label": "x"}
    ]
    assert rows_of(read_annotations(str(tmp_path / "b.parquet"))) == rows_of(
        annotations_from(frame)
    )
    assert rows_of(read_annotations(str(tmp_path / "c"))) == [{"filename": "a.jpg"}]


@pytest.mark.parametrize(
    "text",
    [
        "filename,label,col_x,row_y,width,height\na.jpg,7,1.5,2,30,40\nb.jpg,,,,,\n",
        "\ufefffilename,label,col_x,row_y,width,height\r\na.jpg,7,1.5,2,30,40\r\nb.jpg\r\n",
        "\n\n  Filename , LABEL,col_x, row_y,width,height\n\n a.jpg , 7,1.5 ,2, 30,40 \n  \nb.jpg,",
        "filename;label;col_x;row_y;width;height\na.jpg;7;1,5;2;30;40,0\nb.jpg;;;;;\n",
        "filename\tlabel\tcol_x\trow_y\twidth\theight\na.jpg\t7\t1.5\t2\t3e1\t40\nb.jpg\t\t\t\t\t\n",
        'height|width|row_y|col_x|label|filename\n40|30|2|"1.5"|7|a.jpg\nNaN|null|NA||| "b.jpg"\n',
        "filename,label,col_x,row_y,width,height,\na.jpg,7,1.5,2,30,40,\nb.jpg,,,nan,None,,,,\n",
        "file_name,width,height,label,XMin,YMin,x_max,y_max\na.jpg,640,480,7,1.5,2,31.5,42\nb.jpg,",
        "image,class,left,top,right,bottom\na.jpg,7,1.5,2,31.5,42\nb.jpg,,,,,\n",
        "image,width,height,class,left,top,right,bottom\na.jpg,640,480,7,1.5,2,31.5,42\nb.jpg,",
        '{"file_name": "a.jpg", "label": 7, "xmin": 1.5, "ymin": 2, "xmax": 31.5, "ymax": 42}\n'
        '\n{"file_name": "b.jpg", "objects": {"bbox": []}}\n',
        '[{"filename": "a.jpg", "label": 7.0, "col_x": 1.5, "row_y": 2, "width": 30, "height": 40},'
        ' {"filename": "b.jpg"}]',
    ],
)
def test_csv_as_people_write_it(tmp_path: Path, text: str) -> None:
    box = {"col_x": 1.5, "row_y": 2.0, "width": 30.0, "height": 40.0}
    expected = [{"filename": "a.jpg", "label": "7", **box}, {"filename": "b.jpg"}]
    assert rows_of(read_text(tmp_path, text)) == expected
    assert rows_of(read_text(tmp_path, text.removeprefix("\ufeff").encode("utf-16"))) == expected


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1)


@settings(max_examples=50)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=20))
@example([("'=a.jpg", "=1+1"), ("'b.jpg", "'s-Gravenhage"), ("-c.jpg", "''")])
def test_any_names_and_labels_survive_csv_and_parquet(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    frame = pd.DataFrame(rows, columns=["filename", "label"])
    (folder / "a.csv").write_bytes(csv_bytes(frame))
    write_annotations(annotations_from(frame), folder / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        table = read_annotations(str(folder / name)).table
        assert list(zip(table["filename"].tolist(), table["label"].tolist(), strict=True)) == rows
    assert read_annotations(str(folder / "a.parquet")).source == "annotations"


def test_many_rows_keep_their_order(tmp_path: Path) -> None:
    frame = pd.DataFrame({"filename": [f"{n * 7919 % 5000:05d}.jpg" for n in range(5000)]})
    frame["label"] = [f"{n:03d}" for n in range(5000)]
    frame.to_csv(tmp_path / "a.csv", index=False)
    table = read_annotations(str(tmp_path / "a.csv")).table
    assert table["filename"].tolist() == frame["filename"].tolist()
    assert table["label"].tolist() == frame["label"].tolist()


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([7, 12], ["7", "12"]),
        ([7.0, None], ["7", None]),
        ([7.25, 1e20], ["7.25", "1e+20"]),
        ([True, False], ["True", "False"]),
        (["", "007"], [None, "007"]),
        ([7, "cat"], ["7", "cat"]),
        ([pd.NA, "nan"], [None, "nan"]),
        (pd.Categorical(["b", "a"]), ["b", "a"]),
        (pd.array([3, None], "Int64"), ["3", None]),
        (np.array([1, 2], np.uint8), ["1", "2"]),
    ],
)
def test_labels_are_text_as_a_person_would_write_it(
    labels: Any, expected: list[str | None]
) -> None:
    frame = pd.DataFrame({"filename": [Path("a"), Path("b")], "label": labels})
    table = annotations_from(frame).table
    labels_read = table["label"].astype(object)
    assert labels_read.where(labels_read.notna(), None).tolist() == expected
    assert table["filename"].tolist() == ["a", "b"]


def test_boxes_that_are_not_as_they_should_be_stay_for_the_pictures_to_judge() -> None:
    frame = pd.DataFrame(
        {
            "filename": ["negative", "partial", "infinite", "none", "text"],
            "col_x": [-5, 1, math.inf, None, "3"],
            "row_y": [0, None, 0, None, " 4 "],
            "width": [-1, 3, 3, None, "na"],
            "height": [0, 3, 3, math.nan, None],
        }
    )
    boxes = annotations_from(frame).table[list(BOX_COLUMNS)].to_numpy()
    expected = [
        (-5, 0, -1, 0),
        (1, math.nan, 3, 3),
        (math.inf, 0, 3, 3),
        (math.nan,) * 4,
        (3, 4, math.nan, math.nan),
    ]
    assert np.array_equal(boxes, expected, equal_nan=True)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("label,split", r"no column filename; its columns are 'label', 'split'\. Give"),
        ("/a.jpg,cat", "no column filename"),
        ("file_nam,label", r"unknown column 'file_nam'\. Did you mean 'filename'"),
        ("filename,lable", "unknown column 'lable'. Did you mean 'label'"),
        ("Image,Image", "has the column filename twice"),
        (
            "id,breed,,size",
            "tells no label, split or box; its columns are 'id', 'breed', '', 'size'",
        ),
        ("filename,splits", "unknown column 'splits'. Did you mean 'split'"),
        ("filename,col_x,row_y,with,height", "unknown column 'with'. Did you mean 'width'"),
        ("filename,x,y,width,height", "has width, height but no col_x, row_y"),
        ("filename,x,y,w,h", "has width, height but no col_x, row_y"),
        ("filename,xmin,xmax,ymin", "has xmin, ymin, xmax but no ymax"),
        ("filename,x1,y1,x2,y2,x3,y3,x4", "but no y4. Give all of x1, y1"),
        ("filename,label,Label", "has the column label twice"),
    ],
)
def test_wrong_columns_are_named_with_what_was_meant(
    tmp_path: Path, columns: str, message: str
) -> None:
    row = ",".join("1" for _ in columns.split(","))
    with pytest.raises(InvalidParameterError, match=message) as raised:
        read_text(tmp_path, f"{columns}\n{row}\n")
    assert "\n" not in str(raised.value)
    with pytest.raises(InvalidParameterError, match=message):
        annotations_from(pd.DataFrame([row.split(",")], columns=columns.split(",")))


def test_columns_of_another_meaning_are_ignored(tmp_path: Path) -> None:
    for more, values in (("x", "9"), ("width,height", "640,480")):
        text = f"image_id,filename,score,label,class,{more}\n3,a.jpg,0.5,cat,animal,{values}\n"
        found = read_text(tmp_path, text)
        assert rows_of(found) == [{"filename": "a.jpg", "label": "cat"}]


@pytest.mark.parametrize(
    "text",
    [
        "id,label\na,7\n",
        "ImageID,LabelName\na,7\n",
        "class,Path,fold\n7,a,\n",
        '[{"image": "a", "choice": 7, "id": 3}]',
    ],
)
def test_columns_are_known_by_what_people_call_them(text: str, tmp_path: Path) -> None:
    assert rows_of(read_text(tmp_path, text)) == [{"filename": "a", "label": "7"}]


def test_columns_of_python_are_known_by_what_people_call_them() -> None:
    found = annotations_from({"image": ["a.jpg"], "class": [7]})
    assert rows_of(found) == [{"filename": "a.jpg", "label": "7"}]


def test_half_a_surrogate_pair_is_spelt_out(tmp_path: Path) -> None:
    name = '"file_name": "\\ud800.jpg"'
    coco = f'{{"images": [{{"id": 1, {name}}}], "categories": [{{"id": 1, "name": "a\\udfff"}}]'
    for text in (
        f"[{{{name}}}]",
        f'{coco}, "annotations": [{{"image_id": 1, "category_id": 1}}]}}',
    ):
        found = read_text(tmp_path, text)
        assert found.table["filename"].tolist() == ["\\ud800.jpg"]
    assert found.table["label"].tolist() == ["a\\udfff"]
    assert found.classes == ("a\\udfff",)


def test_boxes_may_be_shares_of_the_picture(tmp_path: Path) -> None:
    text = "ImageID,XMin,XMax,YMin,YMax\na,0.1,0.9,0.2,1.0\nb,0.5,{},0,1\n"
    assert read_text(tmp_path, text.format("1")).in_shares
    assert not read_text(tmp_path, text.format("100")).in_shares
    assert not read_text(tmp_path, "filename,label\na,b").in_shares


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filename,label\na.jpg,1\n,2\nb.jpg,3\n,4\n", "2 rows .* without a filename, .* row 2"),
        (
            "filename,label\na.jpg,x,y\nb.jpg,x\nc,d,,f\n",
            r"2 rows .*more than 2 cells \('a.jpg', 'c'\)",
        ),
        (
            "filename,col_x,row_y,width,height\na,1,2,3,4\nb,1,2,x,4\nc,1,2,3px,4\n",
            r"2 values of the column width .* instead of numbers \('x', '3px'",
        ),
        ('filename,col_x,row_y,width,height\na,1.5,2,3,4\nb,1,2,"1,5",4\n', "instead of numbers"),
        ("", "no column filename; its columns are none"),
    ],
)
def test_wrong_rows_are_counted_and_shown(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        read_text(tmp_path, text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"filename,label\n\xff\xfe.jpg,x\n", "not CSV .*utf-8"),
        (b'filename,label\n"a.jpg,x\nb.jpg,y\n', "not CSV"),
        (b"filename,label\na.jpg,x,,,,,\n", "not CSV .*in line 2, saw 7.*in double quotes"),
        (b"PAR1 and no more", "not Parquet"),
        (b'{"images": [', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"file_name": "a.jpg"}\n{"file', "not JSON"),
        (b"PK\x03\x04" + bytes(9), r"no text \(a zip archive\)"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputUnreadableError, match=message) as raised:
        read_text(tmp_path, content)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("instances_train2017.json.csv", "val.csv"), ["train", "val"]),
        (("train/labels.csv", "Valid/labels.csv"), ["train", "Valid"]),
        (("latest/a.csv", "test/b.csv"), [None, None]),
    ],
)
def test_each_of_several_files_may_be_that_of_a_split(
    names: tuple[str, str], splits: list[str | None], tmp_path: Path
) -> None:
    files = [tmp_path / name for name in names]
    for number, file in enumerate(files):
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"filename,label\n{number}.jpg,cat\n")
    found = read_annotations(*map(str, files))
    assert found.source == f"{files[0]} and {files[1]}"
    assert found.table["filename"].tolist() == ["0.jpg", "1.jpg"]
    assert [row.get("split") for row in rows_of(found)] == splits
    assert not read_annotations(str(files[0])).table["split"].notna().any()
    files[1].write_text(f"filename\n{'long' * 100}.jpg\n")
    assert len(read_annotations(*map(str, files)).table) == 2
    files[1].write_text("filename,split\n1.jpg,mine\n2.jpg,\n")
    (files[1].parent / "1.jpg").touch()
    found = read_annotations(*map(str, files))
    assert found.table["filename"].tolist()[1:] == [f"{files[1].parent}/{n}.jpg" for n in (1, 2)]
    assert [row.get("split") for row in rows_of(found)] == [splits[0], "mine", splits[1]]


def test_what_is_no_file(tmp_path: Path) -> None:
    for source, message in (
        (tmp_path / "no.csv", "do not exist"), (tmp_path, "hold no .xml file"),
        (Path("/dev/null"), "are no file"),
    ):  # fmt: skip
        with pytest.raises(InputNotFoundError, match=message):
            read_annotations(str(source))
    with pytest.raises(InvalidParameterError, match="are a YOLO data set"):
        read_annotations("data.yaml")
    with pytest.raises(InvalidParameterError, match="not a local file"):
        read_annotations("s3://bucket/a.csv")
    with pytest.raises(InvalidParameterError, match="annotations is no table"):
        annotations_from({"filename": ["a", "b"], "label": ["x"]})


@pytest.mark.parametrize("column", ["label", "col_x"])
def test_values_of_a_wrong_kind_are_refused(column: str) -> None:
    frame = pd.DataFrame({"filename": ["a"], "label": ["x"], **dict.fromkeys(BOX_COLUMNS, 1.0)})
    frame[column] = [["several", "values"]]
    with pytest.raises(InvalidParameterError, match=f"The column {column} of annotations holds no"):
        annotations_from(frame)


def test_parquet_columns_that_mean_nothing_are_not_read(tmp_path: Path) -> None:
    table = pa.table({"image": [{"bytes": b"x"}], "filename": ["a.jpg"], "label": [3]})
    pq.write_table(table, tmp_path / "a.parquet")
    found = read_annotations(str(tmp_path / "a.parquet"))
    assert rows_of(found) == [{"filename": "a.jpg", "label": "3"}]


def test_boxes_mean_crops_unless_something_else_is_asked_for() -> None:
    columns: dict[str, Any] = {"filename": ["a.jpg", "b.jpg"]}
    plain = annotations_from(columns)
    empty = annotations_from({**columns, **{name: [None, None] for name in BOX_COLUMNS}})
    boxed = annotations_from({**columns, **{name: [None, 3] for name in BOX_COLUMNS}})
    corners = {f"{axis}{n}": [None, 1.5] for n in range(1, 5) for axis in "xy"}
    rotated = annotations_from({**columns, **corners})
    for found, has_boxes in ((plain, False), (empty, False), (boxed, True), (rotated, True)):
        assert found.has_boxes == has_boxes
        for data_type in ("infer", "image"):
            cutter = choose_cutter(
                SourceOptions(input_dir=("photos",)), found, data_type, CropOptions()
            )
            assert (cutter is not None) == (has_boxes and data_type == "infer")
    assert (
        choose_cutter(SourceOptions(input_dir=("photos",)), boxed, "bbox", CropOptions())
        is not None
    )
    with pytest.raises(
        InvalidParameterError, match="data_type is bbox, but annotations holds no box"
    ):
        choose_cutter(SourceOptions(input_dir=("photos",)), empty, "bbox", CropOptions())


def test_reading_warns_of_nothing(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_text(tmp_path, "filename,label\na.jpg,\n")
