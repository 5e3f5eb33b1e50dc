"""Images in archives: the same from tar, gzipped tar and zip, and rows for everything else."""

from __future__ import annotations

import errno
import gzip
import io
import os
import random
import tarfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgvet.reasons import Failure, Reason
from imgvet.sources import containers
from imgvet.sources.archive import HEAD_BYTES
from imgvet.sources.containers import Member
from imgvet.sources.listing import Entry
from imgvet.sources.local import walk_file
from support.archives import (
    Contents,
    archives_in,
    header,
    patch_directory,
    write_any,
    write_tar,
    write_zip,
)
from support.archives import encrypt as encrypt_member

NO_NAME = (Reason.ARCHIVE_DAMAGED, "a member without a name")
ENDINGS = [".tar", ".tar.gz", ".tgz", ".zip"]


def listed(path: Path) -> dict[str, Entry]:
    """The entries by member; that of the archive itself under an empty name."""
    archives = archives_in(path.parent / "store")
    archives.prepare(path)
    entries = list(archives.entries(walk_file(path, "in")))
    found = {entry.member or "": entry for entry in entries}
    assert len(found) == len(entries)
    return found


def read(path: Path, member: str) -> bytes | Failure:
    return archives_in(path.parent / "store").read(str(path), member)


def damage(path: Path) -> tuple[Reason, str]:
    itself = listed(path)[""]
    assert itself.filename == str(path)
    return itself.status, itself.detail


@pytest.mark.parametrize("ending", ENDINGS)
def test_members_are_listed_and_read_back(tmp_path: Path, ending: str) -> None:
    images = {
        "1.jpg": b"one" * 500,
        "deep/er/2.PNG": b"two",
        "./dot/3.webp": os.urandom(70_000),
        "a!b #1 é日\n.jpg": b"odd name",
        "empty.jpg": b"",
    }
    path = write_any(tmp_path / f"a{ending}", {**images, "notes.md": b"no image", "dir/x": b"y"})
    found = listed(path)
    expected = {name.removeprefix("./"): data for name, data in images.items()}
    assert {name: entry.file_size for name, entry in found.items()} == {
        name: len(data) for name, data in expected.items()
    }
    status = path.stat()
    for name, entry in found.items():
        assert (entry.status, entry.source, entry.mtime_ns) == (Reason.OK, "in", status.st_mtime_ns)
        assert entry.path == str(path)
        if data := expected[name]:
            assert read(path, name) == data
    assert read(path, "empty.jpg") == Failure(Reason.EMPTY_FILE, "0 bytes")
    for absent in ("notes.md", "nothing.jpg"):
        missing = read(path, absent)
        assert isinstance(missing, Failure)
        assert missing.reason is Reason.MISSING


