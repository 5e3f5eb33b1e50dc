"""Where a run happens: passed to every task, never part of a cache key."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imgvet.parameters import Frozen
from imgvet.store.references import Reference, read_vectors, resolve, store_arrow
from imgvet.store.store import Store
from imgvet.tables import Table, conform, read_table
from imgvet.workdir import WorkDir

RUN_LOGGER = "imgvet.run"
"""Tells the server the run in some twenty lines; who runs it in a terminal is told otherwise."""

run_logger = logging.getLogger(RUN_LOGGER)


class Lent(Frozen):
    """The address of a work dir in a bucket, and the digests of the files of it that are needed."""

    bucket: str
    files: dict[str, str]


class RunContext(Frozen):
    """The absolute path of the work dir, the threads of one task, and the part of the work dir."""

    work_dir: Path
    threads: int
    part: str = ""
    lent: Lent | None = None
    """What takes the place of the work dir on a machine that lacks it."""

    @property
    def work(self) -> WorkDir:
        """The files of the work dir."""
        return WorkDir(self.work_dir, self.part)

    @property
    def store(self) -> Store:
        """The packs of the work dir."""
        return Store(self.work)

    def table(self, reference: Reference) -> pd.DataFrame:
        """The frame behind a reference."""
        return read_table(resolve(self.work, reference))

    def array(self, reference: Reference) -> NDArray[np.float32]:
        """The array behind a reference, mapped read-only into memory."""
        return read_vectors(resolve(self.work, reference))

    def save(self, table: Table, frame: pd.DataFrame) -> Reference:
        """Store a frame as one of the known tables."""
        return store_arrow(self.work, table.name, conform(frame, table))
