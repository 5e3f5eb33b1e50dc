"""Useful work while something else starts: read and measure files ahead of the flow.

What it computes goes into packs by content, exactly as the stage compute_stats would have done, so
the flow finds it there and the results are the same with it, without it, or with half of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from imgvet.crops.cutter import may_be_cut
from imgvet.measures.compute_stats import STAGE, measure_files
from imgvet.options import RunOptions, VideoOptions
from imgvet.progress import Progress
from imgvet.reasons import Reason
from imgvet.sources.listing import with_digests
from imgvet.store.files import FileToRead, files_in
from imgvet.store.packs import DIGEST
from imgvet.store.store import Store
from imgvet.tables import to_frame
from imgvet.workdir import WorkDir

CHUNK = 200
"""Files between two looks at whether to stop; also the size of the packs that are written."""


def files_to_measure(
    work: WorkDir, options: RunOptions, listing: pa.Table | None
) -> list[FileToRead]:
    """The listed files whose content is not known and measured yet.

    Pictures that are cut are left to the flow.
    """
    if listing is None or may_be_cut(options):
        return []
    store = Store(work)
    listed = to_frame(with_digests(listing, store.files.load()))
    measured = store.measures.hold(listed[DIGEST])
    return files_in(listed[(listed["status"] == Reason.OK.value) & ~measured])


def measure_ahead(
    work: WorkDir, options: RunOptions, files: Sequence[FileToRead], stop: Callable[[], bool]
) -> None:
    """Measure files until there are no more or ``stop()`` is true."""
    videos, done = options.part(VideoOptions), 0
    while done < len(files) and not stop():
        chunk = files[done : done + CHUNK]
        before = Progress(STAGE, done, len(files))
        measure_files(chunk, Store(work), videos, options.num_threads, before)
        done += len(chunk)
