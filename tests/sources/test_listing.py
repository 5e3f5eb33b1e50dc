"""From inputs to the list of items."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.errors import InputEmptyError, InputNotFoundError, InvalidParameterError
from imgvet.options import SourceOptions
from imgvet.sources.inputs import find_inputs, list_items
from imgvet.sources.listing import LISTING_SCHEMA, Entry, listing_of, select, with_digests
from imgvet.store.files import SCHEMA, FileKey
from imgvet.tables import to_frame
from imgvet.workdir import WorkDir

WORK = WorkDir(Path("no work dir is needed for loose images"))


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 100)


def names(folder: Path, **options: object) -> list[str]:
    table = list_items(SourceOptions(input_dir=(str(folder),), **options), WORK)
    return [os.path.relpath(name, folder) for name in table.column("filename").to_pylist()]


def test_a_folder_is_listed_with_all_below_it_in_order(tmp_path: Path) -> None:
    touch(tmp_path / "b.JPG", tmp_path / "a" / "z.png", tmp_path / "a" / "deep" / "y.webp")
    touch(tmp_path / "notes.txt", tmp_path / "jpg")
    assert names(tmp_path) == ["a/deep/y.webp", "a/z.png", "b.JPG"]


def test_ids_count_in_order_of_listing(tmp_path: Path) -> None:
    touch(*(tmp_path / f"{number}.jpg" for number in range(12)))
    table = list_items(SourceOptions(input_dir=(str(tmp_path),)), WORK)
    assert table.schema == LISTING_SCHEMA
    assert table.column("id").to_pylist() == list(range(12))


def test_folders_and_files_mix_and_each_file_counts_once(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "1.jpg", tmp_path / "b" / "2.dat")
    inputs = (str(tmp_path / "a"), str(tmp_path / "a" / "1.jpg"), str(tmp_path / "b" / "2.dat"))
    table = list_items(SourceOptions(input_dir=inputs), WORK)
    assert [Path(name).name for name in table.column("filename").to_pylist()] == ["1.jpg", "2.dat"]


def test_a_relative_input_gives_absolute_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "photos" / "1.jpg")
    monkeypatch.chdir(tmp_path)
    table = list_items(SourceOptions(input_dir=("photos",)), WORK)
    assert table.column("filename").to_pylist() == [str(tmp_path / "photos" / "1.jpg")]
    assert table.column("source").to_pylist() == ["photos"]


def test_regex_subset_slice_and_limit(tmp_path: Path) -> None:
    touch(*(tmp_path / f"{number}.jpg" for number in range(9)))
    assert names(tmp_path, find_regex=r"[135]\.jpg$") == ["1.jpg", "3.jpg", "5.jpg"]
    assert names(tmp_path, subset=(str(tmp_path / "4.jpg"),)) == ["4.jpg"]
    assert names(tmp_path, min_offset=2, max_offset=5) == ["2.jpg", "3.jpg", "4.jpg"]
    assert names(tmp_path, min_offset=2, num_images=1) == ["2.jpg"]


@given(
    st.sets(st.text("abc123", min_size=1, max_size=4), min_size=1, max_size=30),
    st.integers(1, 30),
)
def test_slices_of_any_width_make_up_the_whole(stems: set[str], width: int) -> None:
    entries = [Entry(f"/{stem}.jpg", "/") for stem in stems]
    whole = select(entries, SourceOptions(input_dir=("/",)))
    parts = [
        select(entries, SourceOptions(input_dir=("/",), min_offset=start, max_offset=start + width))
        for start in range(0, len(entries), width)
    ]
    assert [entry for part in parts for entry in part] == whole


def test_a_subset_outside_the_input_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path / "1.jpg")
    with pytest.raises(InputNotFoundError, match=r"1 of the 2 images of subset"):
        names(tmp_path, subset=(str(tmp_path / "1.jpg"), str(tmp_path / "2.jpg")))


def test_a_bad_regex_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path / "1.jpg")
    with pytest.raises(InvalidParameterError, match="find_regex"):
        names(tmp_path, find_regex="(")


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path / "notes.txt")
    with pytest.raises(InputEmptyError, match=r"Images are files that end in .*\.jpg"):
        names(tmp_path)


def test_nothing_left_names_what_left_nothing(tmp_path: Path) -> None:
    touch(tmp_path / "1.jpg")
    with pytest.raises(InputEmptyError, match="Check find_regex and tar_only"):
        names(tmp_path, find_regex="zzz", tar_only=True)


def test_a_missing_input_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="does not exist"):
        names(tmp_path / "nowhere")


def test_empty_and_small_files_get_their_reason(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"")
    table = list_items(SourceOptions(input_dir=(str(tmp_path),), min_file_size=101), WORK)
    assert table.column("status").to_pylist() == ["small_file", "empty_file"]


def test_a_known_file_keeps_its_digest_and_a_changed_one_does_not(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "b.jpg")
    known = []
    for name in ("a.jpg", "b.jpg"):
        status = (tmp_path / name).stat()
        key = FileKey(str(tmp_path / name), status.st_size, status.st_mtime_ns)
        known.append({**key._asdict(), "digest": f"digest of {name}"})
    os.utime(tmp_path / "b.jpg", ns=(1, 1))
    index = to_frame(pa.Table.from_pylist(known, SCHEMA))
    table = with_digests(list_items(SourceOptions(input_dir=(str(tmp_path),)), WORK), index)
    assert table.column("digest").to_pylist() == ["digest of a.jpg", None]


def mixed(folder: Path, **options: Any) -> SourceOptions:
    for name in ("a.mp4", "b.tar", "c.jpg", "notes.txt"):
        (folder / name).write_bytes(b"x")
    return SourceOptions(input_dir=(str(folder),), **options)


@pytest.mark.parametrize(
    ("options", "compressed", "listed"),
    [
        ({}, ["a.mp4", "b.tar"], ["a.mp4", "b.tar", "c.jpg"]),
        ({"tar_only": True}, ["a.mp4", "b.tar"], ["a.mp4", "b.tar"]),
        ({"no_archives": True}, [], ["c.jpg"]),
    ],
)
def test_archives_videos_and_images_mix_unless_some_are_ignored(
    tmp_path: Path, options: dict[str, bool], compressed: list[str], listed: list[str]
) -> None:
    sources = mixed(tmp_path, **options)
    inputs = find_inputs(sources)
    assert inputs.compressed == tuple(str(tmp_path / name) for name in compressed)
    assert (inputs.listing is None) == bool(compressed)
    items = list_items(sources, WorkDir(tmp_path / "out"))
    assert items["path"].to_pylist() == [str(tmp_path / name) for name in listed]


def test_loose_images_alone_are_listed_at_once(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "b.jpg")
    inputs = find_inputs(SourceOptions(input_dir=(str(tmp_path),)))
    assert (inputs.remote, inputs.compressed) == ((), ())
    assert inputs.listing is not None
    assert inputs.listing.num_rows == 2


def test_files_with_other_endings_are_counted_and_told_where_there_is_nothing_else(
    tmp_path: Path,
) -> None:
    others = [f"{name}.{name}" for name in "abcdef"] + ["b.b.B", ".hidden", "dir/a.TXT", "b.txt"]
    (tmp_path / "dir").mkdir()
    touch(*(tmp_path / name for name in others))
    sources = SourceOptions(input_dir=(str(tmp_path),))
    with pytest.raises(
        InputEmptyError, match=r"No image in .*, but 2 \.b, 2 \.txt, 1 \.a, 1 \.c, "
    ):
        find_inputs(sources)
    touch(tmp_path / "a.jpg", tmp_path / "b.zip")
    expected = {".b": 2, ".txt": 2, ".a": 1, ".c": 1, ".d": 1, "more": 3}
    assert find_inputs(sources).other_files == expected


def test_where_the_first_files_of_a_bucket_hold_nothing_the_number_of_them_is_named() -> None:
    with pytest.raises(InputEmptyError, match=r"No image of s3://b is left\. Check num_images"):
        listing_of([], SourceOptions(input_dir=("s3://b",), num_images=1))
    with pytest.raises(InputEmptyError, match="No image in photos"):
        listing_of([], SourceOptions(input_dir=("photos",), num_images=1))


@pytest.mark.parametrize(
    ("asked", "enough"),
    [
        ({"num_images": 3, "min_offset": 2}, 5),
        ({"num_images": 3, "find_regex": "a"}, None),
        ({}, None),
    ],
)
def test_not_all_archives_are_unpacked_for_a_few_images(
    tmp_path: Path, asked: dict[str, Any], enough: int | None
) -> None:
    assert find_inputs(mixed(tmp_path, **asked)).enough == enough
    listed = tmp_path / "some.txt"
    listed.write_text(f"{tmp_path / 'b.tar'}\n")
    sources = SourceOptions(input_dir=(str(listed),), **asked)
    assert find_inputs(sources).enough is None, "a list may name one of all that it holds"
