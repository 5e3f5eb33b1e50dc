"""How fast archives are indexed and read, and videos are decoded?

    python -m benchmarks.inputs
    python -m benchmarks.inputs --members 100000 --threads 2 --json inputs.json

Makes a tar, a gzipped tar and a zip with as many members as asked for, and a video, in a temporary
folder. Members are read in shuffled order by several threads. Memory is the greatest growth of the
process during one step, each step running in a process of its own.
"""

import argparse
import io
import json
import multiprocessing
import os
import random
import resource
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from imgvet.options import VideoOptions
from imgvet.sources.archive import ArchiveReader, archive_entries, prepare_archive
from imgvet.sources.location import parse_location
from imgvet.sources.video_frames import extract_frames

MEMBER_BYTES = 2000
VIDEO_SIZE, VIDEO_RATE, VIDEO_SECONDS = (1280, 720), 30, 60
ENDINGS = (".tar", ".tar.gz", ".zip")
Figures = dict[str, float]


def member_name(number: int) -> str:
    """Names in a hundred nested folders."""
    return f"train/class{number % 100:02d}/{number:07d}.jpg"


def write_archive(path: Path, members: int) -> None:
    """An archive of members of random bytes, which do not shrink."""
    block = os.urandom(MEMBER_BYTES + members)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(members):
                archive.writestr(member_name(number), block[number : number + MEMBER_BYTES])
        return
    mode = "w:gz" if path.suffix == ".gz" else "w"
    options = {"compresslevel": 1} if path.suffix == ".gz" else {}
    with tarfile.open(path, mode, **options) as archive:
        for number in range(members):
            header = tarfile.TarInfo(member_name(number))
            header.size = MEMBER_BYTES
            archive.addfile(header, io.BytesIO(block[number : number + MEMBER_BYTES]))
            archive.members = []


def write_film(path: Path) -> None:
    """A minute of a picture that moves."""
    width, height = VIDEO_SIZE
    coarse = np.random.default_rng(0).integers(0, 256, (60, 100, 3), np.uint8)
    ground = cv2.resize(coarse, (width + 300, height + 300))
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, VIDEO_RATE, VIDEO_SIZE)
    for number in range(VIDEO_RATE * VIDEO_SECONDS):
        x, y = number % 300, (number // 2) % 300
        writer.write(np.ascontiguousarray(ground[y : y + height, x : x + width]))
    writer.release()


def prepare_step(path: Path, store: Path) -> Figures:
    """Index or unpack an archive."""
    started = time.perf_counter()
    report = prepare_archive(path, store)
    return {"members/s": report.images / (time.perf_counter() - started)}


def list_step(path: Path, store: Path) -> Figures:
    """List an archive that is indexed."""
    started = time.perf_counter()
    count = sum(1 for _ in archive_entries(path, str(path), store))
    return {"members/s": count / (time.perf_counter() - started)}


def read_step(path: Path, store: Path, threads: int) -> Figures:
    """Read all members in shuffled order."""
    entries = archive_entries(path, str(path), store)
    names = [parse_location(entry.filename).member or "" for entry in entries]
    random.Random(0).shuffle(names)
    reader = ArchiveReader(store)
    started = time.perf_counter()

    def read(part: list[str]) -> int:
        return sum(len(reader.read_member(str(path), name)) for name in part)

    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(read, [names[first::threads] for first in range(threads)]))
    assert total == len(names) * MEMBER_BYTES
    return {"members/s": len(names) / (time.perf_counter() - started)}


def video_step(path: Path, store: Path, threads: int) -> Figures:
    """Decode a video and keep one frame a second."""
    started = time.perf_counter()
    report = extract_frames(path, store, VideoOptions(), threads)
    seconds = time.perf_counter() - started
    assert report.frames == VIDEO_SECONDS
    return {"frames/s": VIDEO_RATE * VIDEO_SECONDS / seconds, "kept/s": report.frames / seconds}


def measured(step: Callable[[], Figures]) -> Figures:
    """The figures of a step and the growth of memory (MB) in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_with_memory, (step,))


def _with_memory(step: Callable[[], Figures]) -> Figures:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = step()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {**figures, "memory MB": (after - before) / 1024}


def measure_all(folder: Path, members: int, threads: int) -> dict[str, Figures]:
    """All figures, by step."""
    figures = {}
    store = folder / "store"
    for ending in ENDINGS:
        path = folder / f"a{ending}"
        write_archive(path, members)
        figures[f"{ending[1:]}: first look"] = measured(partial(prepare_step, path, store))
        figures[f"{ending[1:]}: list"] = measured(partial(list_step, path, store))
        figures[f"{ending[1:]}: read"] = measured(partial(read_step, path, store, threads))
        path.unlink()
    film = folder / "film.mp4"
    write_film(film)
    figures["video 1280x720"] = measured(partial(video_step, film, store, threads))
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=100_000, help="members of each archive")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure_all(Path(folder), arguments.members, arguments.threads)
    for name, values in figures.items():
        shown = "  ".join(f"{unit} {value:10,.0f}" for unit, value in values.items())
        print(f"{name:22} {shown}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
