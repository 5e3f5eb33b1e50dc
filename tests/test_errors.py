"""The tree of errors."""

from __future__ import annotations

import errno
import os
import pickle
import tempfile
from pathlib import Path

import pytest

from imgvet import errors


@pytest.mark.parametrize("kind", errors.all_errors())
def test_an_error_crosses_a_process_boundary(kind: type[errors.ImgvetError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("This is wrong", "Do that")))
    assert type(copy) is kind
    assert str(copy) == "This is wrong. Do that."


def test_an_error_without_a_remedy_is_one_sentence() -> None:
    assert str(errors.ModelError("It broke")) == "It broke."


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "tables/items.parquet")


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (full(), errno.ENOSPC),
        (OSError("4096 requested and 0 written"), errno.ENOSPC),
        (RuntimeError("disk I/O error"), errno.EIO),
        (RuntimeError("Error in fopen: could not open: Too many open files"), errno.EMFILE),
        (MemoryError(), errno.ENOMEM),
        (RuntimeError("can't start new thread"), errno.EAGAIN),
        (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), errno.EAGAIN),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES)), errno.EACCES),
        (FileNotFoundError(errno.ENOENT, "gone"), None),
        (ValueError("a bug"), None),
    ],
)
def test_what_a_machine_lacks_is_known_by_number_or_by_text(
    error: Exception, number: int | None
) -> None:
    assert errors.lacking(error) == number
    wrapped = RuntimeError("a task failed")
    wrapped.__cause__ = error
    assert errors.lacking(wrapped) == number


def test_only_what_a_machine_lacks_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = r"No space left on device \(tables/items\.parquet\)\. Free some space"
    with pytest.raises(errors.MachineError, match=said), errors.failures_of_machine():
        raise full()
    said = rf"\([\d,.]+ MB are free in {tmp_path}, .* are free in {tempfile.gettempdir()}\)"
    places = (tmp_path, tmp_path / "not yet there")
    with pytest.raises(errors.MachineError, match=said), errors.failures_of_machine(*places):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ValueError, match="a bug"), errors.failures_of_machine():
        raise ValueError("a bug")
    with pytest.raises(errors.PlanError), errors.failures_of_machine():
        raise errors.PlanError("Out of memory")
    monkeypatch.setattr("tempfile._candidate_tempdir_list", list)
    monkeypatch.setattr("tempfile.tempdir", None)
    said = rf"device \([\d,.]+ MB are free in {tmp_path}\)\. Free"
    with pytest.raises(errors.MachineError, match=said), errors.failures_of_machine(*places):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