@pytest.mark.parametrize("ending", ENDINGS)
def test_many_threads_read_many_members_in_any_order(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgvet.sources.containers.PART_MEMBERS", 50)
    images = {f"{number % 7}/{number}.jpg": os.urandom(number % 900 + 1) for number in range(1000)}
    path = write_any(tmp_path / f"a{ending}", images)
    assert archives_in(tmp_path / "store").prepare(path) == len(images)
    loads = []
    real = containers.open_index
    monkeypatch.setattr(containers, "open_index", lambda it: loads.append(it) or real(it))
    reader = archives_in(tmp_path / "store")
    names = list(images) * 2
    random.Random(0).shuffle(names)
    with ThreadPoolExecutor(8) as pool:
        read_back = list(pool.map(lambda name: reader.read(str(path), name), names))
    assert read_back == [images[name] for name in names]
    assert len(loads) == 1


def open_descriptors() -> set[str]:
    return {path.name for path in Path("/dev/fd").iterdir()}


def test_descriptors_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgvet.sources.containers.PART_MEMBERS", 5)
    path = write_any(tmp_path / "a.tgz", {f"{number}.jpg": b"x" for number in range(300)})
    archives_in(tmp_path / "store").prepare(path)
    before = open_descriptors()
    reader = archives_in(tmp_path / "store")
    for number in range(300):
        assert reader.read(str(path), f"{number}.jpg") == b"x"
    assert len(open_descriptors() - before) == 0


def test_content_decides_and_not_the_name(tmp_path: Path) -> None:
    for name, make in (("a.zip", ".tar"), ("b.tar", ".tgz"), ("c.tgz", ".zip")):
        path = write_any(tmp_path / f"x{make}", {"1.jpg": b"x"}).rename(tmp_path / name)
        assert set(listed(path)) == {"1.jpg"}
        assert read(path, "1.jpg") == b"x"


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_archive_without_images_has_no_rows(tmp_path: Path, ending: str) -> None:
    assert listed(write_any(tmp_path / f"a{ending}", {})) == {}
    assert listed(write_any(tmp_path / f"b{ending}", {"readme": b"x"})) == {}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_last_of_several_members_with_one_name_counts(tmp_path: Path, ending: str) -> None:
    contents: Contents = [("1.jpg", b"first"), ("2.jpg", b"two"), ("1.jpg", b"last")]
    path = tmp_path / f"a{ending}"
    if ending == ".zip":
        with pytest.warns(UserWarning, match="Duplicate name"):
            write_any(path, contents)
    else:
        write_any(path, contents)
    found = listed(path)
    assert read(path, "1.jpg") == b"last"
    assert found["1.jpg"].detail == "2 members have this name; the last one counts"
    assert found["2.jpg"].detail == ""


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_ever_written_outside(tmp_path: Path, ending: str) -> None:
    names = ["../up.jpg", "/abs.jpg", "a/../../b.jpg", "..\\win.jpg", "C:\\c.jpg", "ok..jpg"]
    (tmp_path / "in").mkdir()
    path = write_any(tmp_path / "in" / f"a{ending}", dict.fromkeys(names, b"x"))
    found = listed(path)
    assert {name for name, entry in found.items() if entry.status is Reason.OK} == {"ok..jpg"}
    for name in names[:-1]:
        assert found[name].status is Reason.UNSAFE_NAME
        assert found[name].detail.startswith("the path ")
        assert isinstance(read(path, name), Failure)
    outside = {file for file in tmp_path.rglob("*") if file.is_file()} - {path}
    assert all(file.is_relative_to(tmp_path / "in" / "store") for file in outside)
    assert all(file.name.startswith(("index", "part-")) for file in outside)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_links_devices_and_pipes_are_rows(tmp_path: Path, mode: str) -> None:
    special = [
        header("soft.jpg", kind=tarfile.SYMTYPE, link="../../etc/passwd"),
        header("hard.jpg", kind=tarfile.LNKTYPE, link="elsewhere.jpg"),
        header("disk.jpg", kind=tarfile.BLKTYPE),
        header("tty.jpg", kind=tarfile.CHRTYPE),
        header("pipe.jpg", kind=tarfile.FIFOTYPE),
        header("folder.jpg", kind=tarfile.DIRTYPE),
        header("soft", kind=tarfile.SYMTYPE, link="no image"),
    ]
    found = listed(write_tar(tmp_path / "a.tar", {"1.jpg": b"x"}, mode, special))
    assert found.pop("1.jpg").status is Reason.OK
    assert {name: (entry.status, entry.detail) for name, entry in found.items()} == {
        "soft.jpg": (Reason.NOT_A_FILE, "a symbolic link to ../../etc/passwd"),
        "hard.jpg": (Reason.NOT_A_FILE, "a hard link to elsewhere.jpg"),
        "disk.jpg": (Reason.NOT_A_FILE, "a device"),
        "tty.jpg": (Reason.NOT_A_FILE, "a device"),
        "pipe.jpg": (Reason.NOT_A_FILE, "a pipe"),
    }


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_hard_link_in_a_tar_is_the_file_that_it_stands_for(tmp_path: Path, mode: str) -> None:
    link = header("./b/2.jpg", kind=tarfile.LNKTYPE, link="./a/1.jpg")
    path = write_tar(tmp_path / "a.tar", {"./a/1.jpg": b"photo", "b/2.cls": b"cat"}, mode, [link])
    found = listed(path)
    assert {name: (entry.status, entry.label) for name, entry in found.items()} == {
        "a/1.jpg": (Reason.OK, None),
        "b/2.jpg": (Reason.OK, "cat"),
    }
    assert read(path, "b/2.jpg") == b"photo"


def test_a_link_in_a_zip_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link.jpg")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("folder/", "")
        archive.writestr("__MACOSX/._1.jpg", "not an image")
    found = listed(path)
    assert set(found) == {"link.jpg"}
    link_found = found["link.jpg"]
    assert (link_found.status, link_found.detail) == (Reason.NOT_A_FILE, "a symbolic link")


@pytest.mark.parametrize("ending", ENDINGS)
def test_archives_and_damaged_videos_inside_are_rows(tmp_path: Path, ending: str) -> None:
    contents = {"in.tgz": b"x", "v.mp4": b"y", "none.avi": b""}
    found = listed(write_any(tmp_path / f"a{ending}", contents))
    assert {name: entry.status for name, entry in found.items()} == {
        "in.tgz": Reason.NESTED_ARCHIVE,
        "v.mp4": Reason.VIDEO_DAMAGED,
        "none.avi": Reason.EMPTY_FILE,
    }


def test_encrypted_and_oddly_compressed_members_are_rows(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"1.jpg": b"x", "2.jpg": b"y", "3.jpg": b"z"})
    encrypt_member(path, "1.jpg")
    patch_directory(path, "2.jpg", 10, "<H", zipfile.ZIP_LZMA)
    found = listed(path)
    assert found["1.jpg"].status is Reason.ENCRYPTED
    assert found["2.jpg"].status is Reason.UNSUPPORTED
    assert "way 14" in found["2.jpg"].detail
    assert found["3.jpg"].status is Reason.OK


