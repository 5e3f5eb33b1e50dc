"""The journal of a quarantine: what a kill cuts short is forgotten, and damage is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgvet.curation.journal import JOURNAL, Held, Journal, State, opened
from imgvet.errors import QuarantineError


def held(name: str) -> Held:
    return Held(f"/photos/{name}", f"files/{name}", digest="0" * 32, size=1, mtime_ns=1)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    with opened(tmp_path / "q", new=True) as journal:
        journal.take([held("a\n\u2028.jpg"), held("caf\udce9.jpg")])
        journal.mark(journal.held[1:], State.TAKEN)
        journal.take([held("c")])
    again = Journal(tmp_path / "q")
    assert again.held == journal.held
    assert [file.number for file in again.files(State.TAKING)] == [0, 2]


def test_a_line_that_was_cut_short_at_any_byte_never_was(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.take([held("a")])
    whole = (tmp_path / JOURNAL).read_bytes()
    journal.take([held("b")])
    longer = (tmp_path / JOURNAL).read_bytes()
    for end in range(len(whole), len(longer)):
        (tmp_path / JOURNAL).write_bytes(longer[:end])
        cut = Journal(tmp_path)
        assert len(cut.held) == 1
        cut.take([held("b")])
        assert (tmp_path / JOURNAL).read_bytes() == longer


def test_a_line_that_is_damaged_is_told(tmp_path: Path) -> None:
    for line in (b"{}\n", b"x\n", b'{"state": "taken", "numbers": [5]}\n', b'{"held": {}}\n'):
        (tmp_path / JOURNAL).write_bytes(line)
        with pytest.raises(QuarantineError, match=r"Line 1 of .* is damaged"):
            Journal(tmp_path)


def test_two_processes_do_not_share_a_quarantine(tmp_path: Path) -> None:
    with (
        opened(tmp_path, new=True),
        pytest.raises(QuarantineError, match="Another process"),
        opened(tmp_path, new=True),
    ):
        pass
