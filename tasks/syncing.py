"""Stage sync_s3_to_local: mirror buckets ahead of the run that reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

from prefect.runtime import task_run
from pydantic import BaseModel, ConfigDict

from imgvet.errors import TransportError
from imgvet.options import SourceOptions, VideoOptions
from imgvet.sources.archive import Archives
from imgvet.sources.inputs import is_compressed, objects_of
from imgvet.sources.kinds import is_archive_name
from imgvet.sources.s3_mirror import remove_downloaded
from imgvet.sources.s3_sync import SyncOptions, SyncReport, sync_to_local
from imgvet.sources.video import Videos
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import TRANSPORT_RETRIES, transport_stage, uncached_stage
from imgvet.workdir import WorkDir


class SyncInput(BaseModel):
    """What is mirrored.

    Attributes:
        name: an input: a bucket, a folder or an object in it, or a list that names objects.
        sources: what of it is wanted.
        images: whether images are mirrored; archives and videos always are.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sources: SourceOptions
    images: bool = True


class ToRemove(BaseModel):
    """Which of the downloaded files are removed, with all that was made of them.

    Attributes:
        images: whether images are.
        compressed: whether archives and videos are.
        frames: which frames of videos were wanted.
    """

    model_config = ConfigDict(frozen=True)

    images: bool
    compressed: bool
    frames: VideoOptions = VideoOptions()


@transport_stage
def sync_s3_to_local(context: RunContext, wanted: SyncInput, run: str) -> SyncReport:
    """Mirror the images, archives and videos of one input.

    Args:
        context: where the run happens.
        wanted: what is mirrored.
        run: the run, by which :func:`remove_mirrored` knows what it downloaded.
    """
    options = SyncOptions(run, wanted.sources.min_file_size, is_opened=is_compressed)
    listed = (
        entry
        for entry in objects_of(wanted.name, wanted.sources, options.retry)
        if wanted.images or is_compressed(entry.path)
    )
    report = sync_to_local(listed, context.work.mirror, options)
    if report.transient and task_run.run_count <= TRANSPORT_RETRIES:
        # What arrived stays, so the next attempt asks only for the rest; after the last one the
        # rest become rows that say why.
        raise TransportError(
            f"{report.failed} objects of {wanted.name} did not arrive, such as "
            f"{report.failures[0].uri} ({report.failures[0].detail})",
            "Run again: what arrived is kept",
        )
    return report


@uncached_stage
def remove_mirrored(context: RunContext, wanted: ToRemove, run: str) -> int:
    """Remove what this run downloaded, and count it; the parameters delete_img and delete_tar."""

    def is_wanted(key: str) -> bool:
        return wanted.compressed if is_compressed(key) else wanted.images

    def forget(path: Path) -> None:
        _remove_opened(path, context.work, wanted.frames)

    return remove_downloaded(context.work.mirror, run, is_wanted, before=forget)


def _remove_opened(path: Path, work: WorkDir, frames: VideoOptions) -> None:
    """Remove what an archive was unpacked to, or the frames of a video."""
    if not is_compressed(path.name) or not path.exists():
        return
    kept = Archives(work.extracted) if is_archive_name(path.name) else Videos(work.frames, frames)
    shutil.rmtree(kept.find(path).folder, ignore_errors=True)