@pytest.mark.parametrize(("field", "form", "value"), [(16, "<I", 1), (24, "<I", 9), (24, "<I", 2)])
def test_a_zip_that_contradicts_itself_gives_a_reason(
    tmp_path: Path, field: int, form: str, value: int
) -> None:
    path = write_zip(tmp_path / "a.zip", {"1.jpg": b"xyz"}, zipfile.ZIP_DEFLATED)
    patch_directory(path, "1.jpg", field, form, value)
    listed(path)
    content = read(path, "1.jpg")
    assert isinstance(content, Failure)
    assert content.reason is Reason.ARCHIVE_DAMAGED


def test_a_local_header_may_be_longer_than_the_directory_says(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    info = zipfile.ZipInfo("1.jpg")
    info.extra = b"\xfe\xca" + (30_000).to_bytes(2, "little") + b"\0" * 30_000
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, b"content")
    at = path.read_bytes().index(b"PK\x01\x02")
    data = bytearray(path.read_bytes())
    extra = data.index(b"\xfe\xca", at)
    del data[extra : extra + 30_004]
    data[at + 30 : at + 32] = b"\0\0"
    size = int.from_bytes(data[-10:-6], "little") - 30_004
    data[-10:-6] = size.to_bytes(4, "little")
    path.write_bytes(data)
    listed(path)
    assert read(path, "1.jpg") == b"content"


@pytest.mark.parametrize("ending", ENDINGS)
def test_empty_files_and_what_is_no_archive_are_rows(tmp_path: Path, ending: str) -> None:
    empty, page = tmp_path / f"empty{ending}", tmp_path / f"page{ending}"
    empty.write_bytes(b"")
    page.write_bytes(b"<html>404</html>" * 100)
    assert damage(empty) == (Reason.EMPTY_FILE, "0 bytes")
    assert damage(page) == (Reason.NOT_AN_ARCHIVE, "text of a web page")


def test_gzip_without_a_tar_in_it_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    path.write_bytes(gzip.compress(b"just some text" * 100))
    assert damage(path)[0] is Reason.ARCHIVE_DAMAGED


