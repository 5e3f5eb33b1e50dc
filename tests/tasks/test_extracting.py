"""The task extract_archives."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from imgvet.progress import LOGGER_NAME
from imgvet.sources.archive import Archives
from imgvet.sources.local import walk_file
from imgvet.sources.video import Videos
from imgvet.tasks.context import RunContext
from imgvet.tasks.extracting import ToExtract, extract_archives
from support.archives import write_any
from support.pictures import jpeg, scene
from support.videos import write_video


def test_archives_and_videos_are_made_readable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = {f"{number}.jpg": jpeg(scene(number)) for number in range(5)}
    archives = [write_any(tmp_path / f"a{ending}", images) for ending in (".tar", ".tgz", ".zip")]
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"")
    video = write_video(tmp_path / "film.avi", frames=25)
    wanted = ToExtract(
        archives=tuple(str(path) for path in (*archives, damaged)), videos=(str(video),)
    )
    context = RunContext(work_dir=tmp_path / "work", threads=2)
    with caplog.at_level(logging.INFO, LOGGER_NAME):
        done = extract_archives.fn(context, wanted)
    assert done == [5, 5, 5, 0, 3]
    assert caplog.records[-1].progress.done == 5  # type: ignore[attr-defined]

    store = tmp_path / "work" / "store"
    reader = Archives(store / "extracted")
    for path in archives:
        for entry in reader.entries(walk_file(path, "in")):
            member = entry.member or ""
            assert reader.read(str(path), member) == images[member]
    frames = Videos(store / "frames", wanted.frames)
    for entry in frames.entries(walk_file(video, "in")):
        assert entry.time_ms is not None
        assert isinstance(frames.read(str(video), str(entry.time_ms)), bytes)
    written = {index: index.stat().st_ino for index in store.rglob("index.parquet")}
    assert len(written) == 5
    assert extract_archives.fn(context, wanted) == done
    assert {index: index.stat().st_ino for index in store.rglob("index.parquet")} == written
