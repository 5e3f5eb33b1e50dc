"""The same photographs give the same results through every kind of input."""

from __future__ import annotations

import builtins
import os
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import pandas as pd
import pytest

from imgvet.dataset import Dataset
from imgvet.engine.warm_up import files_to_measure, measure_ahead
from imgvet.flows.analyze_dataset import analyze_dataset
from imgvet.flows.request import as_checked, check_request
from imgvet.options import make_options
from imgvet.sections import Section
from imgvet.summary import RunSummary, read_record
from imgvet.workdir import CROPS_PART, WorkDir
from support.fault_proxy import FaultProxy
from support.pictures import photograph
from support.s3_server import Bucket
from support.videos import write_scenes, write_video

from .conftest import FinishedRun, Runner

pytest_plugins = ("support.s3_fixtures",)


def members(photos: Path) -> list[Path]:
    return sorted(photos.iterdir())


def as_tar(photos: Path, target: Path, mode: str) -> Path:
    with tarfile.open(target, mode) as archive:
        for path in members(photos):
            archive.add(path, path.name)
    return target


def as_zip(photos: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in members(photos):
            archive.write(path, path.name)
    return target


def as_list(photos: Path, target: Path) -> Path:
    target.write_text("".join(f"{path}\n" for path in members(photos)))
    return target


ARCHIVES: dict[str, Callable[[Path, Path], Path]] = {
    "photos.tar": lambda photos, target: as_tar(photos, target, "w"),
    "photos.tar.gz": lambda photos, target: as_tar(photos, target, "w:gz"),
    "photos.tgz": lambda photos, target: as_tar(photos, target, "w:gz"),
    "photos.zip": as_zip,
    "photos.txt": as_list,
    "photos.csv": as_list,
}


def run(name: object, work_dir: Path, **parameters: object) -> RunSummary:
    given = {"input_dir": name, "work_dir": work_dir, **parameters}
    return analyze_dataset(make_options(given))


def results(work_dir: Path) -> dict[str, pd.DataFrame]:
    """What does not depend on where the photographs lie."""
    dataset = Dataset(work_dir=work_dir)
    items = dataset.annotations(valid_only=False)
    return {
        "items": items[["id", "status", "digest", "file_size", "embedding_row"]],
        "stats": pd.read_parquet(work_dir / "tables" / "stats.parquet"),
        "similarity": pd.read_parquet(work_dir / "tables" / "similarity.parquet"),
        "components": pd.read_parquet(work_dir / "tables" / "components.parquet"),
        "outliers": pd.read_parquet(work_dir / "tables" / "outliers.parquet"),
    }


def require_same(left: Path, right: Path) -> None:
    for name, expected in results(left).items():
        pd.testing.assert_frame_equal(results(right)[name], expected, obj=name)


QUICK = {"photos.tar.gz", "photos.zip"}
"""The others go the same ways."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in ARCHIVES],
)
def test_an_archive_or_a_list_gives_what_the_folder_gives(
    name: str, finished: Runner, first_run: FinishedRun, tmp_path: Path
) -> None:
    source = ARCHIVES[name](finished.photos, tmp_path / name)
    assert run(source, tmp_path / "other").counts == first_run.summary.counts
    require_same(finished.dataset.work_dir, tmp_path / "other")


def test_a_bucket_gives_what_the_folder_gives_and_is_read_once(
    finished: Runner, tmp_path: Path, bucket: Bucket, proxy: FaultProxy
) -> None:
    bucket.put({f"photos/{path.name}": path.read_bytes() for path in members(finished.photos)})
    name = f"s3://{bucket.name}/photos"
    run(name, tmp_path / "out")
    assert len(proxy.gets()) == 15
    require_same(finished.dataset.work_dir, tmp_path / "out")
    run(name, tmp_path / "out")
    assert len(proxy.gets()) == 15


def test_a_mirrored_bucket_gives_what_the_folder_gives_and_delete_img_removes_the_copies(
    finished: Runner, tmp_path: Path, bucket: Bucket, proxy: FaultProxy
) -> None:
    bucket.put({f"photos/{path.name}": path.read_bytes() for path in members(finished.photos)})
    name, out = f"minio+http://{proxy.host}/{bucket.name}/photos", tmp_path / "out"
    run(name, out, sync_s3_to_local=True, delete_img=True)
    require_same(finished.dataset.work_dir, out)
    assert Dataset(work_dir=out).annotations()["filename"].iloc[0] == f"{name}/copy of 0.jpg"
    assert list((out / "store" / "mirror").rglob("*.jpg")) == []


def test_a_missing_file_does_not_make_a_second_run_read_the_others(
    photos: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "photos.csv"
    listed.write_text("".join(f"{path}\n" for path in [*members(photos), tmp_path / "gone.jpg"]))
    assert run(listed, tmp_path / "out").invalid_by_reason["missing"] == 1
    run(listed, tmp_path / "out")
    stages = Dataset(work_dir=tmp_path / "out").record().stages
    assert {stage.computed for stage in stages} == {0}


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param("tar", marks=pytest.mark.slow),
        "tgz",
        pytest.param("zip", marks=pytest.mark.slow),
    ],
)
def test_an_archive_in_a_bucket_gives_what_the_folder_gives(
    ending: str, finished: Runner, tmp_path: Path, bucket: Bucket, proxy: FaultProxy
) -> None:
    made = ARCHIVES[f"photos.{ending}"](finished.photos, tmp_path / f"photos.{ending}")
    bucket.put({f"sets/train.{ending}": made.read_bytes()})
    run(f"s3://{bucket.name}/sets", tmp_path / "out")
    require_same(finished.dataset.work_dir, tmp_path / "out")
    items = Dataset(work_dir=tmp_path / "out").annotations()
    name = f"s3://{bucket.name}/sets/train.{ending}"
    assert items["filename"].iloc[0] == f"{name}!copy of 0.jpg"
    assert set(items["split"]) == {"train"}
    proxy.requests.clear()
    run(f"s3://{bucket.name}/sets", tmp_path / "out")
    assert proxy.gets() == []


def test_delete_tar_removes_what_was_downloaded_and_the_results_stay(
    photos: Path, tmp_path: Path, bucket: Bucket, proxy: FaultProxy
) -> None:
    made = ARCHIVES["photos.tgz"](photos, tmp_path / "photos.tgz")
    bucket.put({"a.tgz": made.read_bytes()})
    listed = tmp_path / "list.txt"
    listed.write_text(f"s3://{bucket.name}/a.tgz\n")
    out = tmp_path / "out"
    assert run(listed, out, delete_tar=True).counts.images == 15
    assert list((out / "store" / "mirror").rglob("*.tgz")) == []
    assert list((out / "store" / "extracted").iterdir()) == []
    assert run(listed, out, delete_tar=True).counts.images == 15
    assert run(made, tmp_path / "local", delete_tar=True).counts.images == 15
    assert made.exists()


def test_frames_of_a_video_in_a_bucket_are_items(
    tmp_path: Path, bucket: Bucket, proxy: FaultProxy
) -> None:
    write_video(tmp_path / "a.mp4", frames=40)
    bucket.put({"a.mp4": (tmp_path / "a.mp4").read_bytes()})
    run(f"s3://{bucket.name}", tmp_path / "out")
    names = Dataset(work_dir=tmp_path / "out").annotations()["filename"]
    assert names.tolist()[:2] == [f"s3://{bucket.name}/a.mp4#t={time}" for time in ("0.0", "1.0")]


def test_archives_and_images_in_a_bucket_mix_unless_some_are_ignored(
    photos: Path, tmp_path: Path, bucket: Bucket, proxy: FaultProxy
) -> None:
    made = as_zip(photos, tmp_path / "photos.zip")
    bucket.put({"a.zip": made.read_bytes(), "b.jpg": (photos / "photo00.jpg").read_bytes()})
    name, out = f"s3://{bucket.name}", tmp_path / "out"
    assert run(name, out, no_archives=True).counts.images == 1
    assert [request.path for request in proxy.gets()] == [f"/{bucket.name}/b.jpg"]
    assert run(name, out, tar_only=True).counts.images == 15
    assert run(name, out).counts.images == 16
    assert len(proxy.gets()) == 2


def test_a_key_that_looks_like_a_member_is_an_object(
    photos: Path, tmp_path: Path, bucket: Bucket, proxy: FaultProxy
) -> None:
    bucket.put({"a.tar!b.jpg": (photos / "photo00.jpg").read_bytes()})
    run(f"s3://{bucket.name}", tmp_path / "out")
    names = Dataset(work_dir=tmp_path / "out").annotations()["filename"]
    assert names.tolist() == [f"s3://{bucket.name}/a.tar!b.jpg"]


def test_each_file_is_looked_at_once_and_read_once(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From checking the request to the report, as in a run from the command line."""
    calls: Counter[tuple[str, str]] = Counter()

    def counted(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(path: object, *values: object, **named: object) -> object:
            if isinstance(path, (str, Path)) and str(path).startswith(str(photos)):
                calls[name, str(path)] += 1
            return real(path, *values, **named)

        return call

    for owner, name in (
        (os, "stat"),
        (os, "lstat"),
        (os, "scandir"),
        (os, "listdir"),
        (builtins, "open"),
    ):
        monkeypatch.setattr(owner, name, counted(name, getattr(owner, name)))
    options = make_options({"input_dir": photos, "work_dir": tmp_path / "out"})
    request = check_request(options)
    files = files_to_measure(request.work, options, request.inputs.listing)
    measure_ahead(request.work, options, files, lambda: False)
    with as_checked(replace(request, to_measure=len(files))):
        assert analyze_dataset(options).counts.images == 15
    stages = read_record(request.work).stages
    counted_items = {one.stage: (one.computed, one.reused) for one in stages}
    assert counted_items["compute_stats"] == (15, 0)
    assert counted_items["compute_advanced_stats"] == (0, 0)
    assert counted_items["embed"] == (13, 0)
    assert calls["scandir", str(photos)] + calls["listdir", str(photos)] <= 2
    for path in members(photos):
        assert calls["stat", str(path)] + calls["lstat", str(path)] == 1
        assert calls["open", str(path)] == 1


def test_frames_of_two_videos_are_items_and_join_across_them(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    write_video(videos / "a.mp4", frames=40)
    shutil.copyfile(videos / "a.mp4", videos / "b.mp4")
    (videos / "broken.mp4").write_bytes(b"no video")
    run(videos, tmp_path / "out")
    dataset = Dataset(work_dir=tmp_path / "out")
    names = [Path(name).name for name in dataset.annotations()["filename"]]
    assert names[:2] == ["a.mp4#t=0.0", "a.mp4#t=1.0"]
    assert len(names) == 8
    assert [Path(name).name for name in dataset.invalid_instances()["filename"]] == ["broken.mp4"]
    members_of, _ = dataset.connected_components()
    files = members_of["filename"].map(lambda name: Path(name).name.partition("#")[0])
    assert files.groupby(members_of["component_id"]).nunique().max() == 2
    run(videos, tmp_path / "out", bounding_box="row_y=0,col_x=0,height=32,width=48")
    for part in ("", CROPS_PART):
        report = WorkDir(tmp_path / "out", part).report
        assert 'id="videos"' in (report / Section.VIDEOS.page).read_text(), part


@pytest.mark.parametrize("copied", ["copy.avi", "clips.zip!a/copy.avi"])
def test_a_trimmed_copy_of_a_video_at_another_rate_and_size_is_told(
    tmp_path: Path, copied: str
) -> None:
    """The film shows eight scenes of a second, the copy those from the third on, then stands."""
    videos = tmp_path / "videos"
    videos.mkdir()
    scenes = [photograph(number) for number in range(8)]
    write_scenes(videos / "film.mp4", scenes, rate=10, size=(320, 240))
    copy = write_scenes(
        tmp_path / "copy.avi", [*scenes[2:], *[scenes[7]] * 3], rate=15, size=(240, 180)
    )
    if "!" in copied:
        with zipfile.ZipFile(videos / "clips.zip", "w") as archive:
            archive.write(copy, copied.partition("!")[2])
    else:
        shutil.move(copy, videos / copied)
    run(videos, tmp_path / "out")
    dataset = Dataset(work_dir=tmp_path / "out")
    (pair,) = dataset.video_pairs().to_dict("records")
    ends = [str(videos / copied), str(videos / "film.mp4")]
    assert [pair[end] for end in ("video", "other")] == ends
    assert pair["offset_ms"] == pytest.approx(2000, abs=200)
    assert pair["aligned_frames"] == 6
    assert pair["overlap"] == pytest.approx(6 / 8)
    (still,) = dataset.frozen_stretches().to_dict("records")
    assert (still["video"], still["frames"]) == (str(videos / copied), 4)
    page = (dataset.work_dir / "report" / Section.VIDEOS.page).read_text()
    assert "later in the second" in page
    assert "1\u00a0stretch" in page


def test_loose_images_archives_and_videos_mix_unless_some_are_ignored(
    photos: Path, tmp_path: Path
) -> None:
    """A copy is planted in the archive, a broken picture in the archive, a still in the folder."""
    folder, out = tmp_path / "mixed", tmp_path / "out"
    folder.mkdir()
    write_video(folder / "film.mp4", frames=40)
    frame = cv2.VideoCapture(str(folder / "film.mp4")).read()[1]
    cv2.imwrite(str(folder / "still.png"), frame)
    for name in ("photo00.jpg", "photo01.jpg"):
        shutil.copyfile(photos / name, folder / name)
    with tarfile.open(folder / "shard.tar", "w") as archive:
        archive.add(photos / "photo00.jpg", "copy.jpg")
        archive.add(photos / "photo02.jpg", "other.jpg")
        (tmp_path / "broken").write_bytes(b"no picture")
        archive.add(tmp_path / "broken", "broken.jpg")
        archive.add(write_video(tmp_path / "b.avi", frames=15), "sub/film.avi")
    loose = ["photo00.jpg", "photo01.jpg", "still.png"]
    packed = [*(f"film.mp4#t={second}.0" for second in range(4)), "shard.tar!broken.jpg"]
    packed += ["shard.tar!copy.jpg", "shard.tar!other.jpg"]
    packed += ["shard.tar!sub/film.avi#t=0.0", "shard.tar!sub/film.avi#t=1.0"]

    def names(**ignored: bool) -> list[str]:
        run(folder, out, **ignored)
        items = Dataset(work_dir=out).annotations(valid_only=False)
        return [os.path.relpath(name, folder) for name in items["filename"]]

    assert names(no_archives=True) == loose
    assert names(tar_only=True) == packed
    assert names() == sorted([*loose, *packed])
    dataset = Dataset(work_dir=out)
    (broken,) = dataset.invalid_instances()["filename"]
    assert broken == str(folder / "shard.tar!broken.jpg")
    assert ("photo00.jpg", "shard.tar!copy.jpg") in pairs_of(dataset, folder)
    assert ("film.mp4#t=0.0", "still.png") in pairs_of(dataset, folder)


def pairs_of(dataset: Dataset, folder: Path) -> set[tuple[str, ...]]:
    """The similar pairs, by their names in the folder."""
    names = dataset.similarity()[["filename_from", "filename_to"]].itertuples(index=False)
    return {tuple(sorted(os.path.relpath(name, folder) for name in pair)) for pair in names}


def test_what_files_of_a_shard_tell_travels_to_the_items(photos: Path, tmp_path: Path) -> None:
    first, second = (
        path for path in members(photos) if path.name in {"photo00.jpg", "photo01.jpg"}
    )
    shard = tmp_path / "pets-train-0001.tar"
    with tarfile.open(shard, "w") as archive:
        archive.add(first, "1.jpg")
        archive.add(second, "2.jpg")
        (tmp_path / "1.json").write_text('{"label": "cat", "weight": 3}')
        archive.add(tmp_path / "1.json", "1.json")
    run(shard, tmp_path / "out")
    items = Dataset(work_dir=tmp_path / "out").annotations()
    assert items["label"].tolist()[0] == "cat"
    assert items["split"].tolist() == ["train", "train"]
    assert items["metadata"].tolist()[0] == '{"json": {"label": "cat", "weight": 3}}'
    assert items["metadata"].isna().tolist() == [False, True]