@pytest.mark.parametrize("ending", ENDINGS)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(share=st.floats(0.001, 0.999))
def test_a_cut_archive_keeps_what_is_whole_and_says_so(
    tmp_path: Path, ending: str, share: float
) -> None:
    images = {f"{number}.jpg": random.Random(number).randbytes(900) for number in range(12)}
    whole = write_any(tmp_path / f"whole{ending}", images).read_bytes()
    if ending == ".tar":
        whole = whole[: 12 * 1536 + 512]  # Without the padding, of which anything may be missing.
    path = tmp_path / f"cut{ending}"
    path.write_bytes(whole[: max(1, int(share * len(whole)))])
    found = listed(path)
    # The first bytes tell the kind: a whole block of a tar, a few bytes of the others.
    told = path.stat().st_size >= (HEAD_BYTES if ending == ".tar" else 4)
    assert found[""].status is (Reason.ARCHIVE_DAMAGED if told else Reason.NOT_AN_ARCHIVE)
    for name, entry in found.items():
        if name and entry.status is Reason.OK:
            assert read(path, name) == images[name]
        elif name:
            assert entry.status is Reason.ARCHIVE_DAMAGED


@pytest.mark.parametrize("ending", ENDINGS)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_bytes_never_raise(tmp_path: Path, ending: str, data: st.DataObject) -> None:
    images = {f"{number}.jpg": bytes([number]) * 300 for number in range(6)}
    content = bytearray(write_any(tmp_path / f"whole{ending}", images).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"bad{ending}"
    path.write_bytes(content)
    for name, entry in listed(path).items():
        entry.filename.encode()
        if name and entry.status is Reason.OK:
            assert isinstance(read(path, name), (bytes, Failure))


def test_a_damaged_gzip_is_noticed_by_its_checksum(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tgz", {"1.jpg": b"x" * 2000}, "w:gz")
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    assert damage(path)[0] is Reason.ARCHIVE_DAMAGED


@pytest.mark.parametrize("junk", [b"", b"junk" * 200])
def test_of_a_damaged_gzip_all_that_is_whole_is_had(tmp_path: Path, junk: bytes) -> None:
    images = {f"{number}.jpg": random.Random(number).randbytes(900) for number in range(12)}
    path = write_tar(tmp_path / "a.tgz", images, "w:gz")
    data = path.read_bytes()
    path.write_bytes(data + junk if junk else data[:-20])
    assert damage(path)[0] is Reason.ARCHIVE_DAMAGED
    assert {name: read(path, name) for name in images} == images


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_tars_put_one_after_the_other_are_told(tmp_path: Path, mode: str) -> None:
    parts = [write_tar(tmp_path / n, {f"{n}.jpg": b"x"}, mode).read_bytes() for n in "ab"]
    path = tmp_path / "both.tar"
    path.write_bytes(b"".join(parts))
    assert damage(path)[1].startswith("more follows its end marker, such as another archive")
    assert read(path, "a.jpg") == b"x"


def test_a_broken_header_in_the_middle_ends_a_tar_with_a_row(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {f"{number}.jpg": b"x" for number in range(4)})
    content = bytearray(path.read_bytes())
    content[2048:2056] = b"\xff" * 8
    path.write_bytes(content)
    found = listed(path)
    assert set(found) == {"0.jpg", "1.jpg", ""}
    assert found[""].status is Reason.ARCHIVE_DAMAGED
    assert found[""].detail == "a bad header at byte 2048"


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"\udcff.jpg": b"x"})
    (entry,) = listed(path).values()
    assert entry.filename.endswith("a.tar!\\xff.jpg")
    assert read(path, "\\xff.jpg") == b"x"
    odd = path.rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.tar"))
    assert archives_in(tmp_path / "store").prepare(odd) == 0
    (entry,) = archives_in(tmp_path / "store").entries(walk_file(odd, "in"))
    assert entry.status is Reason.UNREADABLE
    entry.filename.encode()


