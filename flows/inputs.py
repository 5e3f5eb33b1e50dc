"""Make the inputs of a run ready: buckets mirrored, archives and videos opened up."""

from __future__ import annotations

from imgvet.flows.stages import Stages
from imgvet.options import FetchOptions, RunOptions, SourceOptions, VideoOptions
from imgvet.sources.inputs import Inputs
from imgvet.sources.kinds import is_archive_name
from imgvet.tasks.extracting import ToExtract, extract_archives
from imgvet.tasks.syncing import SyncInput, ToRemove, remove_mirrored, sync_s3_to_local


def make_ready(stages: Stages, options: RunOptions, inputs: Inputs, run_id: str) -> None:
    """Run sync_s3_to_local for each bucket, and extract_archives if there are any.

    Images of buckets are copied only if asked for; archives and videos have to be.
    """
    sources, fetch = options.part(SourceOptions), options.part(FetchOptions)
    copied: list[str] = []
    for name in inputs.remote:
        wanted = SyncInput(name=name, sources=sources, images=fetch.sync_s3_to_local)
        copied += stages.run(sync_s3_to_local, wanted, run_id).opened
    wanted_files = ToExtract(
        archives=(*inputs.archives, *sorted({path for path in copied if is_archive_name(path)})),
        videos=(*inputs.videos, *sorted({path for path in copied if not is_archive_name(path)})),
        frames=sources.part(VideoOptions),
        resume=fetch.resume,
    )
    if wanted_files.archives or wanted_files.videos:
        stages.run(extract_archives, wanted_files)


def clean_up(stages: Stages, options: RunOptions, inputs: Inputs, run_id: str) -> None:
    """Remove what this run downloaded, if asked for; never a file of the user's."""
    wanted = ToRemove(
        images=options.delete_img, compressed=options.delete_tar, frames=options.part(VideoOptions)
    )
    if (wanted.images or wanted.compressed) and inputs.remote:
        stages.run(remove_mirrored, wanted, run_id)
