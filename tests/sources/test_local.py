"""Odd things in local folders become rows, not crashes."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from imgvet.errors import InputUnreadableError, TransportError
from imgvet.reasons import Failure, Reason
from imgvet.sources import listing, local
from imgvet.sources.listing import Entry
from imgvet.sources.local import failure_of, read_bytes, walk


def walked(folder: Path) -> dict[str, Entry]:
    return {Path(entry.filename).name: entry for entry in walk(folder, "in")}


def test_folders_linked_in_a_circle_are_visited_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(b"x")
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert len(list(walk(tmp_path, "in"))) == 1


def test_links_to_nowhere_and_to_themselves_are_rows(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    (tmp_path / "self.jpg").symlink_to(tmp_path / "self.jpg")
    (tmp_path / "good.jpg").write_bytes(b"x")
    found = walked(tmp_path)
    assert found["gone.jpg"].status is Reason.MISSING
    assert found["self.jpg"].status is Reason.UNREADABLE
    assert found["good.jpg"].status is Reason.OK


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert walked(tmp_path)["pipe.jpg"].detail == "not a regular file"


def test_a_name_that_is_not_utf8_is_a_row(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff.jpg", "wb") as stream:
        stream.write(b"x")
    (entry,) = walk(tmp_path, "in")
    assert entry.status is Reason.UNREADABLE
    entry.filename.encode()


def test_an_unreadable_folder_below_is_a_row_and_above_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "1.jpg").write_bytes(b"x")
    real = os.scandir

    def scandir(path: str) -> object:
        if os.fspath(path).endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = walked(tmp_path)
    assert (found["secret"].status, found["secret"].detail) == (
        Reason.UNREADABLE,
        "Permission denied",
    )
    assert found["1.jpg"].status is Reason.OK
    with pytest.raises(InputUnreadableError, match="Permission denied"):
        list(walk(tmp_path / "secret", "in"))


def test_a_mount_whose_server_is_gone_says_nothing_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = OSError(errno.ESTALE, "Stale file handle", str(tmp_path / "1.jpg"))
    monkeypatch.setattr(local, "_without_waiting", Mock(side_effect=lost))
    with pytest.raises(TransportError, match=r"1\.jpg is out of reach \(Stale file handle\)"):
        read_bytes(tmp_path / "1.jpg")


def test_what_vanished_or_emptied_since_listing_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    gone, empty = read_bytes(str(tmp_path / "gone")), read_bytes(str(tmp_path / "empty"))
    folder = read_bytes(str(tmp_path))
    assert isinstance(gone, Failure)
    assert isinstance(empty, Failure)
    assert isinstance(folder, Failure)
    reasons = (gone.reason, empty.reason, folder.reason)
    assert reasons == (Reason.MISSING, Reason.EMPTY_FILE, Reason.UNREADABLE)


def test_what_grows_while_it_is_read_or_became_a_pipe_has_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "grows").write_bytes(b"12345")
    pipe = read_bytes(tmp_path / "pipe")
    assert isinstance(pipe, Failure)
    assert (pipe.reason, pipe.detail) == (Reason.UNREADABLE, "not a regular file")
    real = os.fstat

    def before_it_grew(descriptor: int) -> os.stat_result:
        return os.stat_result((*real(descriptor)[:6], 4, 0, 0, 0))

    with monkeypatch.context() as patch:
        patch.setattr(local.os, "fstat", before_it_grew)
        grows = read_bytes(tmp_path / "grows")
    assert isinstance(grows, Failure)
    assert (grows.reason, grows.detail) == (Reason.UNREADABLE, "it grew while it was read")
    assert read_bytes(tmp_path / "grows") == b"12345"


def test_what_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "1.jpg").write_bytes(b"123456")
    monkeypatch.setattr(local, "MOST_FILE_BYTES", 5)
    monkeypatch.setattr(listing, "MOST_FILE_BYTES", 5)
    found = read_bytes(tmp_path / "1.jpg")
    (listed,) = walk(tmp_path, "in")
    told = (Reason.TOO_LARGE, "6 bytes, at most 5 are read")
    assert isinstance(found, Failure)
    assert (found.reason, found.detail) == told
    assert (listed.checked(0).status, listed.checked(0).detail) == told


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_what_the_machine_lacks_is_no_fault_of_a_file(tmp_path: Path, number: int) -> None:
    with pytest.raises(OSError, match=os.strerror(number)):
        failure_of(OSError(number, os.strerror(number)))
