"""What every benchmark is told: sizes, folder, peer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDER = REPOSITORY / ".bench"


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
        folder: where pictures and results are put.
        photos: folder of distinct photographs; None for those that there are.
        pictures: folder of pictures that ``inputs`` measures on as they are; None for cut photos.
        peer: Python interpreter that has fastdup; None to make one, or to do without (``quick``).
        quick: small sizes, to see that everything works; nothing is judged.
        full: also the sizes that take an hour.
        repeats: pairs of runs of imgvet and of the peer.
    """

    folder: Path = FOLDER
    photos: Path | None = None
    pictures: Path | None = None
    peer: Path | None = None
    quick: bool = False
    full: bool = False
    repeats: int = 2

    def size(self, usual: int, quick: int) -> int:
        """A size: the usual one, or the one for a quick look."""
        return quick if self.quick else usual

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new folder that is gone afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="run-", dir=self.folder) as folder:
            yield Path(folder)
