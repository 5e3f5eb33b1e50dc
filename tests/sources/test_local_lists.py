"""Text and CSV files that list images."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgvet.errors import InputUnreadableError, ListFileError
from imgvet.sources.local import read_csv_list, read_text_list


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_text_rows(tmp_path: Path) -> None:
    rows = '/a/1.jpg\n\n  \n/b/#2 x.png  \r\n"/c/3.jpg"\r'
    names = read_text_list(write(tmp_path / "list.txt", rows))
    assert names == ("/a/1.jpg", "/b/#2 x.png", "/c/3.jpg")


def test_rows_may_lie_in_buckets(tmp_path: Path) -> None:
    rows = ("s3://bucket/4.jpg", "S3://bucket/4.jpg", "minio://h:9/b/5", "minio+http://h:9/b/6")
    path = write(tmp_path / "list", "\n".join(rows))
    assert read_text_list(path) == read_csv_list(path) == rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "list", "/é/日.jpg\r\n/b.jpg\r\n".encode(encoding))
    assert read_text_list(path) == read_csv_list(path) == ("/é/日.jpg", "/b.jpg")


def test_bytes_that_are_not_utf8_name_files_as_well(tmp_path: Path) -> None:
    (name,) = read_text_list(write(tmp_path / "list", b"/a/\xff.jpg\n"))
    assert name.encode("utf-8", "surrogateescape") == b"/a/\xff.jpg"


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1))
)
def test_any_printable_paths_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    path = tmp_path_factory.mktemp("lists") / "list"
    paths = tuple(f"/{name}" for name in names)
    assert read_text_list(write(path, "\n".join(paths))) == paths
    quoted = "\n".join(f'''"{name.replace('"', '""')}"''' for name in paths)
    assert read_csv_list(write(path, f"filename\n{quoted}\n")) == paths


def test_relative_paths_are_counted_and_shown(tmp_path: Path) -> None:
    for read in (read_text_list, read_csv_list):
        path = write(tmp_path / "list", "/a.jpg\nb.jpg\n./c.jpg\nd.jpg\ne.jpg\n")
        with pytest.raises(
            ListFileError, match=r"4 relative paths .*\('b.jpg', './c.jpg', 'd.jpg'\)"
        ):
            read(path)


def test_csv(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'Filename\r\n/a/1\r\n\r\n"/b,c/2.xyz"\r\n"/d""e.jpg"\r\n')
    assert read_csv_list(path) == ("/a/1", "/b,c/2.xyz", '/d"e.jpg')
    assert read_csv_list(write(path, "/a/1.jpg")) == ("/a/1.jpg",)
    assert read_csv_list(write(path, "")) == ()


def test_a_second_column_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "filename,label\n/a.jpg,cat\n")
    with pytest.raises(ListFileError, match=r"2 rows .*more than one column"):
        read_csv_list(path)


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0\0\x10JFIF\n", b"\xff\xfea\0\0\xdc"])
def test_what_is_not_text_is_an_error(tmp_path: Path, content: bytes) -> None:
    for read in (read_text_list, read_csv_list):
        with pytest.raises(InputUnreadableError, match="not text"):
            read(write(tmp_path / "list", content))


def test_a_missing_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadableError, match="can't be read"):
        read_text_list(tmp_path / "nothing.txt")
