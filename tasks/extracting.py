"""Stage extract_archives: what is needed to read archives and videos in any order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from imgvet.options import VideoOptions
from imgvet.progress import tracked
from imgvet.sources.archive import Archives
from imgvet.sources.containers import Containers
from imgvet.sources.video import Videos
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import uncached_stage


class ToExtract(BaseModel):
    """Archives and videos, as absolute paths, each once."""

    model_config = ConfigDict(frozen=True)

    archives: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()
    frames: VideoOptions = VideoOptions()
    """Which frames of videos are wanted."""
    resume: bool = False
    """Continue what an interrupted run began instead of starting it again."""


@uncached_stage
def extract_archives(context: RunContext, wanted: ToExtract) -> list[int]:
    """Index archives, unpack those that can't be read in any order, and decode videos.

    What the store already holds of an unchanged file is used again. Returned is how many items
    each archive, and then each video, holds.
    """
    each = max(1, context.threads // max(1, len(wanted.videos)))
    archives = Archives(context.work.extracted)
    videos = Videos(context.work.frames, wanted.frames, each)
    files: list[tuple[Containers, str]] = [(archives, path) for path in wanted.archives]
    files += [(videos, path) for path in wanted.videos]

    def prepare(file: tuple[Containers, str]) -> int:
        return file[0].prepare(Path(file[1]), resume=wanted.resume)

    with ThreadPoolExecutor(context.threads) as pool:
        return list(tracked(pool.map(prepare, files), "extract_archives", 0, len(files)))
