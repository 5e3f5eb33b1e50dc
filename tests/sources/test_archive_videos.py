"""Videos in archives: their frames are those of the same video beside an archive."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from imgvet.errors import InputNotFoundError
from imgvet.options import VideoOptions
from imgvet.reasons import Reason
from imgvet.sources import archive
from imgvet.sources.inputs import opened
from imgvet.sources.listing import Entry, item_name
from imgvet.sources.local import walk_file
from imgvet.sources.video import Videos
from support.archives import archives_in, patch_directory, write_any, write_tar, write_zip
from support.videos import write_video

ENDINGS = [".tar", ".tar.gz", ".zip"]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", frames=25)


def listed(path: Path, options: VideoOptions | None = None) -> list[Entry]:
    found = archives_in(path.parent / "store", options)
    found.prepare(path)
    return list(found.entries(walk_file(path, "in")))


@pytest.mark.parametrize("ending", ENDINGS)
def test_frames_are_those_of_the_loose_video_and_have_its_label(
    tmp_path: Path, film: Path, ending: str
) -> None:
    contents = {
        "photo.jpg": b"photo", "a/film.mp4": film.read_bytes(), "a/film.cls": b"cat",
        "__MACOSX/a/._film.mp4": b"of macOS",
    }  # fmt: skip
    path = write_any(tmp_path / f"clips-train-1{ending}", contents)
    videos = Videos(tmp_path / "loose", VideoOptions())
    assert archives_in(tmp_path / "store").prepare(path) == videos.prepare(film) + 1 == 4
    entries = listed(path)
    frames = [entry for entry in entries if entry.time_ms is not None]
    assert len(frames) == 3
    assert {entry.filename for entry in frames} == {
        f"{path}!a/film.mp4#t={second}.0" for second in range(3)
    }
    assert {(entry.label, entry.split) for entry in frames} == {("cat", "train")}
    reader = Videos(tmp_path / "store", VideoOptions())
    for entry in frames:
        place = str(entry.time_ms)
        content = reader.read(str(path), place, entry.member)
        assert content == videos.read(str(film), place)
        assert isinstance(content, bytes)
        assert entry.file_size == len(content)


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_of_the_video_itself_stays_and_its_frames_go_with_the_archive(
    tmp_path: Path, film: Path, ending: str
) -> None:
    path = write_any(tmp_path / f"a{ending}", {"film.mp4": film.read_bytes()})
    assert len(listed(path, VideoOptions(video_fps=5))) == 13
    assert len(listed(path)) == 3
    store = tmp_path / "store"
    assert not list(store.rglob(".draft*"))
    before = set(store.iterdir())
    archives_in(store).forget(path)
    assert len(before - set(store.iterdir())) == 2  # the index, and the frames of this choice


def test_two_videos_of_an_archive_and_two_archives_are_told_apart(
    tmp_path: Path, film: Path
) -> None:
    other = write_video(tmp_path / "other.avi", frames=45)
    contents = {"film.mp4": film.read_bytes(), "other.avi": other.read_bytes()}
    first = write_zip(tmp_path / "a.zip", contents)
    assert [Path(entry.filename).name for entry in listed(first)] == [
        *(f"a.zip!film.mp4#t={second}.0" for second in range(3)),
        *(f"a.zip!other.avi#t={second}.0" for second in range(5)),
    ]
    first.write_bytes(write_zip(tmp_path / "b.zip", {"film.mp4": other.read_bytes()}).read_bytes())
    assert len(listed(first)) == 5  # the archive has changed


def test_an_unchanged_video_is_decoded_once_and_a_killed_run_goes_on(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path / "a.zip", {"film.mp4": film.read_bytes()})
    videos = Videos(tmp_path / "store", VideoOptions(video_fps=5))
    monkeypatch.setattr("imgvet.sources.containers.PART_MEMBERS", 4)
    expected = listed(path, VideoOptions(video_fps=5))
    folder = videos.find(path, "film.mp4").folder
    written = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert len(listed(path, VideoOptions(video_fps=5))) == 13
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == written

    # As a run leaves it that was killed while it decoded: two parts, no index.
    (folder / "index.parquet").unlink()
    for gone in (*folder.glob("part-00002.*"), *folder.glob("part-00003.*")):
        gone.unlink()
    resumed = archives_in(tmp_path / "store", VideoOptions(video_fps=5))
    assert resumed.prepare(path) == 13
    assert list(resumed.entries(walk_file(path, "in"))) == expected
    now = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert {name for name in written if now[name] == written[name]} == {
        f"part-0000{number}.{kind}" for number in (0, 1) for kind in ("bin", "parquet")
    }


def test_limits_hold_for_videos(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path / "a.zip", {"film.mp4": film.read_bytes(), "x.jpg": b"x"})
    monkeypatch.setattr(archive, "MOST_FILE_BYTES", film.stat().st_size - 1)
    found = {entry.member: entry.status for entry in listed(path)}
    assert found == {"film.mp4": Reason.TOO_LARGE, "x.jpg": Reason.OK}
    monkeypatch.undo()
    monkeypatch.setattr(archive, "MOST_BYTES", film.stat().st_size - 1)
    bomb = write_zip(tmp_path / "b.zip", {"film.mp4": film.read_bytes(), "x.jpg": b"x"})
    assert [(entry.member, entry.status) for entry in listed(bomb)] == [(None, Reason.ARCHIVE_BOMB)]


def test_a_damaged_or_cut_video_is_a_row_beside_its_frames(tmp_path: Path, film: Path) -> None:
    avi = write_video(tmp_path / "long.avi", frames=60).read_bytes()
    contents = {"cut.avi": avi[: len(avi) // 2], "wrong.mp4": film.read_bytes(), "x.jpg": b"x"}
    path = write_zip(tmp_path / "a.zip", contents, zipfile.ZIP_DEFLATED)
    patch_directory(path, "wrong.mp4", 16, "<I", 1)
    found = [(entry.filename, entry.status) for entry in listed(path)]
    bad = [(name, status) for name, status in found if status is not Reason.OK]
    assert bad == [
        (item_name(str(path), "cut.avi"), Reason.VIDEO_DAMAGED),
        (item_name(str(path), "wrong.mp4"), Reason.ARCHIVE_DAMAGED),
    ]
    assert len(found) > 4


def test_what_is_opened_without_a_run_has_the_frames(tmp_path: Path, film: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"film.mp4": film.read_bytes()})
    with opened([str(path)]) as (items, read):
        assert items["time_ms"].tolist() == [0, 1000, 2000]
        assert all(isinstance(read(row), bytes) for row in range(3))


def test_a_list_and_an_input_may_name_members_and_frames(tmp_path: Path, film: Path) -> None:
    contents = {"a/film.mp4": film.read_bytes(), "x.jpg": b"x", "y.jpg": b"y"}
    path, odd = write_zip(tmp_path / "a.zip", contents), tmp_path / "b.tar!c.jpg"
    odd.write_bytes(b"a file of that name")
    there = [f"{path}!a/film.mp4#t=1.0", f"{path}!y.jpg", str(odd), f"{film}#t=0.0"]
    gone = [f"{path}!z.jpg", f"{film}#t=0.25", f"{tmp_path}/d.zip!z.jpg"]
    for name in ("list.txt", "list.csv"):
        rows = [row.replace("#t=1.0", "#t=1") for row in there + gone]
        (tmp_path / name).write_text("\n".join(f'"{row}"' for row in rows))
        with opened([str(tmp_path / name)]) as (items, read):
            assert dict(zip(items["filename"], items["status"], strict=True)) == {
                **dict.fromkeys(there, "ok"), **dict.fromkeys(gone, "missing"),
                f"{tmp_path}/d.zip": "missing",
            }  # fmt: skip
            assert read(items["filename"].tolist().index(f"{path}!y.jpg")) == b"y"
    with opened(there + gone[:2]) as (items, _):
        states = dict(zip(items["filename"], items["status"], strict=True))
    assert states == dict.fromkeys(there, "ok") | dict.fromkeys(gone[:2], "missing")
    with pytest.raises(InputNotFoundError, match=r"d\.zip does not exist"), opened(gone[2:]):
        pass
    (tmp_path / "all.txt").write_text(f"{path}!y.jpg\n{path}\n")
    with opened([str(tmp_path / "all.txt")]) as (items, _):
        assert len(items) == 5  # what names the archive itself names all in it
