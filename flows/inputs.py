"""Make the inputs of a run ready: buckets mirrored, archives and videos opened up."""

from __future__ import annotations

from imgvet.flows.stages import Stages
from imgvet.options import FetchOptions, RunOptions, SourceOptions, VideoOptions
from imgvet.sources.inputs import Inputs
from imgvet.tasks.inputs import extract_archives, remove_mirrored, sync_s3_to_local


def make_ready(stages: Stages, options: RunOptions, inputs: Inputs, run_id: str) -> None:
    """Run sync_s3_to_local for each bucket, and extract_archives if there are any.

    Images of buckets are copied only if asked for; archives and videos have to be.
    """
    sources, fetch = options.part(SourceOptions), options.part(FetchOptions)
    paths = set(inputs.compressed)
    for name in inputs.remote:
        paths |= stages.run(sync_s3_to_local, name, sources, fetch, run_id).compressed
    if paths:
        stages.run(extract_archives, tuple(sorted(paths)), options.part(VideoOptions), fetch)


def clean_up(stages: Stages, options: RunOptions, inputs: Inputs, run_id: str) -> None:
    """Remove what this run downloaded, if asked for; never a file of the user's."""
    fetch = options.part(FetchOptions)
    if inputs.remote and (fetch.delete_img or fetch.delete_tar):
        stages.run(remove_mirrored, fetch, options.part(VideoOptions), run_id)
