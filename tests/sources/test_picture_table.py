"""Parquet and Arrow files of pictures are archives, whose rows are members."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgvet.reasons import Failure, Reason
from imgvet.sources import archive, picture_table
from imgvet.sources.containers import Member
from support.archives import archives_in
from support.pictures import jpeg, png, scene

PICTURES = [jpeg(scene(number, 64, 48)) for number in range(40)]
FEATURES = {
    "image": {"_type": "Image"},
    "kind": {"_type": "ClassLabel", "names": ["cat", "dog"]},
    "caption": {"dtype": "string", "_type": "Value"},
}


def table_of(columns: Mapping[str, Any], features: Mapping[str, Any] | None = None) -> pa.Table:
    """A table, as the library ``datasets`` writes it if there are features."""
    table = pa.table(dict(columns))
    stated = json.dumps({"info": {"features": features}})
    return table.replace_schema_metadata({"huggingface": stated} if features else None)


def as_structs(pictures: list[bytes | None]) -> list[dict[str, object]]:
    return [{"bytes": data, "path": f"{row}.jpg"} for row, data in enumerate(pictures)]


def labelled() -> pa.Table:
    rows = range(len(PICTURES))
    columns = {
        "image": as_structs([*PICTURES]),
        "kind": [row % 3 - 1 for row in rows],
        "caption": [f"picture {row}" for row in rows],
    }
    return table_of(columns, FEATURES)


def write(table: pa.Table, path: Path) -> Path:
    """A Parquet file, an Arrow stream (``.arrow``), or a file of Arrow (``.file.arrow``)."""
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=7)
        return path
    made = pa.ipc.new_file if path.name.endswith(".file.arrow") else pa.ipc.new_stream
    with pa.OSFile(str(path), "wb") as sink, made(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return path


def members_of(path: Path, tmp_path: Path) -> list[Member]:
    opened = archives_in(tmp_path / "store")
    opened.prepare(path)
    return opened.find(path).members() or []


@pytest.mark.parametrize(
    "name", ["train-00000-of-00002.parquet", "train.arrow", "train.file.arrow"]
)
def test_rows_are_members_with_label_split_and_metadata(tmp_path: Path, name: str) -> None:
    path = write(labelled(), tmp_path / name)
    members = members_of(path, tmp_path)
    opened = archives_in(tmp_path / "store")
    assert [member.name for member in members] == [f"{row:06}.jpg" for row in range(40)]
    assert [opened.read(str(path), member.name) for member in members] == PICTURES
    assert [member.label for member in members[:4]] == [None, "cat", "dog", None]
    assert json.loads(members[2].metadata or "") == {"caption": "picture 2", "path": "2.jpg"}
    assert opened.place(str(path), "000000.jpg") == {"member": "000000.jpg", "split": "train"}


def test_columns_of_bytes_are_pictures_if_their_names_say_so(tmp_path: Path) -> None:
    one, other = jpeg(scene(1)), png(scene(2))
    columns = {"image": [one], "png": [other], "thumbnail_hash": [b"abc"], "cls": ["cat"]}
    members = members_of(write(table_of(columns), tmp_path / "a.parquet"), tmp_path)
    assert [member.name for member in members] == ["000000/image.jpg", "000000/png.png"]
    assert {member.label for member in members} == {"cat"}


def test_categories_of_pandas_are_labels(tmp_path: Path) -> None:
    labels = pa.array(["cat", "dog"]).dictionary_encode()
    members = members_of(
        write(table_of({"image": PICTURES[:2], "label": labels}), tmp_path / "a.parquet"), tmp_path
    )
    assert [member.label for member in members] == ["cat", "dog"]


def test_sound_is_no_picture(tmp_path: Path) -> None:
    columns = {"audio": as_structs([b"RIFF", b"RIFF"]), "image": as_structs([*PICTURES[:2]])}
    table = table_of(columns, {"audio": {"_type": "Audio"}, "image": {"_type": "Image"}})
    members = members_of(write(table, tmp_path / "a.parquet"), tmp_path)
    assert [member.name for member in members] == ["000000.jpg", "000001.jpg"]


def test_what_is_not_known_is_no_label_and_no_metadata(tmp_path: Path) -> None:
    none = float("nan")
    columns = {"image": PICTURES[:3], "label": [1.5, none, 7.0], "score": [none, 2.0, none]}
    one, other, whole = members_of(write(table_of(columns), tmp_path / "a.parquet"), tmp_path)
    assert (one.label, one.metadata) == ("1.5", "{}")
    assert (other.label, other.metadata) == (None, '{"score": 2.0}')
    assert whole.label == "7"  # as annotations call it


def test_a_cell_without_a_picture_says_why(tmp_path: Path) -> None:
    table = table_of({"image": as_structs([PICTURES[0], None])})
    _, named = members_of(write(table, tmp_path / "a.parquet"), tmp_path)
    assert (named.status, named.detail) == (Reason.MISSING, "the table only names 1.jpg")
    (empty,) = members_of(write(table_of({"image": [b""]}), tmp_path / "b.parquet"), tmp_path)
    assert (empty.status, empty.detail) == (Reason.MISSING, "its cell is empty")


def test_a_table_without_pictures_has_no_members(tmp_path: Path) -> None:
    table = table_of({"filename": ["a.jpg"], "score": [0.5]})
    assert members_of(write(table, tmp_path / "a.parquet"), tmp_path) == []


@pytest.mark.parametrize("features", [[], {"image": 3}, {"kind": {"_type": "ClassLabel"}}, "x"])
def test_features_that_make_no_sense_are_passed_over(tmp_path: Path, features: Any) -> None:
    table = table_of({"image": PICTURES[:2], "kind": [0, 1]}, features or {"info": 1})
    assert len(members_of(write(table, tmp_path / "a.parquet"), tmp_path)) == 2


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.file.arrow"])
def test_damage_is_a_row(tmp_path: Path, name: str) -> None:
    path = write(labelled(), tmp_path / name)
    path.write_bytes(path.read_bytes()[:-700])
    *_, last = members_of(path, tmp_path)
    assert (last.name, last.status) == ("", Reason.ARCHIVE_DAMAGED)
    assert last.detail.startswith("from row ")


def test_a_reader_that_crashes_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "each_isolated", lambda *_: iter([CRASHED]))
    path = write(labelled(), tmp_path / "a.parquet")
    (row,) = members_of(path, tmp_path)
    assert row.status is Reason.DECODER_CRASHED


CRASHED = Failure(Reason.DECODER_CRASHED, "the process that decoded it ended with SIGSEGV")


def test_what_repeats_without_end_is_a_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "RATIO_FROM", 1 << 20)
    cells = pa.array([b"\xff\xd8" + bytes(1 << 16)] * 2000).dictionary_encode().cast(pa.binary())
    path = write(pa.table({"image": cells}), tmp_path / "a.parquet")
    *kept, last = members_of(path, tmp_path)
    assert last.status is Reason.ARCHIVE_BOMB
    assert 0 < len(kept) < 2000


def test_unpacking_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgvet.sources.containers.PART_MEMBERS", 10)
    path = write(labelled(), tmp_path / "a.parquet")
    whole = members_of(path, tmp_path)

    def stopped(*_: object) -> Any:
        for number, found in enumerate(picture_table.pictures_in(str(path))):
            if number == 25:
                raise KeyboardInterrupt
            yield found

    container = archives_in(tmp_path / "other").find(path)
    with monkeypatch.context() as patched:
        patched.setattr(archive, "each_isolated", stopped)
        with pytest.raises(KeyboardInterrupt):
            archives_in(tmp_path / "other").prepare(path)
    assert container.part(1).exists()
    assert not container.part(2).exists()
    archives_in(tmp_path / "other").prepare(path)
    assert container.members() == whole