def test_what_is_gone_changed_or_no_file_has_a_reason(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"1.jpg": b"x"})
    reader = archives_in(tmp_path / "store")
    listed(path)
    os.utime(path, ns=(1, 1))
    (changed,) = archives_in(tmp_path / "store").entries(walk_file(path, "in"))
    assert (changed.status, "changed" in changed.detail) == (Reason.MISSING, True)
    content = reader.read(str(path), "1.jpg")
    assert isinstance(content, Failure)
    assert content.reason is Reason.MISSING
    path.unlink()
    assert damage(path)[0] is Reason.MISSING
    os.mkfifo(path)
    assert damage(path) == (Reason.UNREADABLE, "not a regular file")


def test_an_unchanged_archive_is_not_looked_at_again(tmp_path: Path) -> None:
    for ending in ENDINGS:
        path = write_any(tmp_path / f"a{ending}", {"1.jpg": b"x", "2.jpg": b"y", "../3.jpg": b""})
        archives = archives_in(tmp_path / "store")
        assert archives.prepare(path) == 2
        found = archives.find(path)
        members, written = found.members(), found.index.stat().st_ino
        assert members is not None
        assert len(members) == 3
        assert archives.prepare(path) == 2
        assert found.index.stat().st_ino == written
        found.index.write_bytes(b"damaged")
        assert archives.prepare(path) == 2
        assert found.members() == members


@pytest.mark.parametrize("cut", [True, False])
def test_a_damaged_index_is_made_again_and_until_then_a_reason(tmp_path: Path, cut: bool) -> None:
    path, store = tmp_path / "a.tar", tmp_path / "store"
    write_tar(path, {"a.jpg": b"picture"})
    archives_in(store).prepare(path)
    index = archives_in(store).find(path).index
    whole = index.read_bytes()
    overwritten = bytes(255 - byte for byte in whole[-48:-8])
    index.write_bytes(b"PAR1 cut" if cut else whole[:-48] + overwritten + whole[-8:])
    found = archives_in(store).read(str(path), "a.jpg")
    assert isinstance(found, Failure)
    assert (found.reason, "run again" in found.detail) == (Reason.UNREADABLE, True)
    assert archives_in(store).prepare(path) == 1
    assert archives_in(store).read(str(path), "a.jpg") == b"picture"


def test_a_zip_member_without_a_name_is_a_row(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"1.jpg": b"one", "2.jpg": b"two"})
    data = bytearray(path.read_bytes())
    # A name ends at a zero byte; names stand 46 bytes into their entries of the central directory.
    data[data.index(b"PK\x01\x02") + 46] = 0
    path.write_bytes(data)
    found = listed(path)
    assert (found[""].status, found[""].detail) == NO_NAME
    assert found["2.jpg"].status is Reason.OK


@pytest.mark.parametrize("ending", [".tar", ".tgz"])
@pytest.mark.parametrize("name", ["", "./"])
def test_a_tar_member_without_a_name_is_a_row(tmp_path: Path, ending: str, name: str) -> None:
    path = tmp_path / f"a{ending}"
    with tarfile.open(path, "w:gz" if ending == ".tgz" else "w") as archive:
        archive.addfile(header("2.jpg", 3), io.BytesIO(b"two"))
        archive.addfile(header(name, 3), io.BytesIO(b"odd"))
    found = listed(path)
    assert (found[""].status, found[""].detail) == NO_NAME
    assert read(path, "2.jpg") == b"two"


def test_what_could_not_be_read_is_tried_again_though_it_is_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, archives = (
        write_zip(tmp_path / "a.zip", {"1.jpg": b"one"}),
        archives_in(tmp_path / "store"),
    )
    with monkeypatch.context() as patch:
        refused = Failure(Reason.UNREADABLE, "Input/output error")
        patch.setattr(containers, "read_bytes", lambda *_, **__: refused)
        assert archives.prepare(path) == 0
    assert archives.prepare(path) == 1


def test_a_disk_that_fails_is_no_damage_of_an_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path / "a.zip", {"1.jpg": b"one"})

    def broken(*_: object) -> Iterator[Member]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
        yield

    with monkeypatch.context() as patch:
        patch.setattr("imgvet.sources.archive._walk_zip", broken)
        assert damage(path)[0] is Reason.UNREADABLE
    assert listed(path)["1.jpg"].status is Reason.OK
