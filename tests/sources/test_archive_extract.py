"""Unpacking gzipped tars: resumable, and safe against bombs."""

from __future__ import annotations

import gzip
import os
import struct
import zipfile
from pathlib import Path

import pytest

from imgvet.reasons import Reason
from imgvet.sources import archive
from imgvet.sources.containers import Member, Parts
from imgvet.sources.local import walk_file
from support.archives import archives_in, patch_directory, write_any, write_tar, write_zip


class KilledError(Exception):
    """Stands for the end of the process."""


def kill_after(monkeypatch: pytest.MonkeyPatch, members: int) -> list[Member]:
    """Let the unpacking die when it has added a number of members, which are returned."""
    added: list[Member] = []
    real = Parts.add

    def add(self: Parts, member: Member, *content: bytes) -> None:
        if len(added) == members:
            raise KilledError
        added.append(member)
        real(self, member, *content)

    monkeypatch.setattr(Parts, "add", add)
    return added


@pytest.fixture
def images() -> dict[str, bytes]:
    return {f"{number:03d}.jpg": os.urandom(400) for number in range(100)}


@pytest.fixture
def interrupted(tmp_path: Path, images: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gzipped tar that was unpacked up to member 57, of which 50 are in complete parts."""
    path = write_tar(tmp_path / "a.tgz", images, "w:gz")
    with monkeypatch.context() as patch:
        patch.setattr("imgvet.sources.containers.PART_MEMBERS", 10)
        kill_after(patch, 57)
        with pytest.raises(KilledError):
            archives_in(tmp_path / "store").prepare(path)
    return path


def test_an_interrupted_unpacking_is_not_taken_for_a_whole_one(interrupted: Path) -> None:
    (entry,) = archives_in(interrupted.parent / "store").entries(walk_file(interrupted, "in"))
    assert entry.status is Reason.MISSING


@pytest.mark.parametrize(("index", "left"), [(None, 50), (b"damaged", 100)])
def test_unpacking_is_resumed_unless_it_was_done(
    interrupted: Path,
    images: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    index: bytes | None,
    left: int,
) -> None:
    added = kill_after(monkeypatch, 101)
    reader = archives_in(interrupted.parent / "store")
    if index is not None:
        reader.find(interrupted).index.write_bytes(index)
    assert reader.prepare(interrupted) == 100
    assert len(added) == left
    for name, data in images.items():
        assert reader.read(str(interrupted), name) == data


def test_resumed_members_are_not_written_again(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = interrupted.parent / "store"
    folder = archives_in(store).find(interrupted).folder
    before = {file.name: file.stat().st_ino for file in folder.glob("part-*.bin")}
    assert len(before) == 5
    kill_after(monkeypatch, 50)
    archives_in(store).prepare(interrupted)
    after = {file.name: file.stat().st_ino for file in folder.glob("part-*.bin")}
    assert before.items() < after.items()
    assert not list(folder.glob(".*"))


def test_a_damaged_part_is_filled_again(
    interrupted: Path, images: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = archives_in(interrupted.parent / "store")
    folder = reader.find(interrupted).folder
    (folder / "part-00002.bin").write_bytes(b"cut")
    (folder / "part-00004.parquet").write_bytes(b"cut")
    added = kill_after(monkeypatch, 101)
    assert reader.prepare(interrupted) == 100
    assert len(added) == 80
    assert all(reader.read(str(interrupted), name) == images[name] for name in images)


def test_a_full_disk_is_an_error_and_not_a_row(
    tmp_path: Path, images: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tar(tmp_path / "a.tgz", images, "w:gz")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Parts, "close_part", full)
    with pytest.raises(OSError, match="No space"):
        archives_in(tmp_path / "store").prepare(path)


BOMB = b"\0" * 3_000_000


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ratio counts from a megabyte on."""
    monkeypatch.setattr(archive, "RATIO_FROM", 1_000_000)


@pytest.mark.parametrize("ending", [".tgz", ".zip"])
@pytest.mark.parametrize("name", ["bomb.bmp", "no_image"])
@pytest.mark.usefixtures("strict")
def test_a_bomb_is_a_row_and_what_came_before_it_stays(
    tmp_path: Path, ending: str, name: str
) -> None:
    path = write_any(tmp_path / f"a{ending}", {"1.jpg": b"fine", name: BOMB, "2.jpg": b"late"})
    archives = archives_in(tmp_path / "store")
    items = archives.prepare(path)
    rows = {Path(e.filename).name: e for e in archives.entries(walk_file(path, "in"))}
    assert rows[path.name].detail == "unpacks to more than 100 times its size"
    assert rows[path.name].status is Reason.ARCHIVE_BOMB
    if (ending, name) == (".tgz", "bomb.bmp"):
        assert rows[f"{path.name}!{name}"].status is Reason.ARCHIVE_BOMB
    assert rows[f"{path.name}!1.jpg"].status is Reason.OK
    assert f"{path.name}!2.jpg" not in rows
    assert items == 1


@pytest.mark.usefixtures("strict")
def test_a_bomb_is_not_unpacked_beyond_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tar(tmp_path / "a.tgz", {"bomb.bmp": b"\0" * 50_000_000}, "w:gz")
    seen = []
    real = archive._passed_limit
    monkeypatch.setattr(
        archive, "_passed_limit", lambda at, *rest: seen.append(at) or real(at, *rest)
    )
    archives_in(tmp_path / "store").prepare(path)
    assert 1_000_000 < max(seen) < 8_000_000
    assert sum(file.stat().st_size for file in (tmp_path / "store").rglob("*.bin")) == 0


@pytest.mark.parametrize("ending", [".tar", ".tgz", ".zip"])
def test_limits_on_bytes_and_members(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = {f"{number}.jpg": os.urandom(2000) for number in range(10)}
    path = write_any(tmp_path / f"a{ending}", images)

    def prepared(limit: str, value: int) -> tuple[int, int]:
        with monkeypatch.context() as patch:
            patch.setattr(archive, limit, value)
            archives = archives_in(tmp_path / limit)
            items = archives.prepare(path)
            return items, len(archives.find(path).members() or ()) - items

    assert prepared("MOST_MEMBERS", 4) == (4, 1)
    assert prepared("MOST_FILE_BYTES", 1999) == (0, 10)
    rows = archives_in(tmp_path / "MOST_FILE_BYTES").entries(walk_file(path, "in"))
    assert {entry.status for entry in rows} == {Reason.TOO_LARGE}
    if ending != ".tar":
        items, failed = prepared("MOST_BYTES", 9000)
        assert (items < 5, failed >= 1) == (True, True)


@pytest.mark.usefixtures("strict")
def test_a_zip_cannot_lie_about_the_size_of_a_bomb(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"1.jpg": BOMB}, zipfile.ZIP_DEFLATED)
    patch_directory(path, "1.jpg", 24, "<I", 100)
    assert archives_in(tmp_path / "store").prepare(path) == 1
    content = archives_in(tmp_path / "store").read(str(path), "1.jpg")
    assert getattr(content, "reason", None) is Reason.ARCHIVE_DAMAGED


def test_a_long_name_of_many_bytes_is_refused(tmp_path: Path) -> None:
    """A GNU header may claim that a name takes gigabytes."""
    block = bytearray(512)
    block[:13] = b"././@LongLink"
    block[100:108], block[124:136] = b"0000644\0", b"77777777777\0"
    block[156:157], block[257:265] = b"L", b"ustar  \0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    for name, data in (("a.tar", bytes(block)), ("a.tgz", gzip.compress(bytes(block)))):
        path = tmp_path / name
        path.write_bytes(data + b"\0" * 2048)
        assert archives_in(tmp_path / "store").prepare(path) == 0
        (entry,) = archives_in(tmp_path / "store").entries(walk_file(path, "in"))
        assert entry.status is Reason.ARCHIVE_BOMB


def test_a_sparse_member_is_a_row(tmp_path: Path) -> None:
    block = bytearray(512)
    block[:5] = b"1.jpg"
    block[100:108], block[124:136] = b"0000644\0", b"00000000000\0"
    block[156:157], block[257:265] = b"S", b"ustar  \0"
    block[483:495] = b"77777777777\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(struct.unpack("512B", block))
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(block) + b"\0" * 1024)
    archives_in(tmp_path / "store").prepare(path)
    (entry,) = archives_in(tmp_path / "store").entries(walk_file(path, "in"))
    assert (entry.status, "sparse" in entry.detail) == (Reason.UNSUPPORTED, True)
