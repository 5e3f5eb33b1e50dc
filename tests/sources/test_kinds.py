"""What a named input is."""

from __future__ import annotations

import bz2
from pathlib import Path

import pytest

from imgvet.errors import InputNotFoundError, InvalidParameterError
from imgvet.sources.archive import identify_archive
from imgvet.sources.inputs import kind_of_input
from imgvet.sources.kinds import Kind, is_image_name, kind_of_name, plain_name
from support.archives import write_any, write_tar


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("s3://bucket/x.tar", Kind.S3),
        ("S3://bucket/photos", Kind.S3),
        ("minio://host:9000/bucket", Kind.MINIO),
        ("Minio+HTTP://host:9000/bucket", Kind.MINIO),
        ("/a/b.TAR", Kind.ARCHIVE),
        ("/a/b.tar.gz", Kind.ARCHIVE),
        ("b.tgz", Kind.ARCHIVE),
        ("b.zip", Kind.ARCHIVE),
        ("train-00000-of-00002.parquet", Kind.ARCHIVE),
        ("b.Arrow", Kind.ARCHIVE),
        ("b.Mp4", Kind.VIDEO),
        ("b.m4v", Kind.VIDEO),
        ("b.txt", Kind.TEXT_LIST),
        ("b.csv", Kind.CSV_LIST),
        ("b.yml", Kind.YOLO),
        ("b.jpg", Kind.IMAGE),
        ("b.gz", Kind.IMAGE),
        ("b", Kind.IMAGE),
    ],
)
def test_kinds_by_name(name: str, kind: Kind) -> None:
    assert kind_of_name(name) is kind


def test_browsers_and_face_sets_have_endings_of_their_own() -> None:
    names = ("a.JFIF", "a.jpe", "a.pgm", "a.ppm", "a.svg", "a.xjpg", "jpg", ".jpg")
    assert [is_image_name(name) for name in names] == [True] * 4 + [False] * 4


def test_the_time_of_a_frame_is_written_in_one_way() -> None:
    for time, plain in (("2", "2.0"), ("2.00", "2.0"), ("0.0333", "0.033"), ("12.5", "12.5")):
        assert plain_name(f"a.zip!b.MP4#t={time}") == f"a.zip!b.MP4#t={plain}"
    for name in ("a.mp4", "a.jpg#t=2", "a.mp4#t=1.2.3", "a.mp4#t=9999999999", "a.mp4#t=2&xywh=1"):
        assert plain_name(name) == name


def test_what_lies_on_disk(tmp_path: Path) -> None:
    (tmp_path / "folder.tar").mkdir()
    (tmp_path / "photo").write_bytes(b"\xff\xd8")
    assert kind_of_input(str(tmp_path / "folder.tar")) is Kind.FOLDER
    assert kind_of_input(str(tmp_path / "photo")) is Kind.IMAGE
    assert kind_of_input("s3://bucket") is Kind.S3
    with pytest.raises(InputNotFoundError, match="does not exist"):
        kind_of_input(str(tmp_path / "nothing.zip"))


def test_an_archive_has_to_be_named_as_one(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "data.bin", {"a.jpg": b"x"})
    with pytest.raises(InvalidParameterError, match=r"Rename it to end in one of \.tar"):
        kind_of_input(str(path))


def test_an_archive_that_is_not_read_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "data.tar.bz2"
    path.write_bytes(bz2.compress(b"x"))
    with pytest.raises(InvalidParameterError, match="is a bzip2 archive, which is not read"):
        kind_of_input(str(path))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.tar", "tar"), ("a.tgz", "gzipped tar"), ("a.zip", "zip")],
)
@pytest.mark.parametrize("contents", [{}, {"a.jpg": b"x" * 3000}])
def test_content_decides_which_archive_it_is(
    tmp_path: Path, name: str, kind: str, contents: dict[str, bytes]
) -> None:
    assert identify_archive(write_any(tmp_path / name, contents).read_bytes()) == kind


def test_what_is_no_archive() -> None:
    for data in (b"", b"\0" * 100, b"\xff\xd8" * 400, b"PK", b"x" * 512):
        assert identify_archive(data) is None
