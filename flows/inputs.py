"""Make the inputs of a run ready: buckets mirrored, archives and videos opened up."""

from __future__ import annotations

from imgvet.flows.stages import Stages
from imgvet.options import FetchOptions, RunOptions, SourceOptions, VideoOptions
from imgvet.sources.inputs import Inputs
from imgvet.sources.kinds import is_archive_name
from imgvet.tasks.extracting import ToExtract, extract_archives
from imgvet.tasks.syncing import remove_mirrored, sync_s3_to_local


def make_ready(stages: Stages, options: RunOptions, inputs: Inputs, run_id: str) -> None:
    """Run sync_s3_to_local for each bucket, and extract_archives if there are any.

    Images of buckets are copied only if asked for; archives and videos have to be.
    """
    sources, fetch = options.part(SourceOptions), options.part(FetchOptions)
    copied: set[str] = set()
    for name in inputs.remote:
        copied |= stages.run(sync_s3_to_local, name, sources, fetch, run_id).compressed
    paths = (*inputs.compressed, *sorted(copied))
    if paths:
        wanted = ToExtract(
            archives=tuple(path for path in paths if is_archive_name(path)),
            videos=tuple(path for path in paths if not is_archive_name(path)),
            frames=sources.part(VideoOptions),
            resume=fetch.resume,
        )
        stages.run(extract_archives, wanted)


def clean_up(stages: Stages, options: RunOptions, inputs: Inputs, run_id: str) -> None:
    """Remove what this run downloaded, if asked for; never a file of the user's."""
    fetch = options.part(FetchOptions)
    if inputs.remote and (fetch.delete_img or fetch.delete_tar):
        stages.run(remove_mirrored, fetch, options.part(VideoOptions), run_id)
