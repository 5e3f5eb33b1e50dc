"""The runs that ``same_results`` compares: every kind of input, and options that change results.

The command ``imgvet`` is started as a person starts it, so that any version can be run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.s3 import FilledBucket, filled_bucket
from benchmarks.same_inputs import STEPS, TAKEN_AWAY

PRINTED, SEARCH, WORK = "printed.txt", "search.txt", "work"
"""What lies in the folder of a run: what the command said, what was found, the work dir."""


@dataclass(frozen=True)
class Scenario:
    """One run, and what is asked of its results.

    Attributes:
        name: of the folder of the run.
        arguments: what ``imgvet run`` is given, but the work dir.
        search: a picture to search for in the results.
        watched: folder of what is added before each run of a watched dataset, if it is one.
    """

    name: str
    arguments: tuple[str, ...]
    search: Path | None = None
    watched: Path | None = None


def scenarios(inputs: Path, bucket: FilledBucket) -> Iterator[Scenario]:
    """All runs that are compared."""
    photos, boxes, videos = inputs / "photos", str(inputs / "boxes"), str(inputs / "videos")
    picture, small = photos / "test" / "000 crop 75 %.jpg", str(photos / "train")
    minio, yolo = f"minio+http://{bucket.host}/pictures/loose", str(inputs / "yolo" / "data.yaml")
    coco = (boxes, "--annotations", str(inputs / "coco.json"))
    yield Scenario("demo", (str(inputs / "demo"),))
    yield Scenario("photos", (str(photos),), search=picture)
    runs: dict[str, tuple[str, ...]] = {
        "advanced": (str(photos), "--run-advanced-stats"),
        "high accuracy": (str(photos), "--high-accuracy"),
        "euclidean": (small, "--distance", "euclidean", "--threshold", "0.7"),
        "canberra": (small, "--distance", "canberra", "--nnf-mode", "Flat", "--threshold", "0.5"),
        "more": (str(photos), "--nearest-neighbors-k", "5", "--cc-threshold", "0.85",
                 "--outlier-percentile", "0.2", "--dark-threshold", "120"),
        "less": (str(photos), "--no-run-stats", "--no-run-cc"),
        "part": (str(photos), "--find-regex", "t[er]", "--min-offset", "3", "--num-images", "90",
                 "--min-file-size", "4000", "--min-input-image-width", "250"),
        "archives": (str(inputs / "archives"),),
        "mixed": (str(inputs / "mixed"),),
        "mixed, tar only": (str(inputs / "mixed"), "--tar-only"),
        "mixed, no archives": (str(inputs / "mixed"), "--no-archives"),
        "nowhere, refused": (str(inputs / "nowhere"),),
        "videos": (videos,),
        "videos, more frames": (videos, "--video-fps", "2"),
        "video crops": (videos, "--bounding-box", "row_y=10,col_x=20,height=100,width=120"),
        "labels": (boxes, "--annotations", str(inputs / "labels.csv")),
        "rotated": (boxes, "--annotations", str(inputs / "rotated.csv")),
        "coco, whole": (*coco, "--data-type", "image"),
        "fixed box": (boxes, "--bounding-box", "row_y=10,col_x=20,height=100,width=120"),
        "yolo": (yolo,),
        "yolo boxes": (yolo, "--data-type", "bbox"),
        "own embeddings": (boxes, "--embeddings", str(inputs / "own.npy")),
        "text list": (str(inputs / "list.txt"),),
        "csv list": (str(inputs / "list.csv"),),
        "several": (boxes, str(photos / "test"), str(picture)),
        "bucket": (f"{bucket.uri}/loose",),
        "bucket, synced": (f"{bucket.uri}/loose", "--sync-s3-to-local"),
        "bucket, packed": (f"{bucket.uri}/packed",),
        "minio": (minio,),
    }  # fmt: skip
    yield from (Scenario(name, arguments) for name, arguments in runs.items())
    yield Scenario("coco", coco, search=picture)
    yield Scenario("watched", (), watched=inputs / "watched")


def make_runs(interpreter: Path, folder: Path, inputs: Path, only: Collection[str] = ()) -> None:
    """Make all runs, or only some, with the command beside an interpreter.

    Args:
        interpreter: of the environment of a version.
        folder: gets a folder for each run, in place of one that is there.
        inputs: what ``same_inputs`` made.
        only: names of runs; empty for all.
    """
    contents = {f"loose/{path.name}": path for path in (inputs / "boxes").rglob("*.jpg")}
    contents |= {f"packed/{path.name}": path for path in (inputs / "archives").glob("shard*")}
    contents |= {"packed/one.mp4": inputs / "videos" / "one.mp4"}
    with filled_bucket((key, path.read_bytes()) for key, path in contents.items()) as bucket:
        for scenario in scenarios(inputs, bucket):
            if only and scenario.name not in only:
                continue
            print(f"{folder.name}: {scenario.name}", file=sys.stderr, flush=True)
            place = folder / scenario.name
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            _make(scenario, _Command(interpreter.parent / "imgvet", place, bucket.environment))


@dataclass(frozen=True)
class _Command:
    """The command of a version.

    Attributes:
        path: the command itself.
        place: folder for what it says.
        variables: environment variables that lead to the bucket.
    """

    path: Path
    place: Path
    variables: Mapping[str, str]

    def say(self, *arguments: object) -> str:
        """Run it to its end; what it printed, and why it failed if it did."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")}
        done = subprocess.run(
            [str(self.path), *map(str, arguments)],
            env={**kept, **self.variables}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        (self.place / "progress.log").write_text(done.stderr, encoding="utf-8")
        if done.returncode == 0:
            return done.stdout
        # The lines before the last one are of the progress.
        reason = "".join(done.stderr.splitlines(keepends=True)[-1:])
        return f"{done.stdout}{reason}exit code {done.returncode}\n"


def _make(scenario: Scenario, command: _Command) -> None:
    work = command.place / WORK
    if scenario.watched is None:
        said = command.say("run", *scenario.arguments, "--work-dir", work)
    else:
        said = _watch(scenario.watched, work, command)
    (command.place / PRINTED).write_text(said, encoding="utf-8")
    if scenario.search is not None:
        part = work / "crops" if (work / "crops").exists() else work
        found = command.say("search", part, scenario.search, "--k", "20", "--json")
        (command.place / SEARCH).write_text(found, encoding="utf-8")


def _watch(steps: Path, work: Path, command: _Command) -> str:
    """Monitor a folder that changes between runs; what was printed."""
    dataset = steps / "dataset"
    shutil.rmtree(dataset, ignore_errors=True)
    said = ""
    for step in STEPS:
        shutil.copytree(steps / step, dataset, dirs_exist_ok=True)
        if step == STEPS[-1]:
            for path in (found for bad in TAKEN_AWAY for found in dataset.glob(f"{bad}*")):
                path.unlink()
        said += command.say("monitor", dataset, "--work-dir", work)
    return said + command.say("baseline", work)
