"""Stage extract_archives: what is needed to read archives and videos in any order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from imgvet.options import VideoOptions
from imgvet.progress import tracked
from imgvet.sources.archive import prepare_archive
from imgvet.sources.archive_members import ExtractLimits
from imgvet.sources.packed import PackedReport
from imgvet.sources.video import extract_frames
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import uncached_stage

STAGE = "extract_archives"


class ToExtract(BaseModel):
    """Archives and videos, as absolute paths, each once.

    Attributes:
        archives: the archives.
        videos: the videos.
        limits: how much one archive may unpack to.
        frames: which frames of videos are wanted.
        resume: continue what an interrupted run began instead of starting it again.
    """

    model_config = ConfigDict(frozen=True)

    archives: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()
    limits: ExtractLimits = ExtractLimits()
    frames: VideoOptions = VideoOptions()
    resume: bool = False


class Extracted(BaseModel):
    """What was found in each archive and video, in the order they were given."""

    model_config = ConfigDict(frozen=True)

    archives: tuple[PackedReport, ...]
    videos: tuple[PackedReport, ...]


@uncached_stage
def extract_archives(context: RunContext, wanted: ToExtract) -> Extracted:
    """Index archives, unpack those that can't be read in any order, and decode videos.

    What the store already holds of an unchanged file is used again.
    """
    work, total = context.work, len(wanted.archives) + len(wanted.videos)

    def prepare(path: str) -> PackedReport:
        return prepare_archive(Path(path), work.extracted, wanted.limits, resume=wanted.resume)

    each = max(1, context.threads // max(1, len(wanted.videos)))

    def decode(path: str) -> PackedReport:
        return extract_frames(Path(path), work.frames, wanted.frames, each, resume=wanted.resume)

    with ThreadPoolExecutor(context.threads) as pool:
        archives = list(tracked(pool.map(prepare, wanted.archives), STAGE, 0, total))
        done = len(archives)
        videos = list(tracked(pool.map(decode, wanted.videos), STAGE, done, total))
    return Extracted(archives=tuple(archives), videos=tuple(videos))
