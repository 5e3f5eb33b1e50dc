"""Where a run happens: passed to every task, never part of a cache key."""

from __future__ import annotations

from pathlib import Path

from imgvet.options import Frozen
from imgvet.store.store import Store
from imgvet.workdir import WorkDir


class RunContext(Frozen):
    """Where and with how many threads a run is done.

    ``work_dir`` is absolute, ``threads`` are those that one task may use, ``part`` is that of
    :class:`imgvet.workdir.WorkDir`.
    """

    work_dir: Path
    threads: int
    part: str = ""

    @property
    def work(self) -> WorkDir:
        """The files of the work dir."""
        return WorkDir(self.work_dir, self.part)

    @property
    def store(self) -> Store:
        """The packs of the work dir."""
        return Store(self.work)
