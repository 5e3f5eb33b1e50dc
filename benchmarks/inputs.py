"""The same pictures as folder, tar, gzipped tar, zip and bucket: images a second, side by side.

What a user waits for: ``imgvet run`` on each input with a new work dir, in turn. The rate counts
the stages that depend on the input (mirroring a bucket, opening up archives, listing, reading and
measuring), as the run itself recorded them. Whole runs are compared as well, also in processor
time, which other programs disturb less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pyarrow.parquet as pq

from benchmarks.archives import ENDINGS, Film, write_archive, write_film
from benchmarks.imgvet_run import run_imgvet, stage_seconds
from benchmarks.pictures import picture_set
from benchmarks.rows import Row, only
from benchmarks.s3 import FilledBucket, bare_rate, filled_bucket, reader_rate
from benchmarks.settings import Settings
from imgvet.sources.kinds import is_image_name

COUNT, QUICK_COUNT = 2000, 20
FILM, QUICK_FILM = Film(), Film(seconds=2, width=320, height=240)
FOLDER, SYNCED = "folder", "S3 synced"
_SYNC, _EXTRACT = "sync_s3_to_local", "extract_archives"
_INPUT_STAGES = (_SYNC, _EXTRACT, "list_items", "compute_stats")


@dataclass(frozen=True)
class Source:
    """One way in which the pictures are given.

    Attributes:
        name: what it is called in the table.
        place: the input.
        options: more options of the run.
        bucket: the bucket that the input lies in, if it is one.
    """

    name: str
    place: Path | str
    options: tuple[str, ...] = ()
    bucket: FilledBucket | None = None


@dataclass(frozen=True)
class Timed:
    """One run.

    Attributes:
        rate: images a second through the stages that depend on the input.
        seconds: the whole command.
        processor_seconds: the same in processor time, without that of a bucket's server.
        digests: content digests of the images, sorted.
        again: seconds of mirroring when nothing is new, for a bucket that is mirrored.
    """

    rate: float
    seconds: float
    processor_seconds: float
    digests: list[str] = field(repr=False)
    again: float | None = None


def inputs(settings: Settings) -> list[Row]:
    """Images a second from each kind of input, and frames a second from a film."""
    pictures = settings.pictures or picture_set(settings, settings.size(COUNT, QUICK_COUNT))
    files = sorted(path for path in pictures.rglob("*") if is_image_name(path.name))
    with settings.scratch() as scratch, ExitStack() as stack:
        bucket = stack.enter_context(filled_bucket(contents(pictures, files)))
        bare = bare_rate(bucket, [name_of(path, pictures) for path in files])
        read = reader_rate(bucket)
        sources = list(_sources(pictures, files, bucket, scratch))
        # First, so that the first run on pictures finds the program in the system's cache.
        film = _film(settings)
        rounds = [
            _round(sources, scratch / f"round-{number}")
            for number in range(settings.size(settings.repeats, 1))
        ]
    what = f"{len(files):,} pictures"
    of_server = [
        only("S3: bare http.client, objects/s", bare),
        only("S3: read by a run that does nothing with them, objects/s", read),
    ]
    return [*rows_of(what, rounds), *of_server, film]


def contents(folder: Path, files: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file; names are relative to the folder."""
    return ((name_of(path, folder), path.read_bytes()) for path in files)


def name_of(path: Path, folder: Path) -> str:
    """A file's name in an archive or a bucket."""
    return path.relative_to(folder).as_posix()


def _sources(
    pictures: Path, files: Sequence[Path], bucket: FilledBucket, scratch: Path
) -> Iterator[Source]:
    yield Source(FOLDER, pictures)
    for ending in ENDINGS:
        archive = scratch / f"pictures{ending}"
        write_archive(archive, contents(pictures, files))
        yield Source(ending.removeprefix("."), archive)
    yield Source("S3 streamed", bucket.uri, bucket=bucket)
    yield Source(SYNCED, bucket.uri, ("--sync-s3-to-local",), bucket)


def _round(sources: Sequence[Source], scratch: Path) -> dict[str, Timed]:
    """One run on each source, in turn, with work dirs of their own."""
    scratch.mkdir()
    found = {
        source.name: _timed(source, scratch / f"work-{number}")
        for number, source in enumerate(sources)
    }
    for name, run in found.items():
        if run.digests != found[FOLDER].digests:
            raise RuntimeError(f"the images of {name} are not those of the folder")
    return found


def _timed(source: Source, work_dir: Path) -> Timed:
    environment = source.bucket.environment if source.bucket else None
    done = run_imgvet(source.place, work_dir, *source.options, environment=environment)
    stages = stage_seconds(work_dir)
    items = pq.read_table(work_dir / "tables" / "items.parquet", columns=["digest"])
    digests = sorted(items.column("digest").drop_null().to_pylist())
    again = None
    if source.name == SYNCED:
        run_imgvet(source.place, work_dir, *source.options, environment=environment)
        again = stage_seconds(work_dir)[_SYNC]
    waited = sum(stages.get(stage, 0.0) for stage in _INPUT_STAGES)
    rate = len(digests) / waited
    return Timed(rate, done.seconds, done.processor_seconds, digests, again)


def rows_of(what: str, rounds: Sequence[dict[str, Timed]]) -> list[Row]:
    """The rate of each input, and how it and the whole run compare to the folder's."""
    rows = []
    for name in rounds[0]:
        runs = [(found[name], found[FOLDER]) for found in rounds]
        rows.append(only(f"{what}, {name}: images/s", median(run.rate for run, _ in runs)))
        if name == FOLDER:
            continue
        rate = median(run.rate / folder.rate for run, folder in runs)
        whole = median(run.seconds / folder.seconds for run, folder in runs)
        rows.append(only(f"{what}, {name}: ratio to the folder's", rate, " x"))
        work = median(run.processor_seconds / folder.processor_seconds for run, folder in runs)
        rows.append(only(f"{what}, {name}: whole run, ratio to the folder's", whole, " x"))
        rows.append(only(f"{what}, {name}: the same, processor time", work, " x"))
    synced = [found[SYNCED].again for found in rounds if SYNCED in found]
    again = [seconds for seconds in synced if seconds is not None]
    if again:
        rows.append(only(f"{what}, {SYNCED}: mirroring, nothing new", median(again), " s"))
    return rows


def _film(settings: Settings) -> Row:
    film = QUICK_FILM if settings.quick else FILM
    with settings.scratch() as scratch:
        path = scratch / "film.mp4"
        write_film(path, film)
        run_imgvet(path, scratch / "work")
        seconds = stage_seconds(scratch / "work")[_EXTRACT]
    what = f"film of {film.seconds} s, {film.width}x{film.height}"
    return only(f"{what}: frames decoded/s", film.rate * film.seconds / seconds)
