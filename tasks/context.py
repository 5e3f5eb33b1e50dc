"""Where a run happens: passed to every task, never part of a cache key."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from imgvet.store.store import Store
from imgvet.workdir import WorkDir


class RunContext(BaseModel):
    """Where and with how many threads a run is done.

    Attributes:
        work_dir: the work dir, absolute.
        threads: threads that one task may use.
        part: folder of the results in the work dir, see :class:`imgvet.workdir.WorkDir`.
    """

    model_config = ConfigDict(frozen=True)

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
