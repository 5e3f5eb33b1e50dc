"""Labels, metadata and splits from WebDataset shards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgvet.reasons import Reason
from imgvet.sources.containers import Member
from imgvet.sources.local import walk_file
from imgvet.sources.sidecars import MAX_SIDECAR_BYTES, sample_keys, split_of_shard
from support.archives import archives_in, write_any


def members(path: Path) -> dict[str, Member]:
    archives = archives_in(path.parent / "store")
    archives.prepare(path)
    found = archives.find(path).members()
    return {member.name: member for member in found or ()}


@pytest.mark.parametrize("ending", [".tar", ".tgz", ".zip"])
def test_a_shard(tmp_path: Path, ending: str) -> None:
    shard = {
        "s/1.jpg": b"a", "s/1.cls": b"7\n", "s/1.json": b'{"label": "x", "w": 3}',
        "s/2.json": b'{"class": 5}', "s/2.txt": "a caf\u00e9\n".encode(), "s/2.jpg": b"b",
        "s/3.left.png": b"c", "s/3.right.png": b"d", "s/3.cls": b"cat",
        "s/4.jpg": b"e", "t/4.cls": b"of another folder",
        "IMG.5.jpg": b"f", "IMG.5.json": b'{"label": "five"}',
        "IMG.6.jpg": b"g", "IMG.6.json": b'{"label": "six"}',
    }  # fmt: skip
    path = write_any(tmp_path / f"pets-train-0001{ending}", shard)
    found = members(path)
    assert {name: member.label for name, member in found.items()} == {
        "s/1.jpg": "7", "s/2.jpg": "5", "s/3.left.png": "cat", "s/3.right.png": "cat",
        "s/4.jpg": None, "IMG.5.jpg": "five", "IMG.6.jpg": "six",
    }  # fmt: skip
    assert json.loads(found["s/1.jpg"].metadata or "") == {
        "cls": "7", "json": {"label": "x", "w": 3}
    }  # fmt: skip
    assert json.loads(found["s/2.jpg"].metadata or "") == {"json": {"class": 5}, "txt": "a café"}
    assert found["s/4.jpg"].metadata is None
    entries = list(archives_in(tmp_path / "store").entries(walk_file(path, "in")))
    assert {entry.split for entry in entries} == {"train"}
    assert sorted(entry.label or "" for entry in entries) == sorted(
        ["7", "5", "cat", "cat", "", "five", "six"]
    )


@pytest.mark.parametrize("ending", [".tar", ".tgz", ".zip"])
def test_bad_sidecars_are_told_and_large_ones_left_alone(tmp_path: Path, ending: str) -> None:
    shard = {
        "1.jpg": b"a", "1.json": b"{", "2.jpg": b"b", "2.cls": b"\xff",
        "3.jpg": b"c", "3.json": b" " * (MAX_SIDECAR_BYTES + 1), "4.jpg": b"d", "4.json": b"[1]",
        "5.jpg": b"e", "5.json": b'{"label": "\\ud800"}', "6.jpg": b"f", "6.cls": b"",
        "7.jpg": b"g", "7.json": b'{"label": [1], "class": "seven"}',
        "8.jpg": b"h", "8.json": b"[" * 60_000,
    }  # fmt: skip
    found = members(write_any(tmp_path / f"a{ending}", shard))
    assert {member.status for member in found.values()} == {Reason.OK}
    assert {name: member.label for name, member in found.items() if member.label} == {
        "5.jpg": "\\ud800", "7.jpg": "seven",
    }  # fmt: skip
    assert found["1.jpg"].detail.startswith("1.json: ")
    assert found["2.jpg"].detail.startswith("2.cls: ")
    assert found["8.jpg"].detail.startswith("8.json: ")
    assert found["3.jpg"].detail == found["4.jpg"].detail == ""


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("imagenet-train-000123.tar", "train"),
        ("Validation.zip", "val"),
        ("x_val2.tgz", "val"),
        ("test.tar.gz", "test"),
        ("testing-01.tar", "test"),
        ("train/plain.tar", None),
        ("contest.tar", None),
        ("trains.tar", None),
        ("latest.zip", None),
    ],
)
def test_splits_in_names(name: str, split: str | None) -> None:
    assert split_of_shard(name) == split


def test_keys() -> None:
    assert sample_keys("a.b/c.d.jpg") == ("a.b/c.d", "a.b/c")
    assert sample_keys("c.jpg") == ("c",)
