"""The parts of the benchmarks of inputs against planted truth."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

import cv2
import pytest

from benchmarks.archives import ENDINGS, Film, write_archive, write_film
from benchmarks.imgvet_run import stage_seconds
from benchmarks.inputs import FOLDER, SYNCED, Timed, contents, rows_of
from benchmarks.listing import LIST, MIRROR, OPEN, Step, growth, measured, write_files
from benchmarks.process import run
from benchmarks.s3 import bare_rate, filled_bucket

MEBIBYTE = 2**20


@pytest.mark.parametrize("ending", ENDINGS)
def test_archives_hold_what_was_asked_for(tmp_path: Path, ending: str) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "1.jpg").write_bytes(b"one" * 1000)
    (tmp_path / "in" / "2.jpg").write_bytes(b"two")
    files = sorted((tmp_path / "in").rglob("*.jpg"))
    path = tmp_path / f"a{ending}"
    write_archive(path, contents(tmp_path / "in", files))
    if ending == ".zip":
        with zipfile.ZipFile(path) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
    else:
        with tarfile.open(path) as archive:
            found = {member.name: archive.extractfile(member).read() for member in archive}
    assert found == {"deep/1.jpg": b"one" * 1000, "2.jpg": b"two"}


def test_a_film_is_as_long_as_asked_for(tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", Film(seconds=2, rate=10, width=160, height=120))
    film = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    assert [film.get(what) for what in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS)] == [20, 10]


def test_a_bucket_is_read_back() -> None:
    keys = ["a/1 #.jpg", "b/2.jpg"]
    before = list(sys.path)
    with filled_bucket((key, key.encode()) for key in keys) as bucket:
        assert sys.path == before
        assert bucket.environment["AWS_ENDPOINT_URL"] == f"http://{bucket.host}"
        assert bare_rate(bucket, keys) > 0
        with pytest.raises(RuntimeError, match="1 of 2"):
            bare_rate(bucket, [keys[0], "absent"])


def test_ratios_are_those_of_each_round() -> None:
    def round_of(folder: float, tar: float) -> dict[str, Timed]:
        return {
            FOLDER: Timed(folder, 10.0, 4.0, []),
            "tar": Timed(tar, 20.0, 5.0, []),
            SYNCED: Timed(folder, 10.0, 4.0, [], again=3.0),
        }

    rows = rows_of("2 pictures", [round_of(100, 50), round_of(10, 10)])
    assert {row.number.partition(", ")[2]: row.value for row in rows} == {
        "folder: images/s": 55,
        "tar: images/s": 30,
        "tar: ratio to the folder's": 0.75,
        "tar: whole run, ratio to the folder's": 2,
        "tar: the same, processor time": 1.25,
        "S3 synced: images/s": 55,
        "S3 synced: ratio to the folder's": 1,
        "S3 synced: whole run, ratio to the folder's": 1,
        "S3 synced: the same, processor time": 1,
        "S3 synced: mirroring, nothing new": 3,
    }


def test_stages_are_read_from_the_record_of_the_run(tmp_path: Path) -> None:
    record = '{"stages": [{"stage": "list_items", "seconds": 1.5, "computed": 0}]}'
    (tmp_path / "run.json").write_text(record)
    assert stage_seconds(tmp_path) == {"list_items": 1.5}


def test_files_to_list_have_a_byte_and_no_block(tmp_path: Path) -> None:
    write_files(tmp_path / "files", 1003)
    files = [path.stat() for path in (tmp_path / "files").rglob("*.jpg")]
    assert len(files) == len({status.st_ino for status in files}) == 1003
    assert {status.st_size for status in files} == {1}
    step = measured(LIST, str(tmp_path / "files"), tmp_path)
    assert step.items == 1003
    assert step.table_bytes > 1003 * len(str(tmp_path))


def test_archives_are_opened_and_then_listed(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.tar", [("1.jpg", b"x"), ("2.jpg", b"y")])
    steps = [measured(step, str(tmp_path / "a.tar"), tmp_path) for step in (OPEN, LIST)]
    assert [step.items for step in steps] == [2, 2]


def test_objects_are_listed_and_mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled_bucket([("a.jpg", b"x"), ("b/c.jpg", b"y")]) as bucket:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        steps = [measured(step, bucket.uri, tmp_path) for step in (LIST, MIRROR)]
    assert [step.items for step in steps] == [2, 2]
    assert len(list((tmp_path / "work").rglob("*.jpg"))) == 2


def test_growth_is_of_one_more_file() -> None:
    few, many = Step(100, 1.0, 5_000, 2_000), Step(300, 2.0, 15_000, 6_000)
    assert [row.value for row in growth(few, many)] == [50, 20]


def test_processor_time_of_children_counts(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    assert run([sys.executable, "-c", program], {}, tmp_path / "log").processor_seconds > 0.5
    idle = run([sys.executable, "-c", "import time; time.sleep(1)"], {}, tmp_path / "log")
    assert idle.processor_seconds < 0.5 < idle.seconds


def test_the_memory_of_the_parent_does_not_count(tmp_path: Path) -> None:
    held = bytearray(b"1") * (300 * MEBIBYTE)
    program = "import time; x = b'1' * (30 << 20); time.sleep(1)"
    finished = run([sys.executable, "-c", program], {}, tmp_path / "log")
    assert 30 * MEBIBYTE < finished.peak_bytes < 100 * MEBIBYTE
    assert len(held) == 300 * MEBIBYTE
