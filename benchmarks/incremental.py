"""Runs after the first one: unchanged, 1 % new, 1 % gone, 1 % changed, and more.

One work dir goes through all changes, one after the other; each run is compared with the first. The
pictures are small (64x48), so that making and reading them is not what is measured; embedding
costs the same as for large ones.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.imgvet_run import run_imgvet
from benchmarks.pictures import SMALL, photographs, picture_set, write_pictures
from benchmarks.rows import Row, at_most, only
from benchmarks.settings import Settings

COUNT, QUICK_COUNT = 5_800, 100
CHANGED_SHARE = 0.01
UNCHANGED_SECONDS, SHARE_OF_FIRST = 4.0, 0.15
UNCHANGED, NEW = "nothing changed", f"{CHANGED_SHARE:.0%} new"


def incremental(settings: Settings) -> list[Row]:
    """The first run, and one after each change."""
    count = settings.size(COUNT, QUICK_COUNT)
    made = picture_set(settings, count, SMALL)
    with settings.scratch() as scratch:
        pictures, work = scratch / "pictures", scratch / "imgvet"
        shutil.copytree(made, pictures)
        first = run_imgvet(pictures, work)
        later = {
            what: run_imgvet(folder, work, *options)
            for what, folder, options in _changes(settings, count, pictures)
        }
    size = f"{count:,} images"
    rows = [
        only(f"{size}: first run", first.seconds, " s"),
        only(f"{size}: first run, processor time", first.processor_seconds, " s"),
    ]
    for name, finished in later.items():
        what, seconds = f"{size}: {name}", finished.seconds
        share = finished.processor_seconds / first.processor_seconds
        of_first = f"{what}, share of the first run's processor time"
        rows += [
            at_most(what, seconds, UNCHANGED_SECONDS, " s")
            if name == UNCHANGED
            else only(what, seconds, " s"),
            at_most(of_first, share, SHARE_OF_FIRST) if name == NEW else only(of_first, share),
        ]
    return rows


def _changes(
    settings: Settings, count: int, pictures: Path
) -> Iterator[tuple[str, Path, tuple[str, ...]]]:
    """Make one change after the other: what it is, the folder to vet, and options."""
    few = max(1, round(count * CHANGED_SHARE))
    photos, percent = photographs(settings.photos), f"{CHANGED_SHARE:.0%}"
    yield UNCHANGED, pictures, ()
    write_pictures(photos, range(count, count + few), SMALL, pictures)
    yield NEW, pictures, ()
    files = sorted(pictures.rglob("*.jpg"))
    for path in files[:: count // few][:few]:
        path.unlink()
    yield f"{percent} deleted", pictures, ()
    files = sorted(pictures.rglob("*.jpg"))
    for path, other in zip(files[:few], files[-few:], strict=True):
        path.write_bytes(other.read_bytes() + b"changed")
    yield f"{percent} changed in place", pictures, ()
    renamed = pictures.rename(pictures.with_name("renamed"))
    yield "folder renamed", renamed, ()
    yield "advanced stats switched on", renamed, ("--run-advanced-stats",)
    yield "another model", renamed, ("--high-accuracy",)
