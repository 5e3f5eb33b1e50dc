"""A folder of what should not be there, and decoders that crash and hang: a row each, and a run."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from imgvet.images import isolation
from imgvet.measures import compute_stats
from imgvet.sources import video
from imgvet.store.files import FileToRead
from imgvet.tables import read_table
from imgvet.tasks import measuring
from imgvet.workdir import WorkDir
from support.pictures import age, jpeg, png, scene
from support.planted_decoders import planted_content, planted_decode, planted_frames
from support.videos import write_video

from .conftest import Runner

FAULTY = {
    "crash.jpg": "decoder_crashed", "the same.jpg": "decoder_crashed",
    "killed.png": "decoder_crashed", "hang.jpg": "decoder_timeout", "hungry.jpg": "too_large",
}  # fmt: skip
EXPECTED = FAULTY | {
    "0.jpg": "ok", "1.jpg": "ok", "2.jpg": "ok",
    "back\\slash.jpg": "ok", "new\nline.jpg": "ok", "\\xff.jpg": "unreadable",
    "circle.jpg": "unreadable", "nowhere.jpg": "missing",
    "pipe.jpg": "unreadable", "socket.png": "unreadable", "zero.jpg": "unreadable",
    "locked": "unreadable", "secret.jpg": "unreadable",
    "gone.jpg": "missing", "grown.jpg": "ok", "now a folder.jpg": "unreadable",
    "now a pipe.jpg": "unreadable", "now a circle.jpg": "unreadable",
    "film.avi#t=0.0": "ok", "film.avi#t=1.0": "ok", "film.avi": "decoder_crashed",
}  # fmt: skip


def write_hostile(folder: Path) -> None:
    """Everything that EXPECTED names, before it is read."""
    (folder / "locked").mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(jpeg(scene(number)))
    (folder / "crash.jpg").write_bytes(jpeg(scene(4)) + b"segfault")
    (folder / "the same.jpg").write_bytes(jpeg(scene(4)) + b"segfault")
    (folder / "killed.png").write_bytes(png(scene(5)) + b"killed")
    (folder / "hang.jpg").write_bytes(jpeg(scene(6)) + b"spin")
    (folder / "hungry.jpg").write_bytes(jpeg(scene(7)) + b"eat")
    write_video(folder / "film.avi", frames=30)
    with (folder / "film.avi").open("ab") as stream:
        stream.write(b"abort")
    (folder / "back\\slash.jpg").write_bytes(jpeg(scene(8)))
    (folder / "new\nline.jpg").write_bytes(jpeg(scene(9)))
    Path(os.fsdecode(bytes(folder) + b"/\xff.jpg")).write_bytes(jpeg(scene(10)))
    for name in ("gone", "grown", "now a folder", "now a pipe", "now a circle", "secret"):
        (folder / f"{name}.jpg").write_bytes(jpeg(scene(11)))
    for name, target in {"circle.jpg": "circle.jpg", "up": ".", "nowhere.jpg": "a/b",
                         "zero.jpg": "/dev/zero"}.items():  # fmt: skip
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(folder)  # The name of a socket may not be long.
        listener.bind("socket.png")


def change(folder: Path) -> None:
    """What happens to files between listing and reading."""
    for name in ("gone", "now a folder", "now a pipe", "now a circle"):
        (folder / f"{name}.jpg").unlink(missing_ok=True)
    (folder / "now a folder.jpg").mkdir()
    os.mkfifo(folder / "now a pipe.jpg")
    (folder / "now a circle.jpg").symlink_to("now a circle.jpg")
    with (folder / "grown.jpg").open("ab") as stream:
        stream.write(b"more")


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to open what is locked or secret, also to those who may read everything."""
    for name in ("scandir", "open"):
        real = getattr(os, name)

        def refusing(path: Any, *rest: Any, real: Any = real, **more: Any) -> object:
            if str(path).endswith(("locked", "secret.jpg")):
                raise PermissionError(errno.EACCES, "Permission denied")
            return real(path, *rest, **more)

        monkeypatch.setattr(os, name, refusing)


def statuses(runner: Runner) -> dict[str, str]:
    items = read_table(WorkDir(runner.dataset.work_dir).table("items"))
    assert not items["filename"].duplicated().any()
    names = items["filename"].map(lambda name: name.rpartition("/")[2])
    return dict(zip(names, items["status"], strict=True))


def test_each_thing_is_one_row_and_the_run_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    write_hostile(folder)
    age(*(path for path in folder.iterdir() if path.is_file() and path.name != "zero.jpg"))
    runner, real = Runner(folder, tmp_path / "out"), measuring.measure_files

    def measure_files(files: Sequence[FileToRead], *rest: Any) -> object:
        change(folder)
        return real(files, *rest)

    with monkeypatch.context() as planted:
        forbid(planted)
        planted.setattr(isolation, "DECODE_SECONDS", 0.4)
        planted.setattr(compute_stats, "measured_content", planted_content)
        planted.setattr(video, "jpeg_frames", planted_frames)
        with planted.context() as changing:
            changing.setattr(measuring, "measure_files", measure_files)
            runner.run()
        assert statuses(runner) == EXPECTED
        (runner.photos / "now a folder.jpg").rmdir()
        for name in ("now a pipe.jpg", "now a circle.jpg"):
            (runner.photos / name).unlink()
        runner.run()
        assert statuses(runner).items() >= FAULTY.items()
        # What failed, and what was refused and what has grown.
        assert runner.computed()["compute_stats"] == len(FAULTY) + 2
    # Nothing of it is kept: a decoder that is mended finds out; of a video once it has changed.
    (runner.photos / "film.avi").touch()
    runner.run()
    found = statuses(runner)
    assert {found[name] for name in FAULTY} == {"ok"}
    assert [found[f"film.avi#t={second}.0"] for second in range(3)] == ["ok"] * 3
    assert "film.avi" not in found


def test_a_picture_whose_decoder_crashes_is_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, fault in enumerate((b"", b"segfault", b"")):
        (folder / f"{number}.jpg").write_bytes(jpeg(scene(number)) + fault)
    runner = Runner(folder, tmp_path / "out")
    box = "row_y=10,col_x=10,height=100,width=100"
    with monkeypatch.context() as planted:
        planted.setattr(isolation, "decode", planted_decode)
        runner.run(bounding_box=box)
    work = WorkDir(runner.dataset.work_dir, "crops")
    assert read_table(work.table("invalid"))["reason"].tolist() == ["decoder_crashed"]
    runner.run(bounding_box=box)
    assert read_table(work.table("invalid")).empty
