"""Stage sync_s3_to_local: mirror buckets ahead of the run that reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

from prefect.runtime import task_run

from imgvet.errors import TransportError
from imgvet.options import FetchOptions, SourceOptions, VideoOptions
from imgvet.sources.archive import packed_archive
from imgvet.sources.inputs import remote_files
from imgvet.sources.kinds import Kind, kind_of_file
from imgvet.sources.s3_mirror import SyncReport, remove_downloaded, sync_to_local
from imgvet.sources.video import packed_video
from imgvet.tasks.context import RunContext
from imgvet.tasks.policy import TRANSPORT_RETRIES, transport_stage, uncached_stage


@transport_stage
def sync_s3_to_local(
    context: RunContext, name: str, sources: SourceOptions, fetch: FetchOptions, run: str
) -> SyncReport:
    """Mirror the archives and videos of one input and, if asked for, its images.

    Args:
        context: where the run happens.
        name: a bucket, a folder or an object in it, or a list that names objects.
        sources: what of it is wanted.
        fetch: whether images are mirrored.
        run: the run, by which :func:`remove_mirrored` knows what it downloaded.
    """
    listed = (
        entry
        for entry, kind in remote_files(name, sources)
        if fetch.sync_s3_to_local or kind is not Kind.IMAGE
    )
    report = sync_to_local(listed, context.work.mirror, run, sources.min_file_size)
    if report.transient and task_run.run_count <= TRANSPORT_RETRIES:
        # What arrived stays, so the next attempt asks only for the rest; after the last one the
        # rest become rows that say why.
        raise TransportError(
            f"{report.failed} objects of {name} did not arrive, such as {report.transient}",
            "Run again: what arrived is kept",
        )
    return report


@uncached_stage
def remove_mirrored(
    context: RunContext, fetch: FetchOptions, videos: VideoOptions, run: str
) -> int:
    """Remove what this run downloaded, with all that was made of it, and count it."""
    work = context.work

    def is_wanted(key: str) -> bool:
        return fetch.delete_img if kind_of_file(key) is Kind.IMAGE else fetch.delete_tar

    def forget(path: Path) -> None:
        kind = kind_of_file(path.name)
        if kind is Kind.IMAGE or not path.exists():
            return
        archive = kind is Kind.ARCHIVE
        packed = (
            packed_archive(path, work.extracted)
            if archive
            else packed_video(path, work.frames, videos)
        )
        shutil.rmtree(packed.folder, ignore_errors=True)

    return remove_downloaded(work.mirror, run, is_wanted, before=forget)
