"""Make the inputs of a run ready: buckets mirrored, archives and videos opened up."""

from __future__ import annotations

from imgvet.flows.stages import Stages
from imgvet.options import FetchOptions, RunOptions, SourceOptions, VideoOptions
from imgvet.sources.inputs import compressed_inputs, remote_inputs, remote_limit
from imgvet.tasks.extracting import ToExtract, extract_archives
from imgvet.tasks.syncing import SyncInput, remove_mirrored, sync_s3_to_local


def make_ready(stages: Stages, options: RunOptions, run_id: str) -> None:
    """Run sync_s3_to_local for each bucket, if asked for, and extract_archives if there are any."""
    sources, fetch = options.part(SourceOptions), options.part(FetchOptions)
    if fetch.sync_s3_to_local:
        for wanted in _synced(sources):
            stages.run(sync_s3_to_local, wanted, run_id)
    archives, videos = compressed_inputs(sources)
    if archives or videos:
        frames = sources.part(VideoOptions)
        wanted_files = ToExtract(
            archives=archives, videos=videos, frames=frames, resume=fetch.resume
        )
        stages.run(extract_archives, wanted_files)


def clean_up(stages: Stages, options: RunOptions, run_id: str) -> None:
    """Remove what this run downloaded, if asked for; never a file of the user's."""
    if options.sync_s3_to_local and options.delete_img:
        for wanted in _synced(options.part(SourceOptions)):
            stages.run(remove_mirrored, wanted, run_id)


def _synced(sources: SourceOptions) -> list[SyncInput]:
    limit = remote_limit(sources)
    return [
        SyncInput(name=name, limit=limit, min_file_size=sources.min_file_size)
        for name in remote_inputs(sources)
    ]
