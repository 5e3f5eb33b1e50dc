"""Useful work while something else starts: read and measure files ahead of the flow.

What it computes goes into packs by content, exactly as the stage compute_stats would have done, so
the flow finds it there and the results are the same with it, without it, or with half of it.
"""

from __future__ import annotations

from collections.abc import Callable

from imgvet.measures.compute import compute_stats
from imgvet.media.reasons import Reason
from imgvet.options import RunOptions, SourceOptions
from imgvet.sources.inputs import compressed_inputs, remote_inputs
from imgvet.sources.listing import list_items
from imgvet.store.files import FILE_COLUMNS, FileToRead
from imgvet.store.store import Store
from imgvet.workdir import WorkDir

CHUNK = 200
"""Files between two looks at whether to stop; also the size of the packs that are written."""


def measure_ahead(work: WorkDir, options: RunOptions, stop: Callable[[], bool]) -> int:
    """Measure files until there are no more or ``stop()`` is true.

    Inputs that have to be fetched or unpacked first are left to the flow.

    Returns:
        how many files were read.

    Raises:
        ImgvetError: the input can't be listed, just as the flow would say.
    """
    store, sources = Store(work), options.part(SourceOptions)
    if remote_inputs(sources) or any(compressed_inputs(sources)):
        return 0
    listing = list_items(sources, store.files.load(), work).to_pandas()
    pending = listing[
        (listing["status"] == Reason.OK.value) & ~listing["digest"].isin(store.measures.digests())
    ]
    rows = pending[list(FILE_COLUMNS)].itertuples(index=False)
    files = [FileToRead(*row) for row in rows]
    done = 0
    while done < len(files) and not stop():
        chunk = files[done : done + CHUNK]
        compute_stats(chunk, store, options, options.num_threads, done, len(files))
        done += len(chunk)
    return done
