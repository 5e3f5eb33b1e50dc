"""Useful work while something else starts: read and measure files ahead of the flow.

What it computes goes into packs by content, exactly as the stage compute_stats would have done, so
the flow finds it there and the results are the same with it, without it, or with half of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imgvet.crops.listing import may_be_cut
from imgvet.measures.compute_stats import compute_stats
from imgvet.options import RunOptions, SourceOptions, VideoOptions
from imgvet.reasons import Reason
from imgvet.sources.inputs import compressed_inputs
from imgvet.sources.listing import list_items
from imgvet.sources.remote import remote_inputs
from imgvet.store.files import FILE_COLUMNS, FileToRead
from imgvet.store.store import Store
from imgvet.tables import to_frame
from imgvet.workdir import WorkDir

CHUNK = 200
"""Files between two looks at whether to stop; also the size of the packs that are written."""


def files_to_measure(work: WorkDir, options: RunOptions) -> list[FileToRead]:
    """The loose files whose content is not known and measured yet.

    Inputs that have to be fetched or unpacked first, and pictures that are cut, are left to the
    flow.

    Raises:
        ImgvetError: the input can't be listed, just as the flow would say.
    """
    store, sources = Store(work), options.part(SourceOptions)
    if remote_inputs(sources) or any(compressed_inputs(sources)) or may_be_cut(options):
        return []
    listing = to_frame(list_items(sources, store.files.load(), work))
    pending = listing[
        (listing["status"] == Reason.OK.value) & ~listing["digest"].isin(store.measures.digests())
    ]
    rows = pending[list(FILE_COLUMNS)].itertuples(index=False)
    return [FileToRead(*row) for row in rows]


def measure_ahead(
    work: WorkDir, options: RunOptions, files: Sequence[FileToRead], stop: Callable[[], bool]
) -> int:
    """Measure files until there are no more or ``stop()`` is true, and say how many were read."""
    videos, done = options.part(VideoOptions), 0
    while done < len(files) and not stop():
        chunk = files[done : done + CHUNK]
        compute_stats(chunk, Store(work), videos, options.num_threads, done, len(files))
        done += len(chunk)
    return done
